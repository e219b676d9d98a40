#!/bin/sh
# Prints where Chromium is. With --install, installs it first where apt-get can, and prints nothing.
set -eu

find_chromium() {
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
    return 1
}

if [ "${1:-}" != --install ]; then
    find_chromium
    exit
fi

if find_chromium >/dev/null; then
    exit
fi
if ! command -v apt-get >/dev/null; then
    echo "The browser tests need Chromium; install it so that 'chromium' is on the PATH." >&2
    exit 1
fi
echo '• Installing Chromium for the browser tests'
as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
fi
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
find_chromium >/dev/null
