#!/bin/sh
# Computes the lock files again from pyproject.toml and package.json. What is locked already stays, unless --upgrade is given:
# then the newest releases are taken that are at least a week old (a bad release is usually found within days).
# The locks hold versions and hashes for every platform and Python, and no address of any index.
# Usage: scripts/lock.sh [--upgrade]
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9
upgrade=
if [ "${1:-}" = --upgrade ]; then
    upgrade="--upgrade --exclude-newer $(date -u -d '7 days ago' +%Y-%m-%d)"
fi

# The resolver is a tool of this script alone: it stays out of the environment that the tests run in.
if [ ! -x ".state/uv-$UV_VERSION/bin/uv" ]; then
    .venv/bin/python -m venv ".state/uv-$UV_VERSION"
    ".state/uv-$UV_VERSION/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_VERSION"
fi

compile() {  # compile LOCK EXTRA-ARGUMENT...
    lock=$1
    shift
    # shellcheck disable=SC2086  # $upgrade is a list of arguments, or nothing
    ".state/uv-$UV_VERSION/bin/uv" pip compile --quiet --universal --python-version 3.11 --all-extras \
        --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        $upgrade "$@" --output-file "$lock" pyproject.toml
}

compile requirements.lock
compile requirements-dev.lock --group dev --constraint requirements.lock

# .npmrc keeps addresses out of package-lock.json.
npm install --package-lock-only --ignore-scripts --loglevel=error </dev/null
git --no-pager diff --stat -- requirements.lock requirements-dev.lock package-lock.json
