"""Fragments of a PATCH request (RFC 8840, 9; RFC 9725, 4.3): checked, counted, and not followed.

We never send to an address the other side names, so a candidate changes nothing; the request is answered as
the standard asks, and what is not allowed is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from webrtc.errors import FragmentRefusedError, IceRestartRefusedError
from webrtc.sdp import CANDIDATE
from webrtc.sdp_lines import CONTROL

if TYPE_CHECKING:
    from webrtc.limits import OfferLimits
    from webrtc.offer import Offer

ATTRIBUTE: Final = re.compile(r"a=([a-z-]{1,32})(?::(.{0,512}))?")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a fragment said: how many candidates, and whether no more follow."""

    candidates: int
    is_last: bool


def read_fragment(text: str, offer: Offer, limits: OfferLimits) -> Fragment:
    """Check a fragment against the offer it belongs to.

    Raises FragmentRefusedError for one that breaks the rules, IceRestartRefusedError for new credentials.
    """
    if len(text) > limits.fragment_bytes:
        raise FragmentRefusedError(
            f"the fragment is over {limits.fragment_bytes} bytes: send fewer candidates"
        )
    if CONTROL.search(text):
        raise FragmentRefusedError("the fragment holds control characters: send plain SDP text")
    candidates = 0
    is_last = False
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line or line.startswith("m="):
            continue
        match = ATTRIBUTE.fullmatch(line)
        if match is None:
            raise FragmentRefusedError("the fragment has a line that is neither an attribute nor an m-line")
        name, value = match[1], match[2] or ""
        _check_credentials(name, value, offer)
        if name == "candidate":
            if not CANDIDATE.fullmatch(value):
                raise FragmentRefusedError("a candidate of the fragment cannot be read")
            candidates += 1
        is_last = is_last or name == "end-of-candidates"
    return Fragment(candidates, is_last)


def _check_credentials(name: str, value: str, offer: Offer) -> None:
    is_new = (name == "ice-ufrag" and value != offer.ufrag) or (name == "ice-pwd" and value != offer.password)
    if is_new:
        raise IceRestartRefusedError("the fragment restarts ICE: open a new leg with a new offer instead")
