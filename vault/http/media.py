"""Media of a tenant: lists, single items, their history, links to play them, erasure."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from vault.clock import from_text, to_text
from vault.errors import ConflictError, ErasedError, NotFoundError, RestrictedError
from vault.http.ask import Answer, Ask
from vault.http.deletions import DeletionOut, present_deletion
from vault.http.paging import next_link, scope_of
from vault.http.playback import SUFFIX_OF
from vault.http.route import Route
from vault.http.wire import In, Moment, Out, PageQuery, Text
from vault.media.library import MediaFilter, MediaItem
from vault.model import ErasureReason, Id, ItemKind, LegKind, MediaState, Part, Role
from vault.policy import Permission

QueryMoment = Annotated[
    datetime,
    BeforeValidator(lambda value: from_text(value) if isinstance(value, str) else value),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
BUTTON_ID: Final = r"^btn_[0-9a-f]{32}$"
CALL_ID: Final = r"^call_[0-9a-f]{32}$"
PART_FILES: Final = {
    Part.MEDIA: "media",
    Part.THUMB: "poster",
    Part.WAVE: "waveform",
    Part.MANIFEST: "manifest",
}


class MediaQuery(PageQuery):
    """Filters of the list."""

    state: MediaState | None = Field(None, description="Only items in this state.")
    kind: ItemKind | None = Field(None, description="Only items of this kind.")
    button_id: str | None = Field(None, pattern=BUTTON_ID, description="Only items of this button.")
    call_id: str | None = Field(None, pattern=CALL_ID, description="Only items of this call.")
    from_: QueryMoment | None = Field(None, alias="from", description="Only items created at or after.")
    to: QueryMoment | None = Field(None, description="Only items created before.")
    order: Literal["created_at.desc", "created_at.asc"] = Field(
        "created_at.desc", description="Newest first."
    )


class MediaOut(Out):
    """One media item. ``leg_role`` and ``leg_kind`` say whose side of the call it holds; an export has none.

    ``irrecoverable_by``: were it erased now, no backup would hold a key after this.
    """

    id: str
    kind: ItemKind
    state: MediaState
    call_id: str
    leg_id: str | None
    leg_role: Role | None
    leg_kind: LegKind | None
    button_id: str
    button_name: str
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    duration_ms: int | None
    size_bytes: int | None
    content_type: str | None
    codecs: list[str]
    has: list[Part]
    recovered: bool
    retain_until: Moment
    restricted_at: Moment | None
    erased_at: Moment | None
    deletion_request_id: str | None
    irrecoverable_by: Moment


class MediaPage(Out):
    """One page of media."""

    items: list[MediaOut]
    next_cursor: str | None


class HistoryItem(Out):
    """One ledger entry about an item. ``actor`` is a name for those who may know it, else a pseudonym."""

    type: str
    at: Moment
    actor: str
    purpose: str | None
    result: str | None
    index: int


class HistoryPage(Out):
    """One page of an item's history, newest first."""

    items: list[HistoryItem]
    next_cursor: str | None


class LinkIn(In):
    """Why somebody wants to look."""

    purpose: Text = Field(min_length=3, max_length=200)


class LinkUrls(Out):
    """Where the parts can be fetched while the link lives; None for a part there is not."""

    media: str
    poster: str | None
    waveform: str | None
    manifest: str | None


class LinkOut(Out):
    """A link: one person, one item, minutes."""

    id: str
    expires_at: Moment
    urls: LinkUrls


class EraseQuery(In):
    """Why something is erased."""

    reason: ErasureReason = Field(description="The ground of the erasure; it stands in the ledger.")


async def list_media(ask: Ask[None, MediaQuery]) -> Answer:
    """List media, newest first."""
    query, who = ask.query, ask.principal
    scope = scope_of("media", who.tenant_id, query)
    after = _after(ask.services.cursors.read(scope, query.cursor)) if query.cursor else None
    wanted = MediaFilter(
        state=query.state,
        kind=query.kind,
        button_id=query.button_id,
        call_id=query.call_id,
        from_=query.from_,
        to=query.to,
        ascending=query.order == "created_at.asc",
        after=after,
    )
    found = await ask.services.library.page(wanted, by=who, limit=query.limit + 1)
    shown = found[: query.limit]
    cursor = None
    if len(found) > query.limit:
        cursor = ask.services.cursors.write(scope, [to_text(shown[-1].created_at), shown[-1].id])
    return Answer(
        body=MediaPage(items=[_present(ask, item) for item in shown], next_cursor=cursor),
        headers=next_link(ask, cursor),
    )


async def show_media(ask: Ask[None, None]) -> Answer:
    """Show one item; an erased one too, as erased."""
    item = await ask.services.library.get(ask.path["media_id"], by=ask.principal)
    if item.state is MediaState.ERASED:
        details = {"deletion_request_id": item.deletion_request_id or ""}
        if item.erased_at is not None:
            details["erased_at"] = to_text(item.erased_at)
        raise ErasedError("this recording has been erased", details=details)
    return Answer(body=_present(ask, item))


async def history(ask: Ask[None, PageQuery]) -> Answer:
    """Tell who looked, when and why, from the ledger."""
    item = await ask.services.library.get(ask.path["media_id"], by=ask.principal)
    scope = scope_of(f"history {item.id}", ask.principal.tenant_id, ask.query)
    before = int(ask.services.cursors.read(scope, ask.query.cursor)[0]) if ask.query.cursor else None
    found = await ask.services.ledger.history(item.id, before=before, limit=ask.query.limit + 1)
    shown = found[: ask.query.limit]
    cursor = ask.services.cursors.write(scope, [shown[-1].index]) if len(found) > len(shown) else None
    names = await _names(ask, {str(told.detail["person"]) for told in shown if "person" in told.detail})
    items = [
        HistoryItem(
            type=told.type,
            at=told.at,
            actor=names.get(str(told.detail.get("person")), told.actor),
            purpose=told.detail.get("purpose"),
            result=_result(told.facts),
            index=told.index,
        )
        for told in shown
    ]
    return Answer(body=HistoryPage(items=items, next_cursor=cursor), headers=next_link(ask, cursor))


