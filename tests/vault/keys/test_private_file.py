"""Secret files: whose, how open, what kind, and whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from vault.errors import ConfigurationError
from vault.keys.private_file import read_private, write_private


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610, 0o601])
def test_a_file_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others is one too many, and the message says what to run."""
    path = tmp_path / "secret"
    write_private(path, b"secret")
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_private(path)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_in_which_others_may_replace_it_is_refused(tmp_path: Path, mode: int) -> None:
    """The file's own mode helps nothing then; the sticky bit does, as in /tmp."""
    folder = tmp_path / "keys"
    write_private(folder / "root.key", b"secret")
    folder.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        read_private(folder / "root.key")
    folder.chmod(mode | stat.S_ISVTX)
    assert read_private(folder / "root.key") == b"secret"


@pytest.mark.parametrize("kind", ["missing", "folder", "link", "pipe", "link to nowhere"])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """A link may point anywhere, a pipe would hold the start for ever."""
    path, real = tmp_path / "secret", tmp_path / "real"
    write_private(real, b"secret")
    if kind == "folder":
        path.mkdir(mode=0o700)
    elif kind == "link":
        path.symlink_to(real)
    elif kind == "link to nowhere":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    with pytest.raises(ConfigurationError):
        read_private(path)


def test_another_users_file_is_refused(tmp_path: Path) -> None:
    """Who owns the file may change it after it was checked."""
    path = tmp_path / "secret"
    write_private(path, b"secret")
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        path = Path("/etc/shadow")
    with pytest.raises(ConfigurationError):
        read_private(path)


def test_what_was_written_is_private_from_its_first_moment(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask, in a folder nobody else may enter; a second write replaces the first."""
    path = tmp_path / "keys" / "secret"
    before = os.umask(0)
    try:
        write_private(path, b"one")
        write_private(path, b"two")
    finally:
        os.umask(before)
    assert read_private(path) == b"two"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_a_write_that_fails_leaves_no_half_secret(tmp_path: Path) -> None:
    """The old file stays, the unfinished one goes."""
    path = tmp_path / "keys" / "secret"
    path.mkdir(parents=True)
    (path / "in the way").touch()
    with pytest.raises(IsADirectoryError):
        write_private(path, b"secret")
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_a_leftover_of_a_crash_is_no_way_in(tmp_path: Path) -> None:
    """What stands at the temporary name, a link included, is removed and never written through."""
    path, victim = tmp_path / "secret", tmp_path / "victim"
    victim.write_bytes(b"precious")
    path.with_name(f".secret.{os.getpid()}").symlink_to(victim)
    write_private(path, b"secret")
    assert (victim.read_bytes(), read_private(path)) == (b"precious", b"secret")
