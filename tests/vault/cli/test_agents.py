"""``callvault agent``: people, tokens, links."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.vault.cli.command import PUBLIC_URL, Cli
from vault.cli.agents import PersonRole
from vault.cli.exits import Exit
from vault.model import Role


@pytest.fixture
def person(vault: Path, cli: Cli) -> dict[str, Any]:
    """An administrator."""
    added = cli(
        "agent", "add", "Alex Essai", "--role", "admin", "--email", "alex@example.org", "-c", vault, "--json"
    )
    assert added.code == 0
    return dict(json.loads(added.out))


def test_a_person_is_added_sealed_and_listed(vault: Path, cli: Cli, person: dict[str, Any]) -> None:
    """Name and e-mail are shown to the operator, and stand in no file in the clear."""
    (row,) = json.loads(cli("agent", "list", "-c", vault, "--json").out)
    assert row == person
    assert (row["name"], row["email"], row["role"]) == ("Alex Essai", "alex@example.org", "admin")
    files = [path for path in vault.parent.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"alex@example.org" in path.read_bytes()]


def test_a_token_names_the_person_and_the_vault_it_is_for(
    vault: Path, cli: Cli, person: dict[str, Any]
) -> None:
    """The token alone is printed, for `TOKEN=$(callvault agent token …)`."""
    ended = cli("agent", "token", person["id"], "--hours", "2", "-c", vault)
    assert (ended.code, ended.err, len(ended.lines)) == (0, "", 1)
    payload = ended.out.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert (claims["sub"], claims["aud"], claims["role"]) == (person["id"], PUBLIC_URL, "admin")
    assert claims["exp"] - claims["iat"] == 2 * 3_600


def test_a_link_carries_its_code_in_the_fragment(vault: Path, cli: Cli, person: dict[str, Any]) -> None:
    """Browsers send a fragment to nobody: no log on the way has it."""
    ended = cli("agent", "link", person["id"], "-c", vault)
    address, _, code = ended.out.strip().partition("#code=")
    assert address == f"{PUBLIC_URL}/console"
    assert len(code) == 43
    assert cli("agent", "link", person["id"], "-c", vault).out != ended.out


def test_a_person_is_turned_off_and_on_again(vault: Path, cli: Cli, person: dict[str, Any]) -> None:
    """Turning off asks first; the last administrator stays."""
    cli("agent", "add", "Second", "--role", "admin", "-c", vault)
    assert cli("agent", "disable", person["id"], "-c", vault).code == Exit.USAGE
    off = json.loads(cli("agent", "disable", person["id"], "--yes", "-c", vault, "--json").out)
    assert off["disabled_at"] is not None
    on = json.loads(cli("agent", "enable", person["id"], "-c", vault, "--json").out)
    assert on["disabled_at"] is None


def test_the_last_administrator_cannot_be_turned_off(vault: Path, cli: Cli, person: dict[str, Any]) -> None:
    """A tenant that nobody can administer is a dead end."""
    ended = cli("agent", "disable", person["id"], "--yes", "-c", vault)
    assert ended.code == Exit.FAILED
    assert "administrator" in ended.err


def test_a_stranger_s_id_finds_nobody(vault: Path, cli: Cli) -> None:
    """Missing, or another tenant's: the two look the same."""
    assert cli("agent", "token", "per_" + "0" * 32, "-c", vault).code == Exit.FAILED


def test_the_roles_on_offer_are_all_but_the_visitor_s() -> None:
    """A visitor is made by a call, not by a command."""
    assert {role.value for role in PersonRole} == {role.value for role in Role} - {"visitor"}