async def make_link(ask: Ask[LinkIn, None]) -> Answer:
    """Make a link for oneself, for a purpose."""
    media_id = ask.path["media_id"]
    link = await ask.services.links.make(media_id, ask.body.purpose, by=ask.principal)
    item = await ask.services.library.get(media_id, by=ask.principal)
    suffix = SUFFIX_OF.get(item.content_type or "", "webm")
    paths = {
        Part.MEDIA: f"/p/{link.path}/media.{suffix}",
        Part.THUMB: f"/p/{link.path}/poster.webp",
        Part.WAVE: f"/p/{link.path}/waveform.json",
        Part.MANIFEST: f"/p/{link.path}/manifest.json",
    }
    has = {part: path if part in item.parts else None for part, path in paths.items()}
    return Answer(
        status=201,
        body=LinkOut(
            id=link.id,
            expires_at=link.expires_at,
            urls=LinkUrls(
                media=paths[Part.MEDIA],
                poster=has[Part.THUMB],
                waveform=has[Part.WAVE],
                manifest=has[Part.MANIFEST],
            ),
        ),
    )


async def revoke_link(ask: Ask[None, None]) -> Answer:
    """Revoke a link; what plays through it stops within seconds."""
    await ask.services.links.revoke(ask.path["link_id"], by=ask.principal)
    return Answer(status=204)


async def erase(ask: Ask[None, EraseQuery]) -> Answer:
    """Erase an item, for good."""
    asked = await ask.services.deletion_requests.of_media(
        ask.path["media_id"], ask.query.reason, by=ask.principal
    )
    ask.services.keeper.wake()
    return Answer(
        status=202,
        body=present_deletion(asked),
        headers={"Location": f"/v1/deletion-requests/{asked.id}"},
    )


def _after(position: list[str | int]) -> tuple[datetime, str]:
    return from_text(str(position[0])), str(position[1])


def _result(facts: dict[str, Any]) -> str | None:
    found = facts.get("reason")
    return None if found is None else str(found)


async def _names(ask: Ask[Any, Any], people: set[str]) -> dict[str, str]:
    """Name the people of the history, for those whose role may read people; others see pseudonyms."""
    if not ask.principal.may(Permission.PEOPLE_READ):
        return {ask.principal.id: await _name(ask, ask.principal.id)} if ask.principal.id in people else {}
    return {person: await _name(ask, person) for person in people}


async def _name(ask: Ask[Any, Any], person_id: str) -> str:
    try:
        person = await ask.services.identity.people.one(person_id, tenant_id=Id(ask.principal.tenant_id))
    except NotFoundError:
        return person_id
    return person.name


def _present(ask: Ask[Any, Any], item: MediaItem) -> MediaOut:
    backups = timedelta(days=ask.services.settings.irrecoverable_days)
    return MediaOut(
        id=item.id,
        kind=item.kind,
        state=item.state,
        call_id=item.call_id,
        leg_id=item.leg_id,
        leg_role=item.leg_role,
        leg_kind=item.leg_kind,
        button_id=item.button_id,
        button_name=item.button_name,
        created_at=item.created_at,
        started_at=item.started_at,
        ended_at=item.ended_at,
        duration_ms=item.duration_ms,
        size_bytes=item.size_bytes,
        content_type=item.content_type,
        codecs=list(item.codecs),
        has=list(item.parts),
        recovered=item.recovered,
        retain_until=item.retain_until,
        restricted_at=item.restricted_at,
        erased_at=item.erased_at,
        deletion_request_id=item.deletion_request_id,
        irrecoverable_by=(item.erased_at or ask.services.clock.now()) + backups,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/media",
        handler=list_media,
        needs=Permission.MEDIA_LIST,
        summary="List media.",
        tag="media",
        query=MediaQuery,
        responses={200: MediaPage},
    ),
    Route(
        method="GET",
        path="/v1/media/{media_id}",
        handler=show_media,
        needs=Permission.MEDIA_LIST,
        summary="Show a media item.",
        tag="media",
        responses={200: MediaOut},
        errors=(NotFoundError, ErasedError),
    ),
    Route(
        method="GET",
        path="/v1/media/{media_id}/access",
        handler=history,
        needs=Permission.MEDIA_HISTORY,
        summary="Who looked, when and why.",
        tag="media",
        query=PageQuery,
        responses={200: HistoryPage},
        errors=(NotFoundError,),
    ),
    Route(
        method="POST",
        path="/v1/media/{media_id}/links",
        handler=make_link,
        needs=Permission.MEDIA_PLAY,
        summary="Make a link to play an item.",
        tag="media",
        body=LinkIn,
        creates=True,
        responses={201: LinkOut},
        errors=(NotFoundError, ErasedError, ConflictError, RestrictedError),
    ),
    Route(
        method="DELETE",
        path="/v1/links/{link_id}",
        handler=revoke_link,
        needs=Permission.MEDIA_LIST,
        summary="Revoke a link.",
        tag="media",
        responses={204: None},
        errors=(NotFoundError,),
    ),
    Route(
        method="DELETE",
        path="/v1/media/{media_id}",
        handler=erase,
        needs=Permission.MEDIA_ERASE,
        summary="Erase a media item.",
        tag="media",
        query=EraseQuery,
        responses={202: DeletionOut},
        errors=(NotFoundError, ErasedError, RestrictedError),
    ),
)
