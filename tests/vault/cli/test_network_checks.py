"""What cannot work is said at the start, in words an operator can act on."""

from typing import Any

import pytest

from vault.cli.network_checks import network_cautions, network_findings
from vault.settings import MediaSettings

PUBLIC, PRIVATE, SIX = "198.41.0.4", "10.0.0.5", "2606:4700::1111"


@pytest.mark.parametrize(
    ("given", "own", "told"),
    [
        ({}, (PUBLIC,), None),
        ({}, (), "but loopback"),
        ({}, (PRIVATE,), "announced_address"),
        ({"addresses": (PRIVATE,), "announced_address": (PUBLIC,)}, (), None),
        ({"announced_address": (PUBLIC,)}, (PRIVATE,), None),
        ({"announced_address": (PRIVATE,)}, (PRIVATE,), "not public"),
        ({"announced_address": (SIX,)}, (PUBLIC,), "nothing listens on IPv6"),
    ],
)
def test_an_address_that_callers_cannot_reach_is_told(
    given: dict[str, Any], own: tuple[str, ...], told: str | None
) -> None:
    """Private, of another family, or none at all: a call would be answered and never connect."""
    said = list(network_cautions(MediaSettings(**given), own))
    assert (told is None) == (not said), said
    assert told is None or told in said[0]


@pytest.mark.parametrize(
    ("given", "findings"),
    [
        ({"turn_urls": ("turn:turn.test",)}, 1),
        ({"turn_urls": ("turn:turn.test",), "turn_secret": "shared"}, 0),
        ({"turn_only": True}, 1),
        ({}, 0),
    ],
)
def test_half_of_the_turn_settings_keeps_the_program_from_starting(
    given: dict[str, Any], findings: int
) -> None:
    """A relay that no credential opens, or none where nothing else may be used."""
    assert len(list(network_findings(MediaSettings(**given)))) == findings
