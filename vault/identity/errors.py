"""Why a credential was refused. Callers learn only that it was; ``reason`` is for logs and metrics."""

from enum import StrEnum

from vault.errors import UnauthenticatedError


class Refusal(StrEnum):
    """The bounded set of reasons."""

    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    TYPE = "type"
    KEY = "key"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    EXPIRED = "expired"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    REVOKED = "revoked"
    PERSON = "person"
    CALL = "call"
    SESSION = "session"
    CODE = "code"
    TICKET = "ticket"


class TokenRefusedError(UnauthenticatedError):
    """A token, code or session is not, or no longer, good: get a new one."""

    code = "token_refused"

    def __init__(self, message: str, *, reason: Refusal) -> None:
        super().__init__(message)
        self.reason = reason
