"""Asking for erasure: by recording, by call, by visitor; once, by whom, and in whose name."""

import asyncio

import pytest
from sqlalchemy import select

from tests.vault.media.workshop import Workshop
from tests.vault.rights.traces import left_of, receipt_of, shredded, traces_of
from vault.db.tables import call_indexes, calls
from vault.errors import ConflictError, ErasedError, ForbiddenError, NotFoundError, VaultError
from vault.model import ConsentChoice, ErasureReason, Role, new_id

WHY = ErasureReason.VISITOR_REQUEST


async def test_of_requests_that_come_at_once_one_is_the_request(any_work: Workshop) -> None:
    """ASVS 2.3.4: one winner; the others are told of the same request and the ledger has one entry."""
    begun = await any_work.ready()
    other = await any_work.reborn()
    rooms = [any_work.requests, other.requests]
    asked = await asyncio.gather(
        *(rooms[n % 2].of_media(begun.media_id, WHY, by=any_work.by()) for n in range(6))
    )
    assert len({request.id for request in asked}) == 1
    told = [entry.type for entry in await any_work.ledger.history(begun.media_id)]
    assert told.count("erasure.requested") == 1


async def personal_columns(work: Workshop, call_id: str) -> tuple[bytes | None, bytes | None]:
    """What a call's row holds of its visitor."""
    async with work.database.read() as connection:
        row = (await connection.execute(select(calls).where(calls.c.id == call_id))).one()
        found = await connection.execute(
            select(call_indexes.c.keyed).where(call_indexes.c.call_id == call_id)
        )
        return row.personal, b"".join(index.keyed for index in found) or None


async def test_a_call_goes_with_its_recording_and_its_visitor(any_work: Workshop) -> None:
    """Scope call: media, personal fields and the hash they were found by."""
    call = await any_work.consented()
    begun = await any_work.ready(call=call)
    assert all(await personal_columns(any_work, call.id))
    traces = await traces_of(any_work, call.id, begun.media_id)
    request = await any_work.requests.of_call(call.id, WHY, by=any_work.by())
    assert {item.object_id for item in request.items} == {call.id, begun.media_id}
    assert await any_work.keeper.turn() == 0
    assert await left_of(any_work, traces) == []
    assert await personal_columns(any_work, call.id) == (None, None)
    receipt = await receipt_of(any_work, request.id)
    assert (receipt.status, len(receipt.entries)) == ("complete", 2)
    with pytest.raises(ErasedError):
        await any_work.requests.of_call(call.id, WHY, by=any_work.by())
    with pytest.raises(ErasedError):
        await any_work.requests.of_media(begun.media_id, WHY, by=any_work.by())
    with pytest.raises(NotFoundError):
        await any_work.requests.of_visitor("customer-1", WHY, by=any_work.by())


async def test_a_visitors_reference_reaches_every_call_of_theirs_and_no_other(any_work: Workshop) -> None:
    """Scope visitor: exact match; the neighbour is untouched."""
    theirs = [await any_work.consented(reference="Customer-7") for _ in range(2)]
    media = [await any_work.ready(call=call) for call in theirs]
    neighbour = await any_work.ready(call=await any_work.consented(reference="customer-77"))
    request = await any_work.requests.of_visitor("Customer-7", WHY, by=any_work.by(Role.SERVICE))
    wanted = {call.id for call in theirs} | {begun.media_id for begun in media}
    assert {item.object_id for item in request.items} == wanted
    assert await any_work.keeper.turn() == 0
    assert (await any_work.requests.get(request.id, by=any_work.by())).complete
    assert not await shredded(any_work, neighbour.media_id)
    assert await any_work.plain(neighbour)


async def test_a_call_nobody_joined_can_be_erased_and_is_over(any_work: Workshop) -> None:
    """Somebody who read the notice and left has rights too; nobody joins that call afterwards."""
    call = await any_work.consented()
    await any_work.requests.of_call(call.id, WHY, by=any_work.by())
    told = [(entry.type, entry.facts.get("reason")) for entry in await any_work.ledger.history(call.id)]
    assert told[:2] == [("call.ended", "erased"), ("erasure.requested", WHY.value)]
    assert await any_work.keeper.turn() == 0
    with pytest.raises(ConflictError):
        await any_work.calls.ready_for_leg(call.id, by=any_work.visitor(call))
    with pytest.raises(ConflictError):
        await any_work.calls.answer_notice(
            call.id,
            ConsentChoice.ACCEPTED,
            notice_hash=call.notice.hash,
            language="en",
            by=any_work.visitor(call),
        )


async def test_a_running_call_is_erased_after_its_end(any_work: Workshop) -> None:
    """A leg that is carried would go on storing: ask again when the call is over."""
    call = await any_work.consented()
    begun = await any_work.begun(call)
    with pytest.raises(ConflictError):
        await any_work.requests.of_call(call.id, WHY, by=any_work.by())
    await any_work.calls.leg_ended(call.id, begun.leg_id, reason="hangup")
    request = await any_work.requests.of_call(call.id, WHY, by=any_work.by())
    assert not request.complete


