"""What comes after an erasure: a backup, the turn of the epoch, and a receipt that is final."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.end_to_end.journey import ROOT, Journey, require


def turn_the_epoch(journey: Journey) -> str:
    """Turn it beside the running program, at once: the old epoch's key is destroyed at its provider."""
    told = _run(journey, "keys", "turn", "--at-once")
    states = [each["state"] for each in told]
    require(f"the old epoch is destroyed: {states}", ok=states == ["destroyed", "current"])
    made = {each["kind"] for each in _run(journey, "backup", "list")}
    require(f"a backup of the key store was made first: {made}", ok="keys" in made)
    return f"{told[1]['data_keys']} keys moved on"


def the_receipt_is_final(journey: Journey) -> None:
    """Get it again, and verify it with the script that needs nothing of ours."""
    request = json.loads(journey.receipt.read_text())["request"]
    answer = journey.api("GET", f"/v1/deletion-requests/{request}/receipt")
    final = journey.folder / "final.json"
    final.write_bytes(answer.body())
    require("the receipt is final", ok=answer.json()["status"] == "final")
    key = journey.api("GET", "/v1/ledger/key").json()["keys"][0]
    script = [sys.executable, str(ROOT / "docs" / "tools" / "verify_receipt.py"), str(final), "--key", key]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    require(f"it verifies offline: {done.stdout}{done.stderr}", ok=done.returncode == 0)


def restore_it_elsewhere(journey: Journey) -> str:
    """Restore the newest backups into an empty folder, where only key files lie."""
    _run(journey, "backup", "create")
    there = journey.folder / "elsewhere"
    here = journey.program.folder
    for name in ("keys", "backups", "key-backups"):
        shutil.copytree(here / name, there / name)
    (there / "keys" / "root.key").unlink()
    settings = (here / "callvault.toml").read_text().replace(str(here), str(there))
    (there / "callvault.toml").write_text(settings)
    restored = _run(journey, "backup", "restore", folder=there)
    with closing(sqlite3.connect(there / "callvault.db")) as database:
        entries = database.execute("SELECT count(*) FROM leaves").fetchone()[0]
    sizes = [each["ledger_size"] for each in restored if each["kind"] == "main"]
    require(f"the ledger is back: {entries} of {sizes}", ok=sizes == [entries] and entries > 0)
    return f"{entries} entries of the ledger"


def _run(journey: Journey, *command: str, folder: Path | None = None) -> Any:
    config = (folder or journey.program.folder) / "callvault.toml"
    argv = [sys.executable, "-m", "vault", *command, "--config", str(config), "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    require(f"{' '.join(command)} ends well: {done.stderr}", ok=done.returncode == 0)
    return json.loads(done.stdout)
