#!/bin/sh
# The tools that read what we write for others, MultiQC and mlcroissant, in an environment of their own:
# build/interop. They would bring 1.3 GB into the environment of the tests; what scripts/interop.txt
# names is enough for them to run, and 0.5 GB. Without it their tests are skipped, and say so.
set -u

cd "$(dirname "$0")/.." || exit 1
python=${1:-python3}
venv=build/interop
stamp=$venv/.installed
give_up() {
    echo "mappedviz: NO INTEROP: $1; files for MultiQC and Croissant will NOT be tested." >&2
    exit 0
}

key=$({ "$python" -c 'import sys; print(sys.base_prefix, sys.version)'; cat scripts/interop.txt; pwd; } | cksum)
[ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && exit 0
echo "mappedviz: installing MultiQC and mlcroissant into $venv" >&2
rm -rf "$venv"
mkdir -p build
# pip of the environment of the tests installs into this one: it needs none of its own.
"$python" -m venv --without-pip "$venv" >/dev/null 2>&1 || give_up "no virtual environment can be made"
"$python" -m pip --disable-pip-version-check --python "$venv/bin/python" -qq install --no-deps \
    -r scripts/interop.txt >/dev/null 2>"$venv/log" || give_up "pip could not install scripts/interop.txt (see $venv/log)"
echo "$key" >"$stamp"
