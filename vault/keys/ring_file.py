"""The key ring as a file: what it holds, and what opens it (docs/FORMAT.md, key ring).

``{"v": 2, "opens": …, "ring": "<sealed>"}``. The epoch keys are sealed under a ring key. ``opens`` says where
the ring key is: in the file itself (``file``), under a passphrase (``argon2id``), or on the recovery sheet
alone (``sheet``: a copy that may lie beside backups). Version 1 holds the epoch keys as they are.
"""

import base64
import binascii
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from crypto.errors import ParameterError, UnwrapError
from crypto.key_ring import Stretching, lock_ring_key, open_ring, seal_ring, unlock_ring_key
from crypto.keys import KEY_BYTES, RingKey
from vault.errors import ConfigurationError, RefusedByPolicyError
from vault.keys.private_file import read_private, write_private

MIN_PASSPHRASE: Final = 12  # characters; six words of a list are far better
Ring = dict[int, bytes]


class RingFile:
    """One ring file. A passphrase is stretched once for each lock it meets, not at each reading."""

    def __init__(self, path: Path, passphrase: str | None = None) -> None:
        self.path = path
        self._passphrase = passphrase
        self._unlocked: tuple[str, RingKey] | None = None  # the lock as it stands in the file, and its key

    def __repr__(self) -> str:
        return f"RingFile({self.path})"

    @classmethod
    def create(cls, path: Path, passphrase: str | None = None) -> "RingFile":
        """Make an empty ring; raises ConfigurationError where one is there already."""
        _require_free(path)
        ring_key = RingKey.generate()
        _write_sealed(path, {}, ring_key, _lock(ring_key, passphrase))
        return cls(path, passphrase)

    @classmethod
    def recover(cls, path: Path, copy: Path, ring_key: RingKey, passphrase: str | None) -> "RingFile":
        """Make a ring again from a copy of it and the sheet's key, under this passphrase or none."""
        _require_free(path)
        found = _parsed(copy)
        if found["v"] != 2:  # noqa: PLR2004
            raise ConfigurationError(f"the copy {copy} needs no sheet: put it in place as it is")
        _write_sealed(path, _ring_of(found, ring_key, copy), ring_key, _lock(ring_key, passphrase))
        return cls(path, passphrase)

    def read(self) -> Ring:
        """Read the epoch keys; raises ConfigurationError where that cannot be."""
        return self._ring_in(_parsed(self.path))

    def epochs_in(self, content: bytes) -> frozenset[int]:
        """Name the epochs whose key a copy of this ring holds, opened as this one is; ConfigurationError."""
        return frozenset(self._ring_in(_form(content, self.path)))

    def change(self, act: Callable[[Ring], object]) -> None:
        """Read the ring, have it changed, and write it where it was; nobody else changes it meanwhile."""
        with _alone(self.path):
            ring = self.read()
            before = dict(ring)
            act(ring)
            if ring != before:
                self.write(ring)

    def write(self, ring: Ring) -> None:
        """Write the ring again, sealed and locked as it was."""
        found = _parsed(self.path)
        if found["v"] == 1:
            _write(self.path, {"v": 1, "epochs": _texts(ring)})
        else:
            _write_sealed(self.path, ring, self._ring_key(found["opens"]), found["opens"])

    def ring_key(self) -> RingKey:
        """Give what the recovery sheet holds; a ring of version 1 has none."""
        found = _parsed(self.path)
        if found["v"] == 1:
            raise RefusedByPolicyError(
                "this ring was made before there were sheets; run: callvault keys passphrase"
            )
        return self._ring_key(found["opens"])

    def has_ring_key(self) -> bool:
        """Tell whether there is anything for a sheet to hold."""
        return bool(_parsed(self.path)["v"] != 1)

    def lock(self, passphrase: str | None) -> None:
        """Put the ring under another passphrase, or none; one of version 1 gets a ring key now."""
        with _alone(self.path):
            ring, found = self.read(), _parsed(self.path)
            key = RingKey.generate() if found["v"] == 1 else self._ring_key(found["opens"])
            _write_sealed(self.path, ring, key, _lock(key, passphrase))
        self._passphrase = passphrase

    def rotate(self) -> None:
        """Seal the ring under a new ring key, opened as before: what the old sheet opens is old copies.

        Who uses the ring goes on: the lock stands in the file, and is looked up at each reading.
        """
        with _alone(self.path):
            ring, ring_key = self.read(), RingKey.generate()
            _write_sealed(self.path, ring, ring_key, _lock(ring_key, self._passphrase_of_lock()))

    def _passphrase_of_lock(self) -> str | None:
        """Give the passphrase where the ring is under one: it may be set, and the ring not be under it."""
        found = _parsed(self.path)
        is_under_one = found["v"] != 1 and found["opens"]["with"] == "argon2id"
        return self._passphrase if is_under_one else None

    def copy_to(self, path: Path) -> None:
        """Write a copy that the sheet alone opens."""
        _require_free(path)
        _write_sealed(path, self.read(), self.ring_key(), {"with": "sheet"})

    def _ring_in(self, found: dict[str, Any]) -> Ring:
        if found["v"] == 1:
            return _keys_in(found["epochs"], self.path)
        return _ring_of(found, self._ring_key(found["opens"]), self.path)

    def _ring_key(self, opens: Any) -> RingKey:
        lock = json.dumps(opens, sort_keys=True)
        if self._unlocked is None or self._unlocked[0] != lock:
            self._unlocked = lock, self._opened(opens)
        return self._unlocked[1]

    def _opened(self, opens: Any) -> RingKey:
        try:
            if opens["with"] == "file":
                return RingKey.from_bytes(base64.b64decode(opens["key"], validate=True))
            if opens["with"] == "sheet":
                raise ConfigurationError(
                    f"{self.path} is a copy that the recovery sheet opens; run: callvault keys recover COPY"
                )
            stretching, wrapped = _stretching(opens), base64.b64decode(opens["wrapped"], validate=True)
        except (KeyError, TypeError, ValueError, ParameterError) as cause:
            raise _damaged(self.path) from cause
        if self._passphrase is None:
            raise ConfigurationError(f"the key ring {self.path} is locked; set keys.passphrase")
        try:
            return unlock_ring_key(wrapped, self._passphrase, stretching)
        except UnwrapError as cause:
            raise ConfigurationError(
                f"keys.passphrase does not open the key ring {self.path}; is it another ring's? "
                "With the recovery sheet: callvault keys recover"
            ) from cause


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the kernel's lock on the ring's folder: of two programs that change a ring both changes stay."""
    try:
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as cause:
        raise ConfigurationError(f"the folder of the key file {path} cannot be opened") from cause
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _lock(ring_key: RingKey, passphrase: str | None) -> dict[str, Any]:
    """Say where a ring key is to be found: in the file, or under a passphrase."""
    if passphrase is None:
        return {"with": "file", "key": _text(ring_key.reveal())}
    if len(passphrase) < MIN_PASSPHRASE:
        raise ConfigurationError(f"keys.passphrase has at least {MIN_PASSPHRASE} characters")
    stretching = Stretching()
    return {
        "with": "argon2id",
        "t": stretching.passes,
        "m_kib": stretching.memory_kib,
        "p": stretching.lanes,
        "salt": _text(stretching.salt),
        "wrapped": _text(lock_ring_key(ring_key, passphrase, stretching)),
    }


def _stretching(opens: dict[str, Any]) -> Stretching:
    passes, memory_kib, lanes = (opens[name] for name in ("t", "m_kib", "p"))
    if not all(type(number) is int for number in (passes, memory_kib, lanes)):
        raise ParameterError("Argon2id parameters are whole numbers")
    return Stretching(base64.b64decode(opens["salt"], validate=True), passes, memory_kib, lanes)


def _parsed(path: Path) -> dict[str, Any]:
    """Read the file as far as its version; whatever is not of a known form is refused."""
    return _form(read_private(path), path)


def _form(content: bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(content)
        version = found["v"]
        known = (version == 1 and "epochs" in found) or (version == 2 and {"opens", "ring"} <= set(found))  # noqa: PLR2004
    except (ValueError, KeyError, TypeError, RecursionError) as cause:
        raise _damaged(path) from cause
    if not known:
        raise ConfigurationError(f"the key file {path} has a form this program does not know")
    return dict(found)


def _ring_of(found: dict[str, Any], ring_key: RingKey, path: Path) -> Ring:
    try:
        plain = open_ring(base64.b64decode(found["ring"], validate=True), ring_key)
        return _keys_in(json.loads(plain), path)
    except UnwrapError as cause:
        raise ConfigurationError(
            f"the key ring {path} does not open: its key is another ring's, or it was changed"
        ) from cause
    except (ValueError, TypeError) as cause:
        raise _damaged(path) from cause


def _keys_in(epochs: Any, path: Path) -> Ring:
    try:
        ring = {int(number): base64.b64decode(key, validate=True) for number, key in epochs.items()}
    except (ValueError, TypeError, AttributeError, binascii.Error) as cause:
        raise _damaged(path) from cause
    if any(len(key) != KEY_BYTES for key in ring.values()):
        raise _damaged(path)
    return ring


def _damaged(path: Path) -> ConfigurationError:
    return ConfigurationError(f"the key file {path} is damaged; restore it from its recovery copy")


def _require_free(path: Path) -> None:
    if path.exists():
        raise ConfigurationError(f"there is a key file at {path} already; it is never overwritten")


def _write_sealed(path: Path, ring: Ring, ring_key: RingKey, opens: dict[str, Any]) -> None:
    sealed = seal_ring(json.dumps(_texts(ring)).encode(), ring_key)
    _write(path, {"v": 2, "opens": opens, "ring": _text(sealed)})


def _write(path: Path, content: dict[str, Any]) -> None:
    write_private(path, json.dumps(content).encode())


def _texts(ring: Ring) -> dict[str, str]:
    return {str(number): _text(key) for number, key in sorted(ring.items())}


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
