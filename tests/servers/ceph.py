"""A real S3 service for tests: Ceph's monitor, one store daemon and the gateway, all on loopback.

Three foreground daemons, each ended by its own pid. Up in about two seconds: one placement group per pool, a
quick monitor, no manager, no cephx. The region is the name of the zone group. It keeps its objects in memory;
in long campaigns (`make soak`) in a file, with the store that Ceph has in production.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.servers.certificates import Certificate, self_signed
from tests.servers.parts import need
from tests.servers.ports import answers, free_port
from tests.servers.process import ServerError, server

TOOLS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "monmaptool")
TOOL_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 60.0
PORTS_OF_DAEMONS = 40  # the daemons bind several ports each, all out of one range
BOOT_TRIES = 3  # a port may be taken between the choice and the bind

CONFIG = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_port}/0
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
ms bind port min = {first_port}
ms bind port max = {last_port}
auth cluster required = none
auth service required = none
auth client required = none
# without this line the gateway alone asks for "secure" and never comes in
ms mon client mode = crc secure
paxos propose interval = 0.05
paxos min wait = 0.01
mon allow pool size one = true
mon max pg per osd = 2000
osd max pg per osd hard ratio = 100
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
run dir = {folder}/run
admin socket = {folder}/run/$cluster-$name.$pid.asok
log file = {folder}/log/$name.log
crash dir = {folder}/log
mon cluster log file = {folder}/log/cluster.log
keyring = {folder}/keyring
[mon]
mon data = {folder}/mon
mon data avail warn = 1
mon data avail crit = 1
[osd]
osd data = {folder}/osd
osd objectstore = {objectstore}
memstore device bytes = 8589934592
# A sparse file: it takes as much of the disk as is stored, with what is collected later.
bluestore block create = true
bluestore block size = 34359738368
bluestore cache autotune = false
bluestore cache size = 268435456
osd client watch timeout = 2
osd heartbeat interval = 1
osd heartbeat grace = 4
[client]
rgw data = {folder}/rgw
rgw crypt require ssl = false
"""


@dataclass(frozen=True)
class Ceph:
    """Where the running service answers, who may come in, and the gateway's pid for tests that stop it.

    All that it keeps and logs lies below ``folder``.
    """

    http: str
    https: str
    ca_file: Path
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    gateway_pid: int
    folder: Path
    started_in_s: float
    admin: Callable[..., str] = field(repr=False)

    def new_key(self) -> tuple[str, str]:
        """Give the user one key pair more."""
        access_key, secret_key = secrets.token_hex(10), secrets.token_hex(20)
        pair = (f"--access-key={access_key}", f"--secret-key={secret_key}")
        self.admin("key", "create", "--uid=tests", "--key-type=s3", *pair)
        return access_key, secret_key

    def remove_key(self, access_key: str) -> None:
        """Take a key pair away: the gateway knows it no longer."""
        self.admin("key", "rm", "--uid=tests", "--key-type=s3", f"--access-key={access_key}")


