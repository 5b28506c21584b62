"""``callvault issuer``: identity providers."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from tests.vault.cli.command import Cli
from vault.cli.exits import CommandError, Exit
from vault.cli.issuers import read_issuer
from vault.model import Role


def description(**more: object) -> dict[str, Any]:
    """Describe a provider with a key of its own."""
    jwk = json.loads(OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate().public_key()))
    return {
        "name": "Directory",
        "issuer": "https://login.example.org",
        "audience": "callvault",
        "algorithm": "EdDSA",
        "jwks": {"keys": [{**jwk, "kid": "one", "alg": "EdDSA", "use": "sig"}]},
        "role_claim": "groups",
        "role_map": {"support": "agent"},
        **more,
    }


def test_a_provider_is_added_listed_and_turned_off(vault: Path, cli: Cli, tmp_path: Path) -> None:
    """The description is the one of POST /v1/issuers, in a file."""
    file = tmp_path / "issuer.json"
    file.write_text(json.dumps(description()))
    added = cli("issuer", "add", file, "-c", vault, "--json")
    assert added.code == 0, added.err
    made = json.loads(added.out)
    (row,) = json.loads(cli("issuer", "list", "-c", vault, "--json").out)
    assert row == made
    assert cli("issuer", "disable", made["id"], "-c", vault).code == Exit.USAGE
    off = json.loads(cli("issuer", "disable", made["id"], "--yes", "-c", vault, "--json").out)
    assert off["disabled_at"] is not None


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "{}",
        json.dumps(description(surprise=1)),
        json.dumps(description(role_map={"support": "visitor"})),
        json.dumps(description(default_role="root")),
        b"\xff\xfe{}",
    ],
    ids=["text", "list", "empty", "unknown member", "visitor", "no role", "no text"],
)
def test_what_describes_no_provider_is_refused(text: str | bytes) -> None:
    """One line that says where to look."""
    with pytest.raises(CommandError, match="issuer add --help"):
        read_issuer(text)


def test_roles_of_the_description_are_roles_of_the_house() -> None:
    """The map's values are read as roles, a missing default is none."""
    issuer = read_issuer(json.dumps(description()))
    assert issuer.role_map == {"support": Role.AGENT}
    assert issuer.default_role is None
