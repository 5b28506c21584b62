"""``callvault tenant``."""

import json
from pathlib import Path

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit
from vault.model import is_id


def test_a_tenant_is_added_and_listed(vault: Path, cli: Cli) -> None:
    """Its id is what other commands take with --tenant."""
    made = json.loads(cli("tenant", "add", "Deuxième", "--retention-days", "30", "-c", vault, "--json").out)
    assert is_id(made["id"], "ten")
    listed = json.loads(cli("tenant", "list", "-c", vault, "--json").out)
    assert [row["name"] for row in listed] == ["Atelier Essai", "Deuxième"]


def test_keys_come_before_tenants(config: Path, cli: Cli) -> None:
    """Without key files nothing is made; the line says how to make them."""
    ended = cli("tenant", "add", "X", "-c", config)
    assert ended.code == Exit.CONFIGURATION
    assert "root.key is missing" in ended.err


def test_a_tenants_keys_lie_with_the_holder_that_is_said(vault: Path, cli: Cli) -> None:
    """Its ring is made by `keys init`; the change is in the ledger; its own epochs are told and turn."""
    ring = vault.parent / "keys" / "acme.key"
    with vault.open("a") as file:
        file.write(f'\n[[keys.holders]]\nname = "acme"\nprovider = "file"\nkey_file = "{ring}"\n')
    made = {row["key"]: row["made"] for row in json.loads(cli("keys", "init", "-c", vault, "--json").out)}
    assert made == {"root": False, "holder acme": True, "ledger": False, "tokens": False, "backup": False}
    (tenant,) = json.loads(cli("tenant", "list", "-c", vault, "--json").out)
    assert tenant["key_holder"] == "default"
    assert cli("tenant", "holder", tenant["id"], "acme", "-c", vault).code == 0
    (tenant,) = json.loads(cli("tenant", "list", "-c", vault, "--json").out)
    assert tenant["key_holder"] == "acme"
    standing = json.loads(cli("keys", "turn", "-c", vault, "--json").out)
    told = [(row["epoch"], row["holder"], row["state"]) for row in standing]
    assert told == [
        (1, "default", "retired"),
        (2, "acme", "retired"),
        (3, "default", "current"),
        (4, "acme", "current"),
    ]
    assert [row["data_keys"] for row in standing][:3] == [0, 0, 0]


def test_a_holder_that_is_not_named_or_has_lost_its_ring_is_refused(vault: Path, cli: Cli) -> None:
    """Nothing is assigned, and nothing is made anew in the place of a ring that keys rest on."""
    (tenant,) = json.loads(cli("tenant", "list", "-c", vault, "--json").out)
    ended = cli("tenant", "holder", tenant["id"], "acme", "-c", vault)
    assert (ended.code, "acme" in ended.err) == (Exit.CONFIGURATION, True)
    ring = vault.parent / "keys" / "acme.key"
    with vault.open("a") as file:
        file.write(f'\n[[keys.holders]]\nname = "acme"\nprovider = "file"\nkey_file = "{ring}"\n')
    cli("keys", "init", "-c", vault)
    cli("tenant", "holder", tenant["id"], "acme", "-c", vault)
    ring.unlink()
    ended = cli("keys", "init", "-c", vault)
    assert (ended.code, str(ring) in ended.err) == (Exit.REFUSED, True)


def test_a_tenant_that_is_not_there_has_no_holder(vault: Path, cli: Cli) -> None:
    """A slip of the keyboard assigns nothing."""
    assert cli("tenant", "holder", "ten_" + "0" * 32, "default", "-c", vault).code == Exit.FAILED
