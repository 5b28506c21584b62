"""``callvault keys``: the key files."""

import asyncio
from typing import Final

from vault.cli import options

GROUP: Final = options.group("keys", "The key files.")


@GROUP.command("init")
def init(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Make the key files that are missing: root, ledger, tokens. Existing ones are never touched."""
    from vault.cli.keyfiles import make_key_files
    from vault.cli.output import note, show
    from vault.cli.rooms import settings_of

    made = asyncio.run(make_key_files(settings_of(config)))
    rows = [{"key": key.purpose, "file": key.path, "made": key.made} for key in made]
    show(rows, as_json=as_json, columns=("key", "file", "made"))
    if any(key.made and key.purpose == "root" for key in made):
        note("Keep a copy of the root key offline now: without it no recording can be opened again.")
