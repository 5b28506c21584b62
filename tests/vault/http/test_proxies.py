"""Whose address counts when a proxy stands in between."""

from pathlib import Path

import pytest

from tests.vault.http.house import open_house
from vault.errors import ConfigurationError
from vault.http.proxies import client_behind, coarse, limited_as, require_networks


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "client"),
    [
        ("192.0.2.1", ["203.0.113.9"], (), "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], ("192.0.2.0/24",), "203.0.113.9"),
        ("192.0.2.1", ["198.51.100.7, 203.0.113.9"], ("192.0.2.1",), "203.0.113.9"),
        ("192.0.2.1", ["203.0.113.9, 192.0.2.2"], ("192.0.2.0/24",), "203.0.113.9"),
        ("192.0.2.1", ["198.51.100.7", "203.0.113.9"], ("192.0.2.1",), "203.0.113.9"),
        ("192.0.2.1", ["not an address"], ("192.0.2.1",), "192.0.2.1"),
        ("192.0.2.1", [], ("192.0.2.1",), "192.0.2.1"),
        ("::ffff:192.0.2.1", ["203.0.113.9"], ("192.0.2.1",), "203.0.113.9"),
    ],
)
def test_only_proxies_on_the_list_are_believed(
    peer: str, forwarded: list[str], trusted: tuple[str, ...], client: str
) -> None:
    """Walk from the right past trusted hops; the first stranger is the client (ASVS 15.3.4)."""
    assert client_behind(peer, forwarded, trusted) == client


def test_addresses_are_blurred_for_logs_and_one_ipv6_household_is_one_caller() -> None:
    """/24 and /64."""
    assert coarse("203.0.113.77") == "203.0.113.0/24"
    assert coarse("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"
    assert limited_as("203.0.113.77") == "203.0.113.77"
    assert limited_as("2001:db8:1:2:3:4:5:6") == limited_as("2001:db8:1:2::9")


def test_a_list_of_proxies_that_makes_no_sense_stops_the_start() -> None:
    """A typing error must not silently trust nobody, or fail at the first request."""
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        require_networks(("10.0.0.0/8", "my-proxy"))


async def test_forged_forwarding_does_not_escape_a_limit(tmp_path: Path) -> None:
    """A client that invents an address for each request is still one client."""
    async with open_house(tmp_path, limits={"sign_in_per_minute": 2}) as house:
        statuses = []
        for number in range(3):
            headers = {"X-Forwarded-For": f"203.0.113.{number}"}
            status, _, _ = await house.ask("POST", "/v1/sessions", json={"code": "x"}, headers=headers)
            statuses.append(status)
        assert statuses == [401, 401, 429]
