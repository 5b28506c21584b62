"""What the documents show can be done as shown: the examples of API.md and OPERATIONS.md are run."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import Block, blocks
from tests.end_to_end.program import Program, running_program
from tests.repo import tree
from tests.servers.parts import need

PATIENCE_S = 40.0


class Reader:
    """Somebody who follows API.md line by line: what an answer gave is used in the next step."""

    def __init__(self, program: Program, folder: Path) -> None:
        self._folder = folder
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        command = bin_folder / "callvault"
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vault "$@"\n')
        command.chmod(0o755)
        self.known = {
            **os.environ,
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(tree.ROOT),
            "CALLVAULT_CONFIG_FILE": str(program.folder / "callvault.toml"),
            "BASE": program.base,
        }

    def run(self, script: str) -> str:
        """Run shell lines with what is known so far; give what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=self.known,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout

    def follow(self, block: Block) -> None:
        """Run a block until its answer has what the next steps need: work goes on in the background."""
        takes = [pair.partition("=")[::2] for pair in (block.takes or "").lstrip(": ").split()]
        until_s = time.monotonic() + PATIENCE_S
        while True:
            printed = self.run(block.body)
            try:
                found = {name: dig(json.loads(printed), path) for name, path in takes}
            except (ValueError, LookupError, TypeError):
                if time.monotonic() > until_s:
                    pytest.fail(f"the example gave no {takes}:\n{block.body}\n{printed[:2000]}")
                time.sleep(0.3)
                continue
            self.known |= found
            return


def dig(value: Any, path: str) -> str:
    """Follow ``items.0.id`` into an answer; ``state=ended`` waits for that value.

    Raises LookupError or TypeError where it leads nowhere, or to another value yet.
    """
    steps, _, awaited = path.partition("=")
    for step in steps.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    if awaited and value != awaited:
        raise LookupError(value)
    return str(value)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader beside a vault in development, who has a supervisor's token and knows the button."""
    need("curl", "bash")
    with running_program(tmp_path / "vault") as program:
        made = Reader(program, tmp_path)
        made.known["BUTTON"] = program.button_id()
        person = json.loads(made.run('callvault agent add "Ada" --role supervisor --json'))["id"]
        made.known["TOKEN"] = made.run(f"callvault agent token {person}").strip()
        yield made


@pytest.mark.timeout(180)
def test_the_main_job_can_be_done_by_the_examples_of_the_api_page(reader: Reader) -> None:
    """Open, consent, publish, find, link, play, history, erase, receipt: each as the page writes it."""
    steps = [block for block in blocks("docs/API.md") if block.takes is not None]
    assert len(steps) > 8
    for block in steps:
        reader.follow(block)
        if "CONSENT=" in (block.takes or ""):
            publish(reader)
    assert reader.known["STATUS"] == "complete"
    assert reader.known["STATE"] == "ended"
    assert (Path(reader.known["CALLVAULT_CONFIG_FILE"]).parents[1] / "start-of-recording").stat().st_size > 0


def publish(reader: Reader) -> None:
    """Send two seconds of picture and sound, as any WHIP client would."""
    script = tree.ROOT / "tests" / "webrtc" / "publisher.py"
    size = "--width 320 --height 180 --bit-rate 200000"
    reader.run(
        f"{shlex.quote(sys.executable)} {script} --leg $BASE/v1/calls/$CALL/legs $VISITOR --seconds 2 {size}"
    )


@pytest.mark.timeout(120)
def test_the_first_start_of_the_operations_page_goes_as_written(tmp_path: Path) -> None:
    """Example, fill in, keys, check, store, tenant, person, button: every command but the server itself."""
    block = next(b for b in blocks("docs/OPERATIONS.md") if "callvault keys init" in b.body)
    lines = [line for line in block.body.splitlines() if not line.startswith("callvault serve")]
    more = next(b for b in blocks("docs/OPERATIONS.md") if "callvault tenant add" in b.body)
    later = more.body.replace(
        "per_…", '"$(callvault agent list --json | grep -o "per_[0-9a-f]*" | head -n 1)"'
    )
    fill_in = "sed -i 's/^#public_url/public_url/; s/^#country/country/; s/^#origin/origin/' callvault.toml"
    command = f'callvault() {{ {shlex.quote(sys.executable)} -m vault "$@"; }}'
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CALLVAULT_")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join([command, lines[0], fill_in, *lines[1:], later])],
        env={**environ, "PYTHONPATH": str(tree.ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "https://calls.example.org/console#code=" in done.stdout
    assert "btn_" in done.stdout
