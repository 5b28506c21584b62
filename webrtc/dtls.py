"""DTLS of a leg: a fresh certificate held in memory, authenticated encryption only, no older protocol.

RFC 8827, 6.5. The library's own list holds CBC suites with SHA-1; they are gone here. For the media AES-GCM
comes first; the AES-CM profile with SHA-1 stays last because RFC 8827 makes every endpoint have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from webrtc.offer import DtlsRole, Fingerprint

if TYPE_CHECKING:
    from aiortc import RTCIceTransport
    from OpenSSL import SSL
    from pylibsrtp import Session

    from webrtc.offer import Offer

SUITES: Final = b":".join(
    [
        b"ECDHE-ECDSA-AES128-GCM-SHA256",
        b"ECDHE-ECDSA-AES256-GCM-SHA384",
        b"ECDHE-ECDSA-CHACHA20-POLY1305",
        b"ECDHE-RSA-AES128-GCM-SHA256",
        b"ECDHE-RSA-AES256-GCM-SHA384",
        b"ECDHE-RSA-CHACHA20-POLY1305",
    ]
)
DTLS_1_2: Final = 0xFEFD  # RFC 6347, 4.1; pyOpenSSL has no name for it
ANSWERED_HASH: Final = "sha-256"


class LegCertificate(RTCCertificate):
    """A self-signed P-256 certificate of one leg."""

    def _create_ssl_context(self, srtp_profiles: list[Any]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(SUITES)
        context.set_min_proto_version(DTLS_1_2)
        return context

    def fingerprint(self) -> Fingerprint:
        """What the answer says of this certificate."""
        value = next(each.value for each in self.getFingerprints() if each.algorithm == ANSWERED_HASH)
        return Fingerprint(ANSWERED_HASH, value)


class LegDtls(RTCDtlsTransport):
    """The handshake of one leg. Its receive loop carries DTLS only; media goes round it."""

    def __init__(self, transport: RTCIceTransport, certificate: LegCertificate) -> None:
        super().__init__(transport, [certificate])
        self._was = ("", "")  # profile and suite of a connection that has ended

    async def agree(self, offer: Offer) -> None:
        """Handshake with the peer whose certificate the offer fixed; `state` tells the outcome."""
        self._set_role("server" if offer.our_role is DtlsRole.SERVER else "client")
        await self.start(
            RTCDtlsParameters(
                fingerprints=[
                    RTCDtlsFingerprint(algorithm=each.algorithm, value=each.value)
                    for each in offer.fingerprints
                ]
            )
        )

    @property
    def media_keys(self) -> tuple[Session, Session]:
        """The SRTP sessions, inbound and outbound; they exist once `state` is connected."""
        return self._rx_srtp, self._tx_srtp

    @property
    def profile(self) -> str:
        """The SRTP profile agreed on, or an empty string."""
        if self._ssl is None:
            return self._was[0]
        return str(self._ssl.get_selected_srtp_profile().decode())

    @property
    def suite(self) -> str:
        """The DTLS cipher suite agreed on, or an empty string."""
        return self._was[1] if self._ssl is None else self._ssl.get_cipher_name() or ""

    def forget(self) -> None:
        """Let go of the keys, and of the memory outside the collector's sight, once all of it has ended.

        What a connection leaves refers to itself in circles, which the collector comes for late.
        """
        self._was = (self.profile, self.suite)
        self._ssl = None
        self._rx_srtp = self._tx_srtp = cast("Session", None)  # as before the handshake
