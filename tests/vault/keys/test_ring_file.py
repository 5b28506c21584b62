"""What opens a key ring: the file itself, a passphrase, the recovery sheet; and what does not."""

import json
from pathlib import Path

import pytest

from crypto.key_ring import Stretching
from crypto.key_sheet import read_sheet, sheet_lines
from crypto.keys import RingKey
from vault.errors import ConfigurationError, RefusedByPolicyError
from vault.keys.private_file import read_private, write_private
from vault.keys.ring_file import RingFile

WORDS = "six words of some length"
RING = {1: bytes(range(32)), 2: bytes(reversed(range(32)))}


@pytest.fixture
def locked(tmp_path: Path) -> RingFile:
    """A ring under a passphrase, with two epochs."""
    ring = RingFile.create(tmp_path / "root.key", WORDS)
    ring.write(RING)
    return ring


def test_a_locked_ring_opens_with_its_passphrase_alone(locked: RingFile) -> None:
    """Neither without one nor with another; the words say which setting is meant, and no passphrase."""
    assert RingFile(locked.path, WORDS).read() == RING
    for passphrase in (None, "another one of some length"):
        with pytest.raises(ConfigurationError, match=r"keys\.passphrase") as told:
            RingFile(locked.path, passphrase).read()
        assert "another one" not in str(told.value)


def test_a_locked_file_shows_no_key(locked: RingFile, tmp_path: Path) -> None:
    """Neither the epochs' keys nor the ring's stand in it, in no spelling that the other forms use."""
    unlocked = RingFile.create(tmp_path / "open.key")
    assert json.loads(unlocked.path.read_text())["opens"]["key"]
    content = locked.path.read_bytes()
    for secret in (*RING.values(), locked.ring_key().reveal(), WORDS.encode()):
        assert secret not in content
        assert json.dumps(secret.hex()).encode() not in content
    assert set(json.loads(content)["opens"]) == {"with", "t", "m_kib", "p", "salt", "wrapped"}


def test_a_passphrase_is_stretched_once(locked: RingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of a second and 64 MiB at the start, and not again at each tenant's key."""
    ring = RingFile(locked.path, WORDS)
    ring.read()
    monkeypatch.setattr(Stretching, "key", None)
    for _ in range(3):
        assert ring.read() == RING
    ring.write({1: RING[1]})
    assert ring.read() == {1: RING[1]}


@pytest.mark.parametrize(
    "change",
    [
        {"t": 17},
        {"t": 1},
        {"m_kib": 2**21},
        {"m_kib": True},
        {"p": "4"},
        {"salt": "AAAA"},
        {"wrapped": "AAAA"},
    ],
)
def test_edited_parameters_open_nothing_and_cost_nothing(locked: RingFile, change: dict[str, object]) -> None:
    """They are bound to the lock, and capped before anything is computed."""
    found = json.loads(locked.path.read_text())
    found["opens"] |= change
    write_private(locked.path, json.dumps(found).encode())
    with pytest.raises(ConfigurationError):
        RingFile(locked.path, WORDS).read()


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    """Twelve characters at least; nothing is made."""
    with pytest.raises(ConfigurationError, match="12 characters"):
        RingFile.create(tmp_path / "root.key", "short")
    assert not (tmp_path / "root.key").exists()


def test_another_passphrase_or_none_keeps_keys_and_sheet(locked: RingFile) -> None:
    """The lock changes, the ring's key does not: the sheet in the safe stays good."""
    before = locked.ring_key()
    locked.lock("another one of some length")
    with pytest.raises(ConfigurationError):
        RingFile(locked.path, WORDS).read()
    assert RingFile(locked.path, "another one of some length").ring_key() == before
    locked.lock(None)
    assert RingFile(locked.path).read() == RING
    assert RingFile(locked.path).ring_key() == before


def test_sheet_and_copy_bring_the_ring_back(locked: RingFile, tmp_path: Path) -> None:
    """A lost machine: the copy alone opens nothing, with the typed sheet the ring is there again."""
    copy, again = tmp_path / "copy", tmp_path / "again" / "root.key"
    locked.copy_to(copy)
    with pytest.raises(ConfigurationError, match="keys recover"):
        RingFile(copy, WORDS).read()
    typed = read_sheet("\n".join(sheet_lines(locked.ring_key())))
    RingFile.recover(again, copy, typed, None)
    assert RingFile(again).read() == RING
    with pytest.raises(ConfigurationError, match="another ring's"):
        RingFile.recover(tmp_path / "third.key", copy, RingKey.generate(), None)
    assert not (tmp_path / "third.key").exists()


def test_the_sheet_opens_a_ring_whose_passphrase_is_forgotten(locked: RingFile, tmp_path: Path) -> None:
    """The locked file itself is a copy as well; nothing is overwritten on the way."""
    with pytest.raises(ConfigurationError, match="never overwritten"):
        RingFile.recover(locked.path, locked.path, locked.ring_key(), None)
    again = tmp_path / "again.key"
    RingFile.recover(again, locked.path, locked.ring_key(), "a new one of some length")
    assert RingFile(again, "a new one of some length").read() == RING


def test_a_ring_of_the_first_form_gets_its_key_with_a_passphrase(tmp_path: Path) -> None:
    """Before, there is nothing for a sheet; after, the epochs' keys are the same, and no longer bare."""
    ring = RingFile(tmp_path / "root.key")
    write_private(ring.path, b'{"v": 1, "epochs": {"1": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}')
    assert not ring.has_ring_key()
    with pytest.raises(RefusedByPolicyError, match="keys passphrase"):
        ring.ring_key()
    ring.lock(WORDS)
    assert ring.has_ring_key()
    assert RingFile(ring.path, WORDS).read() == {1: bytes(range(32))}
    assert b"AAECAwQF" not in read_private(ring.path)


@pytest.mark.parametrize("passphrase", [WORDS, None])
def test_another_ring_key_leaves_the_old_sheet_with_old_copies_alone(
    tmp_path: Path, passphrase: str | None
) -> None:
    """The ring opens as before, also for who has it open already; a new copy opens with the new sheet."""
    ring = RingFile.create(tmp_path / "root.key", passphrase)
    ring.write(RING)
    running, old_sheet = RingFile(ring.path, passphrase), ring.ring_key()
    assert running.read() == RING
    ring.copy_to(tmp_path / "old.copy")
    ring.rotate()
    ring.copy_to(tmp_path / "new.copy")
    assert running.read() == RingFile(ring.path, passphrase).read() == RING
    running.write({2: RING[2]})
    assert ring.read() == {2: RING[2]}
    assert ring.ring_key().reveal() != old_sheet.reveal()
    with pytest.raises(ConfigurationError, match="does not open"):
        RingFile.recover(tmp_path / "again.key", tmp_path / "new.copy", old_sheet, None)
    for copy, sheet in (("old.copy", old_sheet), ("new.copy", ring.ring_key())):
        again = RingFile.recover(tmp_path / f"{copy}.key", tmp_path / copy, sheet, None)
        assert again.read() == RING


def test_a_ring_without_a_passphrase_does_not_get_the_one_that_is_set(tmp_path: Path) -> None:
    """A setting that was written down before the ring was put under it changes nothing."""
    RingFile.create(tmp_path / "root.key").write(RING)
    RingFile(tmp_path / "root.key", WORDS).rotate()
    assert RingFile(tmp_path / "root.key").read() == RING
