#!/bin/sh
# The browser that tests of notebooks drive (tests/browser): see that there is one, or install
# Debian's where that is allowed. Without it those tests are skipped, which is no reason to stop.
set -u

runs() { command -v "$1" >/dev/null 2>&1 && "$1" --version >/dev/null 2>&1; }
found() {
    for name in ${CHROMIUM:-chromium chromium-browser google-chrome-stable google-chrome}; do
        if runs "$name"; then return 0; fi
    done
    return 1
}
give_up() {
    echo "mappedviz: $1" >&2
    echo "mappedviz: NO BROWSER: the tests of what notebooks show will be SKIPPED." >&2
    echo "mappedviz: install Chromium (Debian: apt-get install chromium), or name one: CHROMIUM=/path" >&2
    exit 0
}

if found; then exit 0; fi
command -v apt-get >/dev/null 2>&1 || give_up "no Chromium here, and no apt-get to install it with."
if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    give_up "no Chromium here, and it takes root to install it."
fi

echo "mappedviz: installing Chromium for the tests of notebooks (half a minute)" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
wait_for_lock="-o DPkg::Lock::Timeout=120"
# shellcheck disable=SC2086  # the words of these are meant to be split
if $as_root apt-get update >"$log" 2>&1 &&
    $as_root apt-get $wait_for_lock install -y chromium >>"$log" 2>&1 && found; then
    exit 0
fi
tail -n 5 "$log" >&2
give_up "Chromium could not be installed."
