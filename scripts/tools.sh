#!/bin/sh
# Tools in an environment of their own, build/NAME, because they would bring much into that of the tests or want other
# versions than it has: what scripts/NAME.txt names, without what that asks for beyond it. Done once.
#
#   scripts/tools.sh NAME PYTHON
set -eu

cd "$(dirname "$0")/.."
name=$1
python=${2:-python3}
venv=build/$name
stamp=$venv/.installed
key=$({ "$python" -c 'import sys; print(sys.base_prefix, sys.version)'; cat "scripts/$name.txt"; pwd; } | cksum)
[ "$(cat "$stamp" 2>/dev/null)" != "$key" ] || exit 0
echo "mappedviz: installing the tools of scripts/$name.txt into $venv" >&2
rm -rf "$venv"
mkdir -p build
# pip of the environment of the tests installs into this one: it needs none of its own.
"$python" -m venv --without-pip "$venv" >/dev/null
"$python" -m pip --disable-pip-version-check --python "$venv/bin/python" -qq install --no-deps -r "scripts/$name.txt" \
    >/dev/null 2>"$venv/log" || { echo "mappedviz: pip could not install scripts/$name.txt (see $venv/log)" >&2; exit 1; }
echo "$key" >"$stamp"
