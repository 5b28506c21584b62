"""A file with a service's key pair, changed while it is in use."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from vault.errors import ConfigurationError
from vault.keys.key_pair import KeyPairFile
from vault.keys.private_file import write_private

OLD, NEW = ("access-1", "hidden-1"), ("access-2", "hidden-2")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with the old pair."""
    path = tmp_path / "s3.credentials"
    write_private(path, "\n".join(OLD).encode())
    return path


def test_a_changed_file_counts_at_the_next_request(path: Path) -> None:
    """Renamed into place, or written over: also with the same length, and a time that was set back."""
    file = KeyPairFile(path)
    assert file.current() == OLD
    before = path.stat()
    write_private(path, "\n".join(NEW).encode())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.current() == NEW
    path.write_text("access-3\nhidden-of-another-length\n")
    assert file.current() == ("access-3", "hidden-of-another-length")


@pytest.mark.parametrize("spoil", ["half", "empty", "open", "gone"])
def test_a_file_that_cannot_be_used_leaves_the_old_pair_and_is_told_once(path: Path, spoil: str) -> None:
    """Half written, mode not set, away: it counts when it is whole, and the log holds no secret."""
    file = KeyPairFile(path)
    match spoil:
        case "half":
            path.write_text("access-2\n")
        case "empty":
            path.write_text("")
        case "open":
            path.write_text("\n".join(NEW))
            path.chmod(0o644)
        case _:
            path.unlink()
    with capture_logs() as logs:
        assert [file.current() for _ in range(3)] == [OLD] * 3
        assert [entry["event"] for entry in logs] == ["credentials.unreadable"]
        if spoil == "open":
            path.chmod(0o600)
        else:
            write_private(path, "\n".join(NEW).encode())
        assert file.current() == NEW
    assert "hidden" not in str(logs)


def test_the_first_look_is_strict(path: Path) -> None:
    """A start with a pair that cannot be read would be a start without a store."""
    path.write_text("access-1 hidden-1 and-more\n")
    with pytest.raises(ConfigurationError, match="needs two lines") as refused:
        KeyPairFile(path)
    assert "hidden" not in str(refused.value)
