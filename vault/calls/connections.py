"""How legs and feeds are connected: deadlines, addresses, the shared port, and refusals in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from vault.errors import (
    BusyError,
    ConfigurationError,
    ConflictError,
    MalformedError,
    OfferRefusedError,
    PreconditionFailedError,
)
from vault.settings import MediaSettings
from webrtc.endpoint import Endpoint, MediaSide
from webrtc.errors import FragmentRefusedError, IceRestartRefusedError, NoAddressError, WebrtcError
from webrtc.errors import OfferRefusedError as GateRefusedError
from webrtc.ice import own_addresses
from webrtc.limits import IceSettings, OfferLimits, PeerLimits
from webrtc.udpmux import UdpMux

M = TypeVar("M", bound=MediaSide)
BUSY_RETRY_S: Final = 10  # a full node: calls last minutes, somebody hangs up soon


class Connections:
    """What every connection of this process is made with."""

    def __init__(self, settings: MediaSettings) -> None:
        self._settings = settings
        self.mux: UdpMux | None = None
        self.limits = PeerLimits(
            setup_timeout_s=settings.setup_deadline_s,
            stalled_after_s=settings.stalled_after_s,
            dead_after_s=settings.dead_after_s,
            offer=OfferLimits(size_bytes=settings.max_offer_bytes),
        )
        self.ice = IceSettings(
            peers=frozenset(settings.addresses) if settings.local_only else None,
            addresses=settings.addresses,
            announced=settings.announced_address,
            ports=(settings.port_first, settings.port_last) if settings.port_first else None,
        )

    async def start(self) -> None:
        """Bind the shared media port, where the settings name a single one; raises ConfigurationError."""
        port = self._settings.port_first
        if port == 0 or port != self._settings.port_last:
            return
        mux = UdpMux(self._settings.addresses or own_addresses(), port)
        try:
            await mux.open()
        except NoAddressError as cause:
            raise ConfigurationError(f"media.port_first: {cause}") from cause
        self.mux = mux

    def close(self) -> None:
        """Give the shared port back; after every connection."""
        if self.mux is not None:
            self.mux.close()


@contextmanager
def offers_judged() -> Iterator[None]:
    """Turn the gate's refusals, and what keeps an offer from being answered, into the program's errors."""
    try:
        yield
    except GateRefusedError as cause:
        raise OfferRefusedError(str(cause), reason=cause.code.value) from cause
    except WebrtcError as cause:
        raise BusyError(
            "the media side could not set up a connection; try again", retry_after_s=BUSY_RETRY_S
        ) from cause


async def take_fragment(endpoint: Endpoint[M], fragment: str, *, if_match: str) -> None:
    """Take the other side's candidates (RFC 9725, 4.3); the tag must be this session's.

    Raises PreconditionFailedError, ConflictError for new credentials, MalformedError for nonsense.
    """
    if if_match not in {"*", endpoint.etag}:
        raise PreconditionFailedError("this is another ICE session; use the ETag of its answer")
    try:
        await endpoint.trickle(fragment)
    except IceRestartRefusedError as cause:
        raise ConflictError("this connection cannot change its network; open a new one") from cause
    except FragmentRefusedError as cause:
        raise MalformedError("the fragment is not one this connection can take (RFC 8840)") from cause
