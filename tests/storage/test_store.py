"""Keys, prefixes and ranges: what the contract's words admit."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import BadKeyError, OutOfRangeError
from storage.store import ByteRange, Finding, ObjectKey, ProbeReport, Versioning, checked_prefix, span

ALLOWED = set(string.ascii_lowercase + string.digits + "/_.-")


@pytest.mark.parametrize(
    "text", ["a", "0", "a/b", "ten_1/rec_2/media.g1", "a-b_c.d", "x" * 200, "a/" * 99 + "a"]
)
def test_a_key_is_its_own_text(text: str) -> None:
    """A valid key is a plain string otherwise."""
    assert ObjectKey(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "a/", "/a", "a//b", ".", "..", "a/..", "a/../b", "a..b", ".a", "a/.b", "_a", "-a", "a/-b"),
        *("A", "a b", "a\n", "a\x00", "é", "a=", "a:b", "a\\b", "a?b", "a%2e", "\uff41"),
        *("x" * 201, "a/" * 100 + "a"),
    ],
)
def test_any_other_text_is_no_key(text: str) -> None:
    """Nothing that a file system, a URL or a shell reads differently becomes a key."""
    with pytest.raises(BadKeyError):
        ObjectKey(text)


@given(st.text(max_size=40))
def test_whatever_becomes_a_key_cannot_leave_its_folder(text: str) -> None:
    """For any text: refused, or made of safe names only."""
    try:
        key = ObjectKey(text)
    except BadKeyError:
        return
    assert set(key) <= ALLOWED
    assert all(name and name[0].isalnum() for name in key.split("/"))


def test_a_prefix_is_empty_or_a_folder() -> None:
    """A prefix ends with a slash and is a key before it."""
    assert checked_prefix("") == ""
    assert checked_prefix("a/b/") == "a/b/"
    for text in ("a", "/", "a//", "../", ".unfinished/"):
        with pytest.raises(BadKeyError):
            checked_prefix(text)


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (0, 0), (5, 5), (5, 4)])
def test_a_range_has_bytes(start: int, stop: int | None) -> None:
    """A range that can hold no byte is refused where it is made."""
    with pytest.raises(OutOfRangeError):
        ByteRange(start, stop)


@given(st.integers(0, 50), st.one_of(st.none(), st.integers(1, 60)), st.integers(0, 50))
def test_a_range_within_an_object_is_a_slice(start: int, stop: int | None, size_bytes: int) -> None:
    """Where Python's slice has bytes, the range is that slice; elsewhere it is out of range."""
    if stop is not None and stop <= start:
        return
    whole = bytes(size_bytes)
    if whole[start:stop]:
        first, last = span(ByteRange(start, stop), size_bytes)
        assert last - first == len(whole[start:stop])
    else:
        with pytest.raises(OutOfRangeError) as refused:
            span(ByteRange(start, stop), size_bytes)
        assert refused.value.size_bytes == size_bytes


def test_only_serious_findings_forbid_a_start() -> None:
    """A report names what breaks the contract apart from what is merely unwise."""
    grave, light = Finding("public", serious=True, message=""), Finding("plain", serious=False, message="")
    report = ProbeReport("s3", Versioning.OFF, object_lock=False, public=True, findings=(light, grave))
    assert report.serious == (grave,)