async def test_a_running_call_does_not_keep_its_visitors_other_calls(any_work: Workshop) -> None:
    """It is left out and asked for again later; alone it is no call that could be erased yet."""
    running = await any_work.consented()
    begun = await any_work.begun(running)
    with pytest.raises(NotFoundError):
        await any_work.requests.of_visitor("customer-1", WHY, by=any_work.by())
    over = await any_work.consented()
    first = await any_work.requests.of_visitor("customer-1", WHY, by=any_work.by())
    assert [item.object_id for item in first.items] == [over.id]
    await any_work.calls.leg_ended(running.id, begun.leg_id, reason="hangup")
    second = await any_work.requests.of_visitor("customer-1", WHY, by=any_work.by())
    assert running.id in {item.object_id for item in second.items}


async def test_a_foreign_object_looks_missing(any_work: Workshop) -> None:
    """P5: another tenant's recording, call, request or reference and one that never was are one answer."""
    call = await any_work.consented()
    begun = await any_work.ready(call=call)
    request = await any_work.requests.of_media(begun.media_id, WHY, by=any_work.by())
    stranger = any_work.by(tenant_id=await any_work.tenants.add(name="Other", retention_days=1))
    requests = any_work.requests
    said = []
    for ask in (
        requests.of_media(begun.media_id, WHY, by=stranger),
        requests.of_media(new_id("rec"), WHY, by=stranger),
        requests.of_media("nonsense", WHY, by=stranger),
        requests.of_call(call.id, WHY, by=stranger),
        requests.of_call(new_id("call"), WHY, by=stranger),
        requests.get(request.id, by=stranger),
        requests.get(new_id("del"), by=stranger),
    ):
        with pytest.raises(NotFoundError) as refused:
            await ask
        said.append(str(refused.value))
    assert len(set(said)) == 1
    with pytest.raises(NotFoundError):
        await requests.of_visitor("customer-1", WHY, by=stranger)
    assert await requests.list(by=stranger) == []


@pytest.mark.parametrize(
    ("role", "media", "call"),
    [
        (Role.ADMIN, True, True),
        (Role.SUPERVISOR, True, True),
        (Role.AUDITOR, True, True),
        (Role.SERVICE, True, True),
        (Role.AGENT, False, False),
    ],
)
async def test_who_may_ask_is_in_the_policy_and_nowhere_else(
    work: Workshop,
    role: Role,
    media: bool,  # noqa: FBT001  # a column of the table
    call: bool,  # noqa: FBT001  # as above
) -> None:
    """The use case checks, whatever door was taken."""
    found = await work.consented()
    begun = await work.ended(call=found)
    for may, ask in (
        (media, work.requests.of_media(begun.media_id, WHY, by=work.by(role))),
        (call, work.requests.of_call(found.id, WHY, by=work.by(role))),
    ):
        if may:
            assert (await ask).tenant_id == work.tenant_id
        else:
            with pytest.raises(ForbiddenError):
                await ask


async def test_requests_are_listed_newest_first_in_pages(any_work: Workshop) -> None:
    """One query for the page's items, whatever their number."""
    asked = []
    for _ in range(3):
        begun = await any_work.ended(())
        asked.append((await any_work.requests.of_media(begun.media_id, WHY, by=any_work.by())).id)
    first = await any_work.requests.list(by=any_work.by(), limit=2)
    rest = await any_work.requests.list(by=any_work.by(), before=first[-1].id)
    assert [request.id for request in [*first, *rest]] == asked[::-1]
    assert all(len(request.items) == 1 for request in first)
    assert await any_work.requests.request_of(first[0].items[0].object_id) == first[0].id
    assert await any_work.requests.request_of(new_id("rec")) is None


async def test_asking_for_a_call_whose_recording_is_on_its_way_adds_the_rest(any_work: Workshop) -> None:
    """What is being erased already keeps its first request; the second has what is new."""
    call = await any_work.consented()
    begun = await any_work.ended(call=call)
    first = await any_work.requests.of_media(begun.media_id, WHY, by=any_work.by())
    second = await any_work.requests.of_call(call.id, WHY, by=any_work.by())
    assert [item.object_id for item in second.items] == [call.id]
    assert await any_work.keeper.turn() == 0
    for request in (first, second):
        assert (await any_work.requests.get(request.id, by=any_work.by())).complete


async def test_a_recording_that_is_being_captured_may_be_erased(work: Workshop) -> None:
    """The call goes on; what comes of the capture later finds no row to become ready."""
    begun = await work.begun()
    await work.requests.of_media(begun.media_id, WHY, by=work.by())
    assert await work.keeper.turn() == 0
    assert not await work.recordings.end(begun.media_id, reason="hangup")
    assert await work.recordings.erased_of(begun.media_id) == begun.tenant_id


async def test_one_request_reaches_a_thousand_objects_and_no_more(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that holds the ledger's turn stays short."""
    monkeypatch.setattr("vault.rights.requests.OBJECTS_MAX", 1)
    call = await work.consented()
    await work.ended((), call)
    with pytest.raises(VaultError, match="call by call"):
        await work.requests.of_call(call.id, WHY, by=work.by())
