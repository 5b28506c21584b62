"""Leaves: canonical, without a personal datum, blinded."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from crypto.receipts import parse_leaf
from vault.errors import LedgerBrokenError
from vault.ledger.leaf import Blind, Entry, EntryType, canonical, detail_commitment, make_leaf
from vault.model import new_id, uuid_of

AT = datetime(2026, 11, 23, 8, 0, 0, 123_000, tzinfo=UTC)


def leaf_of(blind: Blind | None = None, **more: Any) -> str:
    """The leaf of some entry."""
    entry = Entry(EntryType.CALL_ENDED, **more)
    return make_leaf(entry, at=AT, actor="system", blind=blind or Blind.new())


def test_a_leaf_says_who_what_when_and_is_canonical() -> None:
    """The bytes are exactly what anybody else would write for these members."""
    tenant, rec = new_id("ten"), new_id("rec")
    leaf = leaf_of(tenant_id=tenant, object_id=rec, facts={"reason": "hangup"}, detail={"name": "x"})
    told = parse_leaf(leaf.encode())
    assert told == json.loads(leaf)
    assert (told["tenant"], told["object"]) == (uuid_of(tenant), uuid_of(rec))
    assert (told["time"], told["reason"], told["v"]) == ("2026-11-23T08:00:00.123Z", "hangup", 1)
    assert "name" not in leaf


@pytest.mark.parametrize("name", ["v", "n", "actor", "detail", "Reason", "a b", "", "x" * 41, "é"])
def test_a_fact_cannot_take_a_reserved_or_odd_name(name: str) -> None:
    """A use case that would overwrite a member of the leaf is a program error."""
    with pytest.raises(LedgerBrokenError):
        leaf_of(facts={name: 1})


def test_equal_entries_have_unequal_leaves() -> None:
    """A sibling's hash in somebody else's proof must not be guessable."""
    assert leaf_of() != leaf_of()
    assert len({Blind.new().n for _ in range(100)} | {Blind.new().entry_key for _ in range(100)}) == 200


def test_a_commitment_needs_the_entrys_own_key() -> None:
    """The same detail under another key cannot be linked; the spelling of the detail does not matter."""
    one, other = bytes(32), bytes([1]) * 32
    assert detail_commitment(one, {"a": 1, "b": 2}) == detail_commitment(one, {"b": 2, "a": 1})
    assert detail_commitment(one, {"a": 1}) != detail_commitment(other, {"a": 1})
    assert canonical({"b": "é", "a": 1}) == '{"a":1,"b":"\\u00e9"}'
