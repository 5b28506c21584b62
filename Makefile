# Everything a person or a machine does with this repository. `make` alone prints this list.
# Each target makes what it needs first: the Python environment from the lock files, Debian packages, JavaScript for tests.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON := .venv/bin/python

ARGS ?=
NAME ?=
TESTS ?= tests
WORKERS ?= 2

.PHONY: help run test check docs soak demo bench lock image-check clean venv-run venv-dev packages node

help:  ## print this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

run: venv-run  ## start the vault for development (SQLite, a folder, loopback only); ARGS="--port 8081" is passed on
	exec $(PYTHON) -m vault dev $(ARGS)

test: venv-dev packages node  ## run every test against the real parts; TESTS=path, ARGS="-k word", WORKERS=2
	$(PYTHON) -m pytest -n $(WORKERS) $(ARGS) $(TESTS)

check: venv-dev  ## format, lint, types, import layers, repository and documentation rules (under a minute)
	$(PYTHON) scripts/check.py

docs: venv-dev  ## write anew what is made from the code: the lists of the documents, the page /verify; ARGS=--check only compares
	$(PYTHON) scripts/write_docs.py $(ARGS)
	$(PYTHON) scripts/write_verifier.py $(ARGS)

soak: venv-dev packages node  ## the long campaigns: canaries on every disk, 500 random kills, an hour of calls that come and go, 10,000 steps of lives with restores
	CALLVAULT_TEST_SOAK=1 $(PYTHON) -m pytest -n 0 -m slow --timeout 7200 $(ARGS) $(TESTS)

demo: venv-dev packages node  ## call, record, play, erase, verify, then talk as two, in headless Chromium; one line per step
	$(PYTHON) scripts/demo.py $(ARGS)

bench: venv-dev  ## measure; NAME=seal|storage|recorder|talk|janus|playback|memory|turn for one of them
	$(PYTHON) -m benchmarks $(NAME)

lock: venv-dev  ## compute the three lock files again; ARGS=--upgrade takes newer releases (a week old at least)
	sh scripts/lock.sh $(ARGS)

image-check: venv-run  ## the Dockerfile's steps in a clean folder, without a container engine
	sh scripts/check_image.sh

clean:  ## remove what the targets above made (never ./callvault-dev)
	rm -rf .venv .state node_modules dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv-run:
	@sh scripts/venv.sh requirements.lock

venv-dev:
	@sh scripts/venv.sh requirements-dev.lock

packages:
	@sh scripts/packages.sh

node:
	@sh scripts/node.sh
