#!/bin/sh
# Installs the Debian packages whose programs the tests drive: browsers, Ceph, Swift, PostgreSQL, coturn, SoftHSM, ffmpeg, Node.js.
# As root it installs what is missing and lets no daemon start. Otherwise it prints the one line to run, and goes on:
# tests whose part is missing are then skipped (or fail, with CALLVAULT_TEST_REQUIRE_ALL=1).
set -eu

missing=
want() {  # want PROGRAM PACKAGE...: the packages are needed when the program is not on the path
    program=$1
    shift
    command -v "$program" >/dev/null 2>&1 || missing="$missing $*"
}

want chromium chromium
want firefox-esr firefox-esr
want radosgw radosgw
want ceph-mon ceph-mon
want ceph-osd ceph-osd
want ffmpeg ffmpeg
want node nodejs
want npm npm
want openssl openssl
want setpriv util-linux
want curl curl
want strace strace
want ip iproute2
want turnserver coturn
want softhsm2-util softhsm2
want fc-match fontconfig
ls /usr/lib/python3/dist-packages/swift/proxy/server.py >/dev/null 2>&1 || missing="$missing python3-swift"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
# Playwright brings a Node.js of its own, which is linked against this library.
ls /usr/lib/*/libatomic.so.1 >/dev/null 2>&1 || missing="$missing libatomic1"
ls /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf >/dev/null 2>&1 || missing="$missing fonts-dejavu-core"

[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Tests of some real parts need Debian packages that are not here. To install them:" >&2
    echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
    [ "${CALLVAULT_TEST_REQUIRE_ALL:-}" != 1 ] || exit 1
    exit 0
fi

# policy-rc.d with 101 forbids a package to start its daemon (deb-systemd-invoke(1), invoke-rc.d(8)).
# One that was there before stays as it is, whatever it says, and is not ours to remove.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q </dev/null
# shellcheck disable=SC2086  # a list of package names
apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 $missing </dev/null
