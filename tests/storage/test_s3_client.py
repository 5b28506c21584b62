"""Settings of an S3 store."""

from typing import Any

import pytest

from storage.errors import RefusedError
from storage.s3 import S3Credentials, S3Settings, S3Store
from storage.s3_client import make_clients


@pytest.mark.parametrize(
    "changes", [{"part_bytes": 5 * 1024 * 1024 - 1}, {"threads": 0}, {"parts_in_flight": 0}]
)
def test_settings_no_service_takes_are_refused(changes: dict[str, int]) -> None:
    """S3 wants parts of 5 MiB; a pool wants threads."""
    with pytest.raises(RefusedError):
        S3Settings("bucket", "eu-west-3", **changes)  # type: ignore[arg-type]


async def test_an_endpoint_that_is_no_url_is_refused() -> None:
    """The operator is told which setting, not given botocore's traceback."""
    with pytest.raises(RefusedError, match="endpoint"):
        await S3Store.create(S3Settings("bucket", "eu-west-3", "not a url"))


def test_secrets_do_not_print() -> None:
    """Credentials keep secret and session token out of their repr."""
    printed = repr(S3Credentials("AKIA1", "hidden-1", "hidden-2"))
    assert "AKIA1" in printed
    assert "hidden" not in printed


def test_the_client_signs_bodies_and_leaves_retries_to_us() -> None:
    """The options each answer to a trap: trailing checksums, blind retries, unsigned bodies over TLS."""
    client, stranger = make_clients(S3Settings("bucket", "eu-west-3"), S3Credentials("a", "b"))
    config: Any = client.meta.config  # the stubs do not know its options
    assert config.request_checksum_calculation == "when_required"
    assert config.response_checksum_validation == "when_required"
    assert config.retries == {"total_max_attempts": 1, "mode": "standard"}
    assert config.s3["payload_signing_enabled"] is True
    assert client.meta.endpoint_url == "https://s3.eu-west-3.amazonaws.com"
    client.close()
    stranger.close()
