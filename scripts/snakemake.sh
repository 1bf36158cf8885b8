#!/bin/sh
# Snakemake, which runs examples/workflows/Snakefile in the tests, in an environment of its own:
# build/snakemake (135 MB). Without it that test is skipped, and says so; the commands of the rules are run anyway.
set -u

cd "$(dirname "$0")/.." || exit 1
python=${1:-python3}
venv=build/snakemake
stamp=$venv/.installed
give_up() {
    echo "mappedviz: NO SNAKEMAKE: $1; examples/workflows/Snakefile will NOT be run as a whole." >&2
    exit 0
}

key=$({ "$python" -c 'import sys; print(sys.base_prefix, sys.version)'; cat scripts/snakemake.txt; pwd; } | cksum)
[ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && exit 0
echo "mappedviz: installing Snakemake into $venv" >&2
rm -rf "$venv"
mkdir -p build
# pip of the environment of the tests installs into this one: it needs none of its own.
"$python" -m venv --without-pip "$venv" >/dev/null 2>&1 || give_up "no virtual environment can be made"
"$python" -m pip --disable-pip-version-check --python "$venv/bin/python" -qq install --no-deps \
    -r scripts/snakemake.txt >/dev/null 2>"$venv/log" || give_up "pip could not install scripts/snakemake.txt (see $venv/log)"
echo "$key" >"$stamp"
