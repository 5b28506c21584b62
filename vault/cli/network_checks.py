"""What cannot work between callers and the media ports, told before anybody calls."""

import ipaddress
from collections.abc import Iterator, Sequence

from vault.settings import MediaSettings


def network_findings(media: MediaSettings) -> Iterator[str]:
    """Settings that contradict each other."""
    if media.turn_urls and media.turn_secret is None:
        yield "media.turn_secret is missing: it is coturn's static-auth-secret, and no relay opens without it"
    if media.turn_only and not media.turn_urls:
        yield "media.turn_only without media.turn_urls lets nobody connect: name the TURN servers"


def network_cautions(media: MediaSettings, own: Sequence[str]) -> Iterator[str]:
    """Say what hurts; ``own`` are this machine's addresses."""
    bound = media.addresses or tuple(own)
    if not bound:
        yield "this machine has no address but loopback: nobody else can call"
    for address in media.announced_address:
        if not ipaddress.ip_address(address).is_global:
            yield f"media.announced_address {address} is not public: only callers of its network reach it"
        if not any(_version(each) == _version(address) for each in bound):
            yield f"media.announced_address {address}: nothing listens on IPv{_version(address)} here"
    if not media.announced_address and bound and not any(map(_is_public, bound)):
        yield (
            "no address of this machine is public: behind NAT, or in a container, write the public one "
            "into media.announced_address"
        )


def _version(address: str) -> int:
    return ipaddress.ip_address(address).version


def _is_public(address: str) -> bool:
    return ipaddress.ip_address(address).is_global
