#!/bin/sh
# Makes .venv from a lock file: every file that pip takes must have a hash in the lock.
# Does nothing when the environment was already made from this very lock (a stamp keeps the lock's hash).
# Usage: scripts/venv.sh requirements.lock|requirements-dev.lock
set -eu
cd "$(dirname "$0")/.."
lock=$1
mkdir -p .state

# Two targets at once (make run beside make test) must not write one environment together.
if command -v flock >/dev/null 2>&1; then
    exec 9>.state/venv.flock
    flock 9
fi

stamp_of() { sha256sum "$1" | cut -d' ' -f1; }
stamp=.venv/.$lock.stamp
here=$(pwd -P)

is_fresh() {  # one lock's stamp matches, and the environment was made at this very path
    [ -x .venv/bin/python ] && [ -f ".venv/.$1.stamp" ] &&
        [ "$(cat ".venv/.$1.stamp")" = "$(stamp_of "$1") $here" ] && .venv/bin/python -c '' 2>/dev/null
}

# The dev lock holds everything of the run lock, at the same versions.
if is_fresh "$lock" || { [ "$lock" = requirements.lock ] && is_fresh requirements-dev.lock; }; then
    exit 0
fi

# The distribution's own interpreter first: it is built with profiles of real programs, which what a version manager
# compiled often is not (the server then takes a fifth less CPU).
find_python() {
    for name in ${CALLVAULT_PYTHON:-} /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    echo 'Python 3.11 or newer with its venv module was not found. Install it: sudo apt-get install -y python3 python3-venv' >&2
    return 1
}

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "making .venv with $python"
    rm -rf .venv
    "$python" -m venv .venv || {
        rm -rf .venv
        echo 'The venv module is incomplete. Install it: sudo apt-get install -y python3-venv' >&2
        exit 1
    }
fi

echo "installing $lock into .venv (one to three minutes the first time)"
rm -f .venv/.*.stamp
.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input \
    --require-hashes --no-deps --only-binary :all: -r "$lock"

# The program runs from the work tree: its folder on the path, and the command that an installed copy would have.
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$here" >"$site/callvault.pth"
printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m vault "$@"\n' "$here" >.venv/bin/callvault
chmod +x .venv/bin/callvault

echo "$(stamp_of "$lock") $here" >"$stamp"
