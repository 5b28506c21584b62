"""Services that hold keys, started once for a file of tests."""

from collections.abc import Iterator

import pytest

from tests.servers.moto import Moto, moto_server
from tests.servers.openbao import OpenBao, openbao_server


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """One OpenBao for this file."""
    with openbao_server(tmp_path_factory.mktemp("openbao")) as running:
        yield running


@pytest.fixture(scope="module")
def moto_kms() -> Iterator[Moto]:
    """One moto for this file: it plays AWS KMS as well."""
    with moto_server() as running:
        yield running
