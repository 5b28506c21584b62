"""``callvault evidence``: make the pack that answers an audit, and check one with a pinned key alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options
from vault.evidence.period import MONTHS, MONTHS_MAX

if TYPE_CHECKING:
    from crypto.evidence import Evidence
    from vault.app import Rooms
    from vault.evidence.making import Made

GROUP: Final = options.group("evidence", "Evidence of a company's vault for its auditor.")
NAME: Final = "evidence"


@GROUP.command("make")
def make(
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for evidence.json and evidence.html.", file_okay=False)
    ] = Path(),
    months: Annotated[
        int, typer.Option("--months", min=1, max=MONTHS_MAX, help="Months over which accesses are counted.")
    ] = MONTHS,
    language: Annotated[str, typer.Option("--language", help="Of the page: en or fr.")] = "en",
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Write what the running vault says of itself: signed JSON, and the same as a page to read and print."""
    from vault.cli.exits import CommandError, Exit
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms
    from vault.evidence.page import LANGUAGES, evidence_page

    if language not in LANGUAGES:
        raise CommandError(f"--language: {' or '.join(LANGUAGES)}", code=Exit.USAGE)

    async def act(rooms: "Rooms") -> "Made":
        return await rooms.evidence.make(by=await acting_for(rooms, tenant), months=months)

    made = in_rooms(config, act)
    out.mkdir(parents=True, exist_ok=True)
    files = {
        out / f"{NAME}.json": made.file,
        out / f"{NAME}.html": evidence_page(made, language).encode(),
    }
    for path, content in files.items():
        path.write_bytes(content)
    told = {"sha256": made.sha256, "ledger_index": made.ledger_index, "files": list(map(str, files))}
    show(told, as_json=as_json)


@GROUP.command("verify")
def verify(
    *,
    file: Annotated[Path, typer.Argument(help="The evidence.json.", exists=True, dir_okay=False)],
    key: Annotated[
        list[str],
        typer.Option(
            "--key", help="A verifier key, or a file of them; repeat. All of them must have signed."
        ),
    ],
    as_json: options.Json = False,
) -> None:
    """Check a pack offline: every byte of it, against keys that were pinned beforehand."""
    from crypto.errors import CryptoError
    from crypto.evidence import EVIDENCE_LIMIT_BYTES, verify_evidence
    from vault.cli.exits import CommandError
    from vault.cli.output import cell, say, show
    from vault.cli.pins import read_pins

    pins = read_pins(key)
    with file.open("rb") as opened:
        content = opened.read(EVIDENCE_LIMIT_BYTES + 1)
    try:
        told = summary(verify_evidence(content, pins))
    except CryptoError as cause:
        raise CommandError(f"NOT VALID: {cause}") from cause
    if not as_json:
        say(f"VALID: evidence of {cell(told['tenant'])}, made {cell(told['made_at'])}")
    show(told, as_json=as_json)


def summary(evidence: "Evidence") -> dict[str, Any]:
    """Say what a verified pack is of, and what it is proven under."""
    fields, head = evidence.entry.fields, evidence.entry.checkpoint
    return {
        "tenant": fields["tenant"],
        "made_at": fields["time"],
        "sha256": evidence.sha256,
        "ledger": head.origin,
        "tree_size": head.size,
    }
