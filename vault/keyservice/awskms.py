"""Epoch keys in AWS KMS: one symmetric key for each epoch, found by its alias; wrapping bound to a context.

The context's lines become the encryption context, which stands in CloudTrail: identifiers and numbers only. A
key is never rotated by the service: rotation keeps every older key for ever, so that nothing would end.

Deleting a key is scheduled: from that moment it opens nothing, but until the waiting period is over somebody
may cancel. So a destruction is effective at its end. Deny `kms:CancelKeyDeletion` to everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from crypto.errors import CryptoError
from crypto.keys import TenantKey
from vault.errors import KeyProviderError
from vault.keys.provider import Destruction, Epoch, EpochKeyState
from vault.keyservice.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_kms import KMSClient
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

STATES: Final = {
    "Enabled": EpochKeyState.USABLE,
    "Disabled": EpochKeyState.DISABLED,
    "Unavailable": EpochKeyState.DISABLED,
    "PendingImport": EpochKeyState.DISABLED,
    "Creating": EpochKeyState.DISABLED,
    "Updating": EpochKeyState.USABLE,
    "PendingDeletion": EpochKeyState.ENDING,
    "PendingReplicaDeletion": EpochKeyState.ENDING,
}
REFUSALS: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
DENIALS: Final = frozenset(
    {
        "AccessDeniedException",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "ExpiredTokenException",
        "SignatureDoesNotMatch",
    }
)
MISSING: Final = "NotFoundException"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class KmsSettings:
    """Which region, under which name, and how long a deleted key waits."""

    region: str
    label: str = "callvault"
    window_days: int = 7  # the least that the service takes; each day is a day more in what receipts promise
    endpoint: str | None = None  # None: the region's own
    access_key: str | None = None  # None: the usual chain (environment, files, instance role)
    secret_key: str | None = field(default=None, repr=False)
    timeout_s: float = 10.0


class AwsKmsKeyProvider:
    """Asks with boto3, in a thread of its own."""

    name = "awskms"
    assurance = "kms"

    def __init__(self, settings: KmsSettings) -> None:
        self._settings = settings
        self._worker = Worker("AWS KMS", timeout_s=settings.timeout_s)
        self._client: KMSClient | None = None

    def __repr__(self) -> str:
        return f"AwsKmsKeyProvider({self._settings.region})"

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        self._worker.close()

    async def create_epoch(self, number: int) -> Epoch:
        """Make a key and then its alias; a crash between leaves a key without a name, which opens nothing."""

        def make(client: "KMSClient") -> "KeyMetadataTypeDef":
            found = self._metadata(client, number)
            if found is not None:
                return found
            made = client.create_key(
                Description=f"Callvault {self._settings.label}, epoch {number}",
                KeyUsage="ENCRYPT_DECRYPT",
                KeySpec="SYMMETRIC_DEFAULT",
                Tags=[{"TagKey": "callvault-epoch", "TagValue": f"{self._settings.label}-{number}"}],
            )["KeyMetadata"]
            try:
                client.create_alias(AliasName=self._alias(number), TargetKeyId=made["KeyId"])
            except ClientError as error:
                if _code(error) != "AlreadyExistsException":
                    raise
                # Somebody else was first: theirs counts, ours ends.
                client.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)
                return self._required(client, number)
            return made

        made = await self._asked(make)
        return Epoch(number, self._evidence(made))

    async def wrap(self, epoch: int, tenant_key: TenantKey, *, context: bytes) -> bytes:
        """Have a tenant key wrapped."""

        def wrap(client: "KMSClient") -> bytes:
            key = self._usable(client, epoch)
            answer = client.encrypt(
                KeyId=key["KeyId"], Plaintext=tenant_key.reveal(), EncryptionContext=_context(context)
            )
            return bytes(answer["CiphertextBlob"])

        return await self._asked(wrap)

    async def unwrap(self, epoch: int, wrapped: bytes, *, context: bytes) -> TenantKey:
        """Have a tenant key unwrapped; KeyProviderError for another context, epoch or changed bytes."""

        def unwrap(client: "KMSClient") -> bytes:
            key = self._usable(client, epoch)
            if not wrapped:
                raise _refused()
            answer = client.decrypt(
                KeyId=key["KeyId"], CiphertextBlob=wrapped, EncryptionContext=_context(context)
            )
            return bytes(answer["Plaintext"])

        plain = await self._asked(unwrap)
        try:
            return TenantKey.from_bytes(plain)
        except CryptoError as cause:
            raise _refused() from cause

    async def state(self, epoch: int, *, made: Mapping[str, str] | None = None) -> EpochKeyState:
        """Ask how the key is; a service that does not answer is an error, never a key that is gone.

        The key itself, where its making is known: an alias that is gone, or names another, tells nothing.
        """
        found = await self._asked(lambda client: self._metadata(client, epoch, made))
        return EpochKeyState.GONE if found is None else _state(found)

    async def destroy_epoch(
        self, epoch: int, *, now: datetime, made: Mapping[str, str] | None = None
    ) -> Destruction:
        """Schedule the key's deletion; repeating it finds the date that was set the first time."""

        def destroy(client: "KMSClient") -> Destruction:
            found = self._metadata(client, epoch, made)
            if found is None:
                return Destruction(now, {"provider": self.name, "key": self._alias(epoch), "state": "gone"})
            if _state(found) is EpochKeyState.ENDING:
                return self._scheduled(found, found["DeletionDate"])
            answer = client.schedule_key_deletion(
                KeyId=found["KeyId"], PendingWindowInDays=self._settings.window_days
            )
            return self._scheduled(found, answer["DeletionDate"])

        return await self._asked(destroy)

    def _scheduled(self, found: "KeyMetadataTypeDef", at: datetime) -> Destruction:
        evidence = self._evidence(found) | {"deletion_date": at.astimezone(UTC).isoformat()}
        return Destruction(at.astimezone(UTC), evidence)

    def _evidence(self, found: "KeyMetadataTypeDef") -> dict[str, str]:
        return {
            "provider": self.name,
            "assurance": self.assurance,
            "region": self._settings.region,
            "key": found["KeyId"],
        }

    def _alias(self, epoch: int) -> str:
        return f"alias/{self._settings.label}-epoch-{epoch}"

    def _metadata(
        self, client: "KMSClient", epoch: int, made: Mapping[str, str] | None = None
    ) -> "KeyMetadataTypeDef | None":
        made = made or {}
        if made.get("region", self._settings.region) != self._settings.region:
            raise KeyProviderError(
                f"the key of epoch {epoch} lies in {made['region']}, and awskms.region says "
                f"{self._settings.region}: set it back"
            )
        try:
            return client.describe_key(KeyId=made.get("key", self._alias(epoch)))["KeyMetadata"]
        except ClientError as error:
            if _code(error) == MISSING:
                return None
            raise

    def _required(self, client: "KMSClient", epoch: int) -> "KeyMetadataTypeDef":
        found = self._metadata(client, epoch)
        if found is None:
            raise KeyProviderError(
                f"AWS KMS has no key {self._alias(epoch)} in {self._settings.region}; is this the account?"
            )
        return found

    def _usable(self, client: "KMSClient", epoch: int) -> "KeyMetadataTypeDef":
        found = self._required(client, epoch)
        if _state(found) is not EpochKeyState.USABLE:
            raise KeyProviderError(
                f"the key {self._alias(epoch)} in AWS KMS is {found.get('KeyState', 'not usable')}"
            )
        return found

    async def _asked(self, ask: "Callable[[KMSClient], Result]") -> Result:
        def run() -> Result:
            try:
                return ask(self._opened())
            except ClientError as error:
                raise self._said(_code(error)) from None  # its words may quote what was sent
            except BotoCoreError as error:
                raise self._said(type(error).__name__) from None

        return await self._worker.do(run)

    def _said(self, code: str) -> KeyProviderError:
        if code in REFUSALS:
            return _refused()
        if code in DENIALS or code == "NoCredentialsError":
            return KeyProviderError(
                f"AWS KMS refuses our credentials ({code}); see the policy in docs/OPERATIONS.md"
            )
        return KeyProviderError(
            f"AWS KMS in {self._settings.region} does not answer as it must ({code}); nothing is opened "
            "until it does"
        )

    def _opened(self) -> "KMSClient":
        if self._client is None:
            settings = self._settings
            options = Config(
                connect_timeout=settings.timeout_s / 2,
                read_timeout=settings.timeout_s / 2,
                retries={"total_max_attempts": 2, "mode": "standard"},
            )
            self._client = boto3.session.Session().client(
                "kms",
                region_name=settings.region,
                endpoint_url=settings.endpoint,
                aws_access_key_id=settings.access_key,
                aws_secret_access_key=settings.secret_key,
                config=options,
            )
        return self._client


def _state(found: "KeyMetadataTypeDef") -> EpochKeyState:
    return STATES.get(found.get("KeyState", ""), EpochKeyState.DISABLED)


def _context(context: bytes) -> dict[str, str]:
    """Write ``name=value`` lines as the service wants them; without any line there is no context."""
    pairs: dict[str, Any] = dict(line.partition("=")[::2] for line in context.decode("ascii").splitlines())
    return {**pairs, "callvault:context": context.hex()} if context else {}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused() -> KeyProviderError:
    return KeyProviderError("a tenant key does not unwrap under its epoch; its record was changed")
