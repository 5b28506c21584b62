"""Every answer of a service becomes one decision for the caller."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
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
from storage.s3_errors import translated


def answer(code: str, status: int) -> ClientError:
    """Return what botocore raises for an error answer."""
    told = {
        "Error": {"Code": code, "Message": "Bearer secret"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(told, "GetObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (answer("NoSuchKey", 404), AbsentError),
        (answer("NoSuchUpload", 404), AbsentError),
        (answer("404", 404), AbsentError),
        (answer("NoSuchBucket", 404), RefusedError),
        (answer("PreconditionFailed", 412), ChangedError),
        (answer("412", 412), ChangedError),
        (answer("InvalidRange", 416), OutOfRangeError),
        (answer("416", 416), OutOfRangeError),
        (answer("AccessDenied", 403), RefusedError),
        (answer("SignatureDoesNotMatch", 403), RefusedError),
        (answer("MissingContentLength", 411), RefusedError),
        (answer("NotImplemented", 501), RefusedError),
        (answer("EntityTooLarge", 400), TooLargeError),
        (answer("QuotaExceeded", 403), NoSpaceError),
        (answer("anything", 507), NoSpaceError),
        (answer("SlowDown", 503), UnavailableError),
        (answer("RequestTimeout", 400), UnavailableError),
        (answer("OperationAborted", 409), UnavailableError),
        (answer("InternalError", 500), UnavailableError),
        (answer("", 502), UnavailableError),
        (answer("unknown", 429), UnavailableError),
        (ReadTimeoutError(endpoint_url="http://x"), UnavailableError),
        (ConnectTimeoutError(endpoint_url="http://x"), UnavailableError),
        (EndpointConnectionError(endpoint_url="http://x"), UnavailableError),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), UnavailableError),
        (SSLError(endpoint_url="https://x", error=OSError("CERTIFICATE_VERIFY_FAILED")), RefusedError),
        (SSLError(endpoint_url="https://x", error=OSError("EOF")), UnavailableError),
        (NoCredentialsError(), RefusedError),
        (ParamValidationError(report="bad"), RefusedError),
    ],
)
def test_each_answer_is_one_decision(cause: Exception, kind: type[StorageError]) -> None:
    """Codes and statuses, as Ceph, moto and AWS tell them; the cause stays attached."""
    with pytest.raises(StorageError) as raised, translated("cannot read a/b"):
        raise cause
    assert type(raised.value) is kind
    assert raised.value.__cause__ is cause
    assert str(raised.value).startswith("cannot read a/b")


def test_the_services_sentence_is_not_repeated() -> None:
    """Some engines repeat request headers in it."""
    with pytest.raises(StorageError) as raised, translated("cannot read"):
        raise answer("AccessDenied", 403)
    assert "secret" not in str(raised.value)


def test_what_is_no_answer_passes() -> None:
    """Programming errors are not dressed up as the store's."""
    with pytest.raises(ZeroDivisionError), translated("cannot read"):
        _ = 1 // 0
