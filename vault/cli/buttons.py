"""``callvault button``: call buttons and the pages that may show them."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options
from vault.model import DAYS_MAX

if TYPE_CHECKING:
    from vault.app import Rooms
    from vault.calls.buttons import Button

GROUP: Final = options.group("button", "Call buttons and the pages that may show them.")
SHOWN: Final = ("id", "name", "media", "records", "retention_days", "allowed_origins", "disabled")
ButtonId = Annotated[str, typer.Argument(metavar="BUTTON", help="Id, as `callvault button list` shows it.")]


@GROUP.command("add")
def add(  # noqa: PLR0913  # one option for each thing a visitor reads
    *,
    name: Annotated[str, typer.Argument(callback=options.named, help="What your own people call it.")],
    origin: Annotated[
        list[str],
        typer.Option("--origin", help="A page's scheme and host, like https://shop.example; repeat."),
    ],
    label_fr: Annotated[str, typer.Option("--label-fr", callback=options.named)] = "Nous appeler",
    label_en: Annotated[str, typer.Option("--label-en", callback=options.named)] = "Call us",
    purpose_fr: Annotated[str, typer.Option("--purpose-fr", help="Why calls are recorded.")] = "",
    purpose_en: Annotated[str, typer.Option("--purpose-en", help="Why calls are recorded.")] = "",
    audio_only: Annotated[bool, typer.Option("--audio-only", help="Never ask for a camera.")] = False,
    records: Annotated[bool, typer.Option("--record/--no-record", help="Ask to record calls.")] = True,
    retention_days: Annotated[int | None, typer.Option("--retention-days", min=1, max=DAYS_MAX)] = None,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Add a button and print its id for the page."""
    from vault.calls.buttons import NewButton
    from vault.cli.exits import CommandError, Exit
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    if records and not (purpose_fr and purpose_en):
        raise CommandError("say why calls are recorded: --purpose-fr and --purpose-en", code=Exit.USAGE)

    async def act(rooms: "Rooms") -> dict[str, Any]:
        new = NewButton(
            name=name,
            label={"fr": label_fr, "en": label_en},
            purpose={"fr": purpose_fr, "en": purpose_en},
            media=("audio",) if audio_only else ("audio", "video"),
            allowed_origins=tuple(origin),
            records=records,
            retention_days=retention_days,
        )
        return _shown(await rooms.buttons.create(new, by=await acting_for(rooms, tenant)))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("list")
def list_(
    *, tenant: options.Tenant = None, config: options.Config = None, as_json: options.Json = False
) -> None:
    """List a tenant's buttons, oldest first."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        by = await acting_for(rooms, tenant)
        return [_shown(found) for found in await rooms.buttons.list(by=by)]

    show(in_rooms(config, act), as_json=as_json, columns=SHOWN)


@GROUP.command("change")
def change(
    *,
    button: ButtonId,
    origin: Annotated[
        list[str] | None, typer.Option("--origin", help="Replaces the whole list; repeat for several.")
    ] = None,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Take calls, or take none.")] = None,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Change where a button may stand, or switch it; takes effect with the next call."""
    from vault.cli.exits import CommandError, Exit
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    if not origin and on is None:
        raise CommandError("say what to change: --origin, --on or --off", code=Exit.USAGE)

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        origins = tuple(origin) if origin else None
        disabled = None if on is None else not on
        return _shown(await rooms.buttons.change(button, by=by, allowed_origins=origins, disabled=disabled))

    show(in_rooms(config, act), as_json=as_json)


def _shown(button: "Button") -> dict[str, Any]:
    return {name: getattr(button, name) for name in SHOWN}
