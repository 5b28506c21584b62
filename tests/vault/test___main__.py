"""``python -m vault``: the entry that `callvault` names too."""

import os

import pytest

from vault import __main__ as entry


def test_the_entry_leaves_with_the_command_s_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is written from here on is for this user alone: the umask is set first."""
    before = os.umask(0o022)
    try:
        monkeypatch.setattr("sys.argv", ["callvault", "version"])
        with pytest.raises(SystemExit) as left:
            entry.main()
        assert left.value.code == 0
        assert os.umask(0o022) == 0o077
    finally:
        os.umask(before)
