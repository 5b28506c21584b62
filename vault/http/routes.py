"""The one table of routes.

To add a resource, write ``vault/http/<resource>.py`` with three parts (``people.py`` is the model):

1. Wire models: requests inherit ``wire.In`` (unknown members are refused), lists' queries ``wire.PageQuery``,
   answers ``wire.Out``. Use ``wire.Text`` for text, ``wire.Integer`` for numbers, ``wire.Moment`` for times.
2. Handlers, ``async def name(ask: Ask[Body, Query]) -> Answer``, in four moves: parse (``ask.body``,
   ``ask.query``, ``ask.path["media_id"]`` are validated already), require and act (one call of a use case
   from ``ask.services``, with ``ask.principal``), present (a model into an ``Answer``). A handler that
   streams returns an ``aiohttp.web.StreamResponse`` of its own. Errors are raised as ``vault.errors``
   classes: the door turns them into problems.
3. ``ROUTES``: one ``Route`` each, with its permission, body, query, answers and the errors it may raise.

Then add the module below, and a field to ``vault.http.services`` for a use case that is not there yet.
``cors=Cors.BUTTON`` opens a route to the pages of a button; ``creates=True`` gives it idempotency keys;
``hidden=True`` keeps pages and assets out of the API description. A path parameter that is an identifier is
listed in ``route.PATH_IDS``; any other needs a regular expression in ``patterns``.
"""

from typing import Final

from vault.http import (
    asks,
    buttons,
    calls,
    chat,
    deletions,
    docs,
    events,
    evidence,
    exits,
    exports,
    feeds,
    health,
    history,
    holds,
    ice,
    invitations,
    issuers,
    ledger,
    media,
    notes,
    pages,
    pauses,
    people,
    playback,
    portal,
    quality,
    restrictions,
    retention,
    retention_changes,
    ringing,
    sessions,
    signalling,
    teams,
    tenant,
    withdrawals,
)
from vault.http.route import RouteTable

ROUTES: Final = RouteTable(
    (
        *health.ROUTES,
        *docs.ROUTES,
        *pages.ROUTES,
        *sessions.ROUTES,
        *people.ROUTES,
        *teams.ROUTES,
        *issuers.ROUTES,
        *buttons.ROUTES,
        *calls.ROUTES,
        *signalling.ROUTES,
        *chat.ROUTES,
        *feeds.ROUTES,
        *ice.ROUTES,
        *quality.ROUTES,
        *events.ROUTES,
        *ringing.ROUTES,
        *asks.ROUTES,
        *invitations.ROUTES,
        *history.ROUTES,
        *notes.ROUTES,
        *pauses.ROUTES,
        *withdrawals.ROUTES,
        *portal.ROUTES,
        *tenant.ROUTES,
        *media.ROUTES,
        *exports.ROUTES,
        *playback.ROUTES,
        *deletions.ROUTES,
        *retention.ROUTES,
        *retention_changes.ROUTES,
        *exits.ROUTES,
        *holds.ROUTES,
        *restrictions.ROUTES,
        *ledger.ROUTES,
        *evidence.ROUTES,
    )
)
"""Everything the program answers. docs/API.md repeats it and a test holds the two equal."""
