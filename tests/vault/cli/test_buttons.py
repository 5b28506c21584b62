"""``callvault button``."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit

PURPOSE = ("--purpose-fr", "vous aider", "--purpose-en", "to help you")


@pytest.fixture
def button(vault: Path, cli: Cli) -> dict[str, Any]:
    """A button for one page."""
    made = cli("button", "add", "Shop", "--origin", "https://shop.example", *PURPOSE, "-c", vault, "--json")
    assert made.code == 0, made.err
    return dict(json.loads(made.out))


def test_a_button_is_added_with_the_settings_retention(vault: Path, cli: Cli, button: dict[str, Any]) -> None:
    """What the visitor reads is given; what is left out has the house's default."""
    (row,) = json.loads(cli("button", "list", "-c", vault, "--json").out)
    assert row == button
    assert (row["retention_days"], row["media"], row["records"]) == (180, ["audio", "video"], True)


def test_a_button_that_records_says_why(vault: Path, cli: Cli) -> None:
    """The purpose is part of the notice; without one nobody may be asked."""
    ended = cli("button", "add", "Shop", "--origin", "https://shop.example", "-c", vault)
    assert ended.code == Exit.USAGE
    assert "--purpose-fr" in ended.err
    silent = cli(
        "button",
        "add",
        "x",
        "--origin",
        "https://a.example",
        "--no-record",
        "--audio-only",
        "-c",
        vault,
        "--json",
    )
    assert json.loads(silent.out)["media"] == ["audio"]


def test_an_origin_that_is_none_is_refused(vault: Path, cli: Cli) -> None:
    """A path in an origin would never match a page."""
    ended = cli("button", "add", "x", "--origin", "https://a.example/page", *PURPOSE, "-c", vault)
    assert ended.code == Exit.FAILED


def test_a_button_moves_and_is_switched(vault: Path, cli: Cli, button: dict[str, Any]) -> None:
    """Origins are replaced as a whole; off means the next call is refused."""
    changed = cli(
        "button", "change", button["id"], "--origin", "https://new.example", "--off", "-c", vault, "--json"
    )
    told = json.loads(changed.out)
    assert (told["allowed_origins"], told["disabled"]) == (["https://new.example"], True)
    assert (
        json.loads(cli("button", "change", button["id"], "--on", "-c", vault, "--json").out)["disabled"]
        is False
    )
    assert cli("button", "change", button["id"], "-c", vault).code == Exit.USAGE
