"""Google's Tink as the second opinion on sealed streams: the same key, made into its keyset."""

import io
from dataclasses import dataclass

import tink
from cryptography.hazmat.primitives import hashes
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from crypto.segments import Suite

streaming_aead.register()

TYPE_URL = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
HASH_TYPES = {
    "sha1": common_pb2.HashType.SHA1,
    "sha256": common_pb2.HashType.SHA256,
    "sha512": common_pb2.HashType.SHA512,
}


class _Kept(io.BytesIO):
    """A file whose bytes outlive the `close` that ends an encrypting stream."""

    def close(self) -> None:
        self.kept = self.getvalue()


@dataclass(frozen=True)
class TinkStream:
    """Tink with one key and one set of parameters."""

    key: bytes
    suite: Suite
    segment_bytes: int

    def _handle(self) -> tink.KeysetHandle:
        key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
            version=0,
            params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
                ciphertext_segment_size=self.segment_bytes,
                derived_key_size=self.suite.key_bytes,
                hkdf_hash_type=HASH_TYPES[self.suite.hash_algorithm.name],
            ),
            key_value=self.key,
        )
        data = tink_pb2.KeyData(
            type_url=TYPE_URL, value=key.SerializeToString(), key_material_type=tink_pb2.KeyData.SYMMETRIC
        )
        enabled = tink_pb2.Keyset.Key(
            key_data=data, output_prefix_type=tink_pb2.RAW, status=tink_pb2.ENABLED, key_id=1234
        )
        keyset = tink_pb2.Keyset(primary_key_id=1234, key=[enabled])
        return tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)

    def seal(self, plain: bytes, associated_data: bytes) -> bytes:
        """The stream as Tink writes it."""
        kept = _Kept()
        with (
            self._handle()
            .primitive(streaming_aead.StreamingAead)
            .new_encrypting_stream(kept, associated_data) as stream
        ):
            stream.write(plain)
        return kept.kept

    def open(self, sealed: bytes, associated_data: bytes) -> bytes:
        """The plain bytes as Tink reads them; `tink.TinkError` or `OSError` if it refuses."""
        primitive = self._handle().primitive(streaming_aead.StreamingAead)
        with primitive.new_decrypting_stream(io.BytesIO(sealed), associated_data) as stream:
            return bytes(stream.read())

    def json_keyset(self) -> str:
        """The key as Tink's JSON keyset."""
        return str(tink.json_proto_keyset_format.serialize(self._handle(), secret_key_access.TOKEN))


AES128_SHA1 = Suite(key_bytes=16, hash_algorithm=hashes.SHA1())  # noqa: S303  # the published vector's own
AES128_SHA256 = Suite(key_bytes=16, hash_algorithm=hashes.SHA256())
AES256_SHA512 = Suite(key_bytes=32, hash_algorithm=hashes.SHA512())
