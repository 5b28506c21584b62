"""What can go wrong between a stranger's offer and a leg, one class per decision the caller can take."""

from __future__ import annotations

from enum import StrEnum


class OfferFault(StrEnum):
    """Why an offer is refused: stable codes for the caller's error answers."""

    TOO_LARGE = "offer_too_large"
    MALFORMED = "malformed_offer"
    TOO_MANY_MEDIA = "too_many_media"
    TOO_MANY_CANDIDATES = "too_many_candidates"
    NO_MEDIA = "no_media_sent"
    KIND_REFUSED = "media_kind_refused"
    UNSUPPORTED_CODEC = "unsupported_codec"
    BUNDLE_REQUIRED = "bundle_required"
    RTCP_MUX_REQUIRED = "rtcp_mux_required"
    FINGERPRINT_REQUIRED = "fingerprint_required"
    WEAK_FINGERPRINT = "weak_fingerprint"
    ICE_CREDENTIALS = "ice_credentials_required"
    ICE_LITE = "ice_lite_unsupported"


class WebrtcError(Exception):
    """Base of all errors of this package."""


class OfferRefusedError(WebrtcError):
    """The offer is not one we answer; `code` says which rule, the text what to change in the offer."""

    def __init__(self, code: OfferFault, text: str) -> None:
        super().__init__(text)
        self.code = code


class FragmentRefusedError(WebrtcError):
    """A trickled fragment breaks the rules of RFC 8840 or our limits: correct it; the leg goes on."""


class IceRestartRefusedError(WebrtcError):
    """The fragment carries new ICE credentials: open a new leg instead; this one goes on as it is."""


class RenegotiationRefusedError(WebrtcError):
    """The leg was answered already and takes no second offer: open a new leg instead."""


class PeerClosedError(WebrtcError):
    """The leg was closed while its offer was being answered: there is no answer, open a new leg."""


class NoAddressError(WebrtcError):
    """No UDP port could be bound on the configured addresses: check the addresses and the port range."""


class IllegalMoveError(WebrtcError):
    """A leg's state was asked to make a move its table does not have: a defect of the caller."""
