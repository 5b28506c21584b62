"""``callvault receipt``: get a deletion receipt, and check one with nothing but a pinned key."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options

if TYPE_CHECKING:
    from crypto.receipts import Receipt
    from vault.app import Rooms

GROUP: Final = options.group("receipt", "Deletion receipts.")
SHREDDED: Final = "object.shredded"
SHOWN: Final = (
    "kind",
    "object",
    "requested_at",
    "key_forgotten_at",
    "objects_deleted_at",
    "live_erased_at",
    "irrecoverable_by",
    "assurance",
    "reason",
    "method",
)


@GROUP.command("verify")
def verify(
    *,
    file: Annotated[Path, typer.Argument(help="The receipt.", exists=True, dir_okay=False)],
    key: Annotated[
        list[str],
        typer.Option(
            "--key", help="A verifier key, or a file of them; repeat. All of them must have signed."
        ),
    ],
    as_json: options.Json = False,
) -> None:
    """Check a receipt offline. Exit code 0 only when it is proven and the erasure complete."""
    from crypto.errors import CryptoError
    from crypto.receipts import verify_receipt
    from vault.cli.exits import CommandError
    from vault.cli.output import show
    from vault.cli.pins import read_pins

    pins = read_pins(key)
    try:
        receipt = verify_receipt(file.read_bytes(), pins)
    except CryptoError as cause:
        raise CommandError(f"NOT VALID: {cause}") from cause
    told = summary(receipt)
    if as_json:
        show(told, as_json=True)
    else:
        _print(told)
    if receipt.status == "pending":
        raise CommandError("the receipt is valid, but the erasure was not complete; get it again later")


@GROUP.command("get")
def get(
    *,
    request: Annotated[str, typer.Argument(help="Deletion request id (del_…).")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file.")] = None,
    tenant: options.Tenant = None,
    config: options.Config = None,
) -> None:
    """Write the receipt of a deletion request as it stands."""
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> bytes:
        return await rooms.receipts.of(request, by=await acting_for(rooms, tenant))

    receipt = in_rooms(config, act)
    if output is not None:
        output.write_bytes(receipt)
    else:
        sys.stdout.write(receipt.decode() + "\n")


def summary(receipt: "Receipt") -> dict[str, Any]:
    """Say what a verified receipt proves: which objects, when, and under which checkpoints."""
    erased = [entry for entry in receipt.entries if entry.fields.get("type") == SHREDDED]
    return {
        "request": receipt.request,
        "status": receipt.status,
        "erased": [{name: entry.fields.get(name) for name in SHOWN} for entry in erased],
        "ledger": sorted({entry.checkpoint.origin for entry in receipt.entries}),
        "tree_size": max(entry.checkpoint.size for entry in receipt.entries),
    }


def _print(told: dict[str, Any]) -> None:
    from vault.cli.output import cell, say, show

    say(f"VALID: {told['request']}, {told['status']}, signed by {cell(told['ledger'])}")
    for entry in told["erased"]:
        say()
        show(entry, as_json=False)
