"""What botocore raises, as the store's own errors: one table of codes."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from storage.errors import (
    AbsentError,
    ChangedError,
    NoSpaceError,
    OutOfRangeError,
    RefusedError,
    StorageError,
    TooLargeError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# An upload that is gone is NoSuchKey or NoSuchUpload, depending on the engine and the request.
GONE: Final = frozenset({"NoSuchKey", "NoSuchUpload", "NoSuchVersion", "404", "NotFound"})
# An answer that only says "this service has no such feature".
UNSUPPORTED: Final = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405", "XNotImplemented"})

_BY_CODE: Final[dict[str, type[StorageError]]] = {
    **dict.fromkeys(GONE, AbsentError),
    "PreconditionFailed": ChangedError,
    "412": ChangedError,
    "QuotaExceeded": NoSpaceError,
    "InsufficientStorage": NoSpaceError,
    "EntityTooLarge": TooLargeError,
    # Refusals in the family of 4xx that time heals.
    "RequestTimeout": UnavailableError,
    "OperationAborted": UnavailableError,
    "ConditionalRequestConflict": UnavailableError,
    "SlowDown": UnavailableError,
    "TooManyRequests": UnavailableError,
    "Throttling": UnavailableError,
    "ThrottlingException": UnavailableError,
    "RequestThrottled": UnavailableError,
}


def code_of(error: ClientError) -> str:
    """Return the service's error code; the status as text where it has none (HEAD answers)."""
    return str(error.response.get("Error", {}).get("Code") or status_of(error))


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an error answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _kind_of(error: ClientError) -> type[StorageError]:
    status = status_of(error)
    if status == HTTPStatus.INSUFFICIENT_STORAGE:
        return NoSpaceError
    if known := _BY_CODE.get(code_of(error)):
        return known
    # A 501 is a 5xx, but it will be one tomorrow as well.
    if code_of(error) in UNSUPPORTED:
        return RefusedError
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return UnavailableError
    return RefusedError


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what botocore raises in the block into a storage error; `what` begins its message.

    The service's own sentence is left out of the message: some engines repeat headers in it.
    """
    try:
        yield
    except ClientError as cause:
        code = code_of(cause)
        if code == "InvalidRange" or status_of(cause) == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise OutOfRangeError(f"{what}: behind its end", size_bytes=0) from cause
        raise _kind_of(cause)(f"{what}: {code}") from cause
    except SSLError as cause:
        kind = RefusedError if "CERTIFICATE" in str(cause) else UnavailableError
        raise kind(f"{what}: TLS failed") from cause
    except (
        BotoConnectionError,
        EndpointConnectionError,
        HTTPClientError,
        IncompleteReadError,
        ReadTimeoutError,
        ResponseStreamingError,
    ) as cause:
        raise UnavailableError(f"{what}: {type(cause).__name__}") from cause
    except BotoCoreError as cause:
        raise RefusedError(f"{what}: {type(cause).__name__}") from cause
