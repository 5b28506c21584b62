#!/bin/sh
# The Dockerfile's steps in a clean folder, for a machine without a container engine: a fresh virtual environment from the lock,
# the package installed without its sources at hand, a tree that cannot be written, a user that is not root; then the program
# is started and asked for its health. What this cannot show is told at the end.
# Usage: scripts/check_image.sh     (as root it runs the program as user 10001, otherwise as who you are)
set -eu
cd "$(dirname "$0")/.."
repository=$(pwd -P)

place=$(mktemp -d /tmp/callvault-image.XXXXXX)
chmod 755 "$place"
server_pid=
finish() {
    [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
    chmod -R u+w "$place" && rm -rf "$place"
}
trap finish EXIT
trap 'exit 1' INT TERM

step() { echo "--- $1"; }
fail() { echo "FAIL: $1" >&2; exit 1; }

as_user=
if [ "$(id -u)" = 0 ]; then
    as_user='setpriv --reuid=10001 --regid=10001 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs'
fi

# An interpreter that the unprivileged user may reach: one below /root would not do.
python=
for candidate in ${CALLVAULT_PYTHON:-} /usr/local/bin/python3 /usr/bin/python3 python3; do
    if $as_user "$candidate" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || fail 'no Python 3.11 with venv that an unprivileged user can run (apt-get install python3-venv)'

step "sources: only what the Dockerfile copies ($python)"
mkdir "$place/src" "$place/app" "$place/data" "$place/tmp"
# The names stand once, in the Dockerfile: COPY lines of the build stage, without their last word.
for name in $(sed -n '/^FROM .* AS build/,/^FROM [^ ]*$/s/^COPY \(.*\) [^ ]*$/\1/p' Dockerfile); do
    cp -R "$repository/$name" "$place/src/"
done
find "$place/src" -name __pycache__ -type d -prune -exec rm -rf {} +

step 'build stage: environment from the lock, every file by its hash'
"$python" -m venv "$place/app/venv"
pip="$place/app/venv/bin/python -m pip --quiet --quiet --disable-pip-version-check --no-input"
$pip install --require-hashes --no-deps --only-binary :all: -r "$place/src/requirements.lock"
(cd "$place/src" && $pip install --no-deps .)
"$place/app/venv/bin/python" -m pip check --disable-pip-version-check
$pip uninstall --yes pip
"$place/app/venv/bin/python" -m compileall -q "$place/app/venv/lib" >/dev/null || fail 'a module does not compile'

step 'final stage: the environment alone, read-only; a data folder of the unprivileged user'
rm -rf "$place/src"
chmod -R a-w "$place/app"
if [ -n "$as_user" ]; then chown 10001:10001 "$place/data" "$place/tmp"; fi
chmod 700 "$place/data" "$place/tmp"

port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as_the_image_would() {  # runs a command in place of this shell: call it in a subshell or in the background
    cd "$place/data"
    exec $as_user env -i PATH="$place/app/venv/bin:/usr/bin:/bin" LANG=C.UTF-8 HOME="$place/data" \
        TMPDIR="$place/tmp" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
        CALLVAULT_SERVER__PORT="$port" CALLVAULT_SERVER__METRICS_PORT=0 "$@"
}
callvault() { (as_the_image_would callvault "$@"); }

step 'the program answers, and finds nothing to write beside its data'
callvault version
callvault --help >/dev/null
if $as_user touch "$place/app/venv/probe" 2>/dev/null; then fail 'the tree is writable'; fi

step 'serve refuses to start without its settings'
if callvault serve >"$place/serve.log" 2>&1 </dev/null; then fail 'serve started without a public URL'; fi
tail -n 3 "$place/serve.log"

step 'dev starts, and health says so'
as_the_image_would callvault dev >"$place/dev.log" 2>&1 </dev/null &
server_pid=$!
tries=0
until callvault health >"$place/health.log" 2>&1; do
    tries=$((tries + 1))
    kill -0 "$server_pid" 2>/dev/null || { cat "$place/dev.log"; server_pid=; fail 'dev ended by itself'; }
    [ "$tries" -lt 60 ] || { cat "$place/dev.log" "$place/health.log"; fail 'dev was not healthy within 60 tries'; }
    sleep 0.5
done
cat "$place/health.log"

step 'SIGTERM ends it cleanly'
kill -TERM "$server_pid"
code=0
wait "$server_pid" || code=$?
server_pid=
[ "$code" = 0 ] || { tail -n 20 "$place/dev.log"; fail "exit code $code after SIGTERM"; }
if callvault health >/dev/null 2>&1; then fail 'health says yes although nothing runs'; fi

echo "ok: installed size $(du -sm "$place/app" | cut -f1) MiB; temporary files left: $(find "$place/tmp" -type f | wc -l)"
echo 'Not shown here: the base image, seccomp, the read-only mount itself, published ports.'
