"""OpenStack Swift with its S3 API for tests, as Debian has it: three storage servers and a proxy on loopback.

A second opinion beside Ceph, from people who read the S3 documents otherwise: no conditions, no lifecycle, no
object lock, parts as objects of their own. Four foreground processes, each ended by its own pid.
"""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.servers.parts import need_file
from tests.servers.ports import answers, free_port
from tests.servers.process import ServerError, server

# Debian's Python has Debian's Swift; ours has neither it nor its seventy dependencies.
PYTHON: Final = "/usr/bin/python3"
PACKAGE: Final = "/usr/lib/python3/dist-packages/swift/proxy/server.py"
STORAGE: Final = ("account", "container", "object")
READY_TIMEOUT_S: Final = 60.0
RINGS_TIMEOUT_S: Final = 60.0
BOOT_TRIES: Final = 3  # a port may be taken between the choice and the bind
DEVICE: Final = "d1"

# Swift reads /etc/swift unless it is told otherwise before anything asks for a policy.
SERVE: Final = """
import sys
from swift.common import utils
from swift.common.storage_policy import reload_storage_policies
utils.set_swift_dir(sys.argv[1])
reload_storage_policies()
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(f"{sys.argv[1]}/{sys.argv[2]}.conf", f"{sys.argv[2]}-server"))
"""
RINGS: Final = """
import json, sys
from swift.common.ring import RingBuilder
folder, ports = sys.argv[1], json.loads(sys.argv[2])
for name, port in ports.items():
    ring = RingBuilder(part_power=6, replicas=1, min_part_hours=1)
    ring.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1,
                  "replication_ip": "127.0.0.1", "replication_port": port, "meta": ""})
    ring.rebalance()
    ring.get_ring().save(f"{folder}/{name}.ring.gz")
"""
FILTERS: Final = "listing_formats bulk s3api tempauth slo versioned_writes symlink"
COMMON: Final = """
[swift-hash]
swift_hash_path_prefix = {prefix}
swift_hash_path_suffix = {suffix}
[storage-policy:0]
name = one
default = yes
"""
SERVER: Final = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
log_level = WARNING
# There is no syslog here, and nobody listens there.
log_udp_host = 127.0.0.1
log_udp_port = 9
"""
STORAGE_SERVER: Final = """
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
# A busy machine is not a broken one: what would be put off is done, since nobody does it later here.
conn_timeout = 10
node_timeout = 60
container_update_timeout = 60
"""
PROXY: Final = """
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache {filters} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 10
node_timeout = 60
error_suppression_limit = 1000000
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:s3api]
use = egg:swift#s3api
location = {region}
allow_no_owner = true
# It has to be there; that nobody answers is borne, and one process remembers all that has to be remembered.
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
"""


@dataclass(frozen=True)
class Swift:
    """Where the running service answers and who may come in."""

    http: str
    region: str
    folder: Path
    objects: Path
    access_key: str
    secret_key: str = field(repr=False)
    started_in_s: float


def prepare(folder: Path, region: str, secret_key: str) -> dict[str, int]:
    """Write folders, rings and configuration; give each server's port by its name."""
    (folder / "devices" / DEVICE).mkdir(parents=True)
    ports = {name: free_port() for name in (*STORAGE, "proxy")}
    (folder / "swift.conf").write_text(
        COMMON.format(prefix=secrets.token_hex(8), suffix=secrets.token_hex(8))
    )
    for name, port in ports.items():
        common = SERVER.format(port=port, folder=folder, user=_own_name())
        own = PROXY if name == "proxy" else STORAGE_SERVER
        rest = own.format(name=name, region=region, secret=secret_key, filters=FILTERS)
        (folder / f"{name}.conf").write_text(common + rest)
    rings = json.dumps({name: ports[name] for name in STORAGE})
    _run_rings(folder, rings)
    return ports


def _run_rings(folder: Path, rings: str) -> None:
    argv = [PYTHON, "-c", RINGS, str(folder), rings]
    done = subprocess.run(
        argv, env=_env(folder), capture_output=True, text=True, timeout=RINGS_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise ServerError(f"the rings were not made:\n{done.stderr[-2000:]}")


def _env(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(folder), "LC_ALL": "C.UTF-8"}


def _own_name() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def start(stack: ExitStack, folder: Path, ports: dict[str, int]) -> None:
    """Start all four for the length of the stack."""
    for name, port in ports.items():
        is_ready = (lambda port=port: answers(port)) if name != "proxy" else (lambda port=port: _is_up(port))
        running = server(
            [PYTHON, "-c", SERVE, str(folder), name],
            log=folder / f"{name}.log",
            is_ready=is_ready,
            timeout_s=READY_TIMEOUT_S,
            env=_env(folder),
        )
        stack.enter_context(running)


def _is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=1) as answer:
            return bool(answer.read() == b"OK")
    except OSError:
        return False


@contextmanager
def swift_server(region: str = "lab-brno") -> Iterator[Swift]:
    """Run Swift for the length of the block; skips the test without it.

    Its region is the given word. Every start is empty, nothing survives the block.
    """
    need_file(PACKAGE, package="python3-swift")
    started_s = time.monotonic()
    for attempt in range(1, BOOT_TRIES + 1):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(_folder()))
            secret_key = secrets.token_hex(20)
            try:
                ports = prepare(folder, region, secret_key)
                start(stack, folder, ports)
            except (ServerError, subprocess.TimeoutExpired):
                if attempt == BOOT_TRIES:
                    raise
                continue
            yield Swift(
                http=f"http://127.0.0.1:{ports['proxy']}",
                region=region,
                folder=folder,
                objects=folder / "devices" / DEVICE / "objects",
                access_key="test:tester",
                secret_key=secret_key,
                started_in_s=time.monotonic() - started_s,
            )
            return


@contextmanager
def _folder() -> Iterator[str]:
    name = tempfile.mkdtemp(prefix="callvault-swift-")
    try:
        yield name
    finally:
        shutil.rmtree(name, ignore_errors=True)
