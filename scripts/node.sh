#!/bin/sh
# Installs the JavaScript that only tests use (package-lock.json) into node_modules; nothing of it is shipped.
set -eu
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null 2>&1; then
    echo 'npm was not found: browser tests that need it are skipped' >&2
    [ "${CALLVAULT_TEST_REQUIRE_ALL:-}" != 1 ] || exit 1
    exit 0
fi

stamp=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ -f node_modules/.stamp ] && [ "$(cat node_modules/.stamp)" = "$stamp" ]; then
    exit 0
fi

echo 'installing package-lock.json into node_modules'
# --ignore-scripts: no package may run code of its own, or download a browser, while it is installed.
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null
echo "$stamp" >node_modules/.stamp