@dataclass(frozen=True)
class Setup:
    """One attempt: a folder, ports, and the tools with the environment they need."""

    folder: Path
    programs: dict[str, str]
    env: dict[str, str]
    fsid: str
    mon_port: int
    http_port: int
    https_port: int

    def tool(self, program: str, *arguments: str) -> str:
        """Run a tool to its end and return what it printed; raises ServerError with its words."""
        done = subprocess.run(
            [self.programs[program], *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=TOOL_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise ServerError(
                f"{program} {arguments[:3]} ended with {done.returncode}:\n{done.stderr[-2000:]}"
            )
        return done.stdout

    def daemon(self, stack: ExitStack, program: str, *arguments: str, port: int | None) -> int:
        """Start a foreground daemon for the length of the stack and return its pid."""
        running = server(
            [self.programs[program], "-f", *arguments],
            log=self.folder / "log" / f"{program}.out",
            is_ready=lambda: port is None or answers(port),
            timeout_s=READY_TIMEOUT_S,
            env=self.env,
        )
        return stack.enter_context(running).pid


def range_of_ports(count: int) -> int:
    """Return the first of `count` neighbouring loopback ports that were free a moment ago."""
    for _ in range(50):
        first = 20_000 + secrets.randbelow(12_000)  # below Linux' own range for outgoing connections
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise ServerError("no range of free ports found")


def prepare(folder: Path, programs: dict[str, str]) -> Setup:
    """Write folders and configuration."""
    for name in ("mon", "osd", "rgw", "run", "log"):
        (folder / name).mkdir()
    (folder / "keyring").touch()
    first = range_of_ports(PORTS_OF_DAEMONS)
    config = folder / "ceph.conf"
    fsid = str(uuid.uuid4())
    config.write_text(
        CONFIG.format(
            fsid=fsid,
            mon_port=first,
            first_port=first + 1,
            last_port=first + PORTS_OF_DAEMONS - 1,
            folder=folder,
            objectstore="bluestore" if os.environ.get("CALLVAULT_TEST_SOAK") == "1" else "memstore",
        )
    )
    env = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "CEPH_CONF": str(config),
        "CEPH_ARGS": f"--conf {config}",
    }
    return Setup(folder, programs, env, fsid, first, free_port(), free_port())


def start_storage(setup: Setup, stack: ExitStack) -> None:
    """Start the monitor and the store daemon."""
    monmap = str(setup.folder / "monmap")
    address = f"[v2:127.0.0.1:{setup.mon_port}/0]"
    setup.tool("monmaptool", "--create", "--fsid", setup.fsid, "--addv", "a", address, monmap)
    setup.tool("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
    setup.daemon(stack, "ceph-mon", "-i", "a", port=setup.mon_port)
    osd = str(uuid.uuid4())
    setup.tool("ceph", "osd", "new", osd)
    setup.tool("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
    setup.daemon(stack, "ceph-osd", "-i", "0", port=None)
    deadline_s = time.monotonic() + READY_TIMEOUT_S
    while "1 up" not in setup.tool("ceph", "osd", "stat"):
        if time.monotonic() > deadline_s:
            raise ServerError("the store daemon did not come up")
        time.sleep(0.02)


def make_realm(setup: Setup, region: str, access_key: str, secret_key: str) -> None:
    """Name the region and make the one user."""
    place = (f"--rgw-zonegroup={region}", f"--endpoints=http://127.0.0.1:{setup.http_port}")
    setup.tool("radosgw-admin", "realm", "create", "--rgw-realm=tests", "--default")
    setup.tool("radosgw-admin", "zonegroup", "create", *place, "--master", "--default")
    setup.tool("radosgw-admin", "zone", "create", "--rgw-zone=z1", *place, "--master", "--default")
    setup.tool("radosgw-admin", "period", "update", "--commit")
    user = ("--uid=tests", "--display-name=tests", f"--access-key={access_key}", f"--secret-key={secret_key}")
    setup.tool("radosgw-admin", "user", "create", *user)


def start_gateway(setup: Setup, stack: ExitStack, certificate: Certificate) -> int:
    """Start the gateway on both ports and return its pid."""
    frontend = (
        # without tcp_nodelay almost every request takes 44 ms
        f"beast endpoint=127.0.0.1:{setup.http_port} tcp_nodelay=1 ssl_endpoint=127.0.0.1:{setup.https_port}"
        f" ssl_certificate={certificate.certificate_file} ssl_private_key={certificate.key_file}"
    )
    return setup.daemon(
        stack, "radosgw", "-n", "client.rgw.a", f"--rgw_frontends={frontend}", port=setup.http_port
    )


@contextmanager
def ceph_server(region: str = "lab-paris") -> Iterator[Ceph]:
    """Run a Ceph object gateway for the length of the block; skips the test without Ceph.

    Its region is the given word. Every start is empty, nothing survives the block.
    """
    programs = need(*TOOLS)
    started_s = time.monotonic()
    for attempt in range(1, BOOT_TRIES + 1):
        folder = Path(tempfile.mkdtemp(prefix="callvault-ceph-"))
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            setup = prepare(folder, programs)
            certificate = self_signed(folder)
            access_key, secret_key = secrets.token_hex(10), secrets.token_hex(20)
            try:
                start_storage(setup, stack)
                make_realm(setup, region, access_key, secret_key)
                gateway_pid = start_gateway(setup, stack, certificate)
            except (ServerError, subprocess.TimeoutExpired):
                if attempt == BOOT_TRIES:
                    raise
                continue
            yield Ceph(
                http=f"http://127.0.0.1:{setup.http_port}",
                https=f"https://127.0.0.1:{setup.https_port}",
                ca_file=certificate.certificate_file,
                region=region,
                access_key=access_key,
                secret_key=secret_key,
                gateway_pid=gateway_pid,
                folder=folder,
                started_in_s=time.monotonic() - started_s,
                admin=partial(setup.tool, "radosgw-admin"),
            )
            return
