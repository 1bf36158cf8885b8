#!/bin/sh
# Make the virtual environment and install mappedviz (editable) with some of its extras.
#
#   scripts/venv.sh DIRECTORY [EXTRA...]
#
# Exact versions come from constraints.txt, or the file that CONSTRAINTS names; what LEAVE_OUT lists
# ("torch mypy") is not installed. Done once: a second call compares one checksum and returns.
# PYTHON names the interpreter; otherwise the first Python >= 3.11 is taken.
set -eu

cd "$(dirname "$0")/.."
venv=$1
shift
extras=$(echo "$*" | tr ' ' ',')
stamp="$venv/.installed-${extras:-runtime}"
constraints=${CONSTRAINTS:-constraints.txt}

say() { echo "mappedviz: $*" >&2; }

new_enough() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    # The interpreter of the environment that is there already, so that another PATH changes nothing.
    if made_here && new_enough "$venv/bin/python"; then
        echo "$venv/bin/python"
        return
    fi
    for candidate in python3.11 python3.12 python3.13 python3.14 python3 python; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

# An environment holds its own path: one that was moved or copied still points to the old place.
made_here() { [ "$(cat "$venv/.made-for" 2>/dev/null)" = "$(pwd)/$venv" ]; }

identity() { "$1" -c 'import sys; print(sys.base_prefix, sys.version)' 2>/dev/null; }

if [ -n "${PYTHON:-}" ]; then
    python=$PYTHON
    new_enough "$python" || { say "PYTHON=$python is not a Python >= 3.11 that runs."; exit 1; }
else
    python=$(find_python)
    [ -n "$python" ] || {
        say "no Python >= 3.11 found. Install one, or name it: make PYTHON=/path/to/python3.11 ..."
        exit 1
    }
fi
# Byte code is left to whoever imports first: of the 11,000 modules of the runtime the demo needs a fifth.
pip() { "$venv/bin/python" -m pip --disable-pip-version-check -qq install --no-compile -c "$constraints" "$@"; }

# The compiled core, whenever its sources changed. Without a compiler it takes the one of PyPI.
build_core() {
    needs=$("$venv/bin/python" hatch_build.py --needs)
    if [ -n "$needs" ]; then
        say "no C++ compiler here: installing one into $venv ($needs)"
        pip "$needs"
    fi
    "$venv/bin/python" hatch_build.py
}

key=$({ identity "$python"; cat pyproject.toml "$constraints"; echo "${LEAVE_OUT:-}"; } | cksum)

if made_here && [ "$(identity "$venv/bin/python")" = "$(identity "$python")" ]; then
    for done in "$stamp" "$venv"/.installed-*; do
        # The runtime is a part of whatever was installed.
        if [ -z "$extras" ] || [ "$done" = "$stamp" ]; then
            [ "$(cat "$done" 2>/dev/null)" != "$key" ] || { build_core; exit 0; }
        fi
    done
else
    if [ -e "$venv" ] && [ ! -f "$venv/pyvenv.cfg" ] && [ ! -f "$venv/.made-for" ]; then
        say "$venv is there and is no virtual environment. Move it away."
        exit 1
    fi
    rm -rf "$venv"
    say "making $venv with $("$python" --version)"
    if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        "$python" -m venv "$venv"
    # Debian has venv without ensurepip where python3-venv is not installed. pip alone can help
    # out: it installs itself into an environment that was made without it.
    elif "$python" -m pip --version >/dev/null 2>&1 &&
        "$python" -m venv --without-pip "$venv" >/dev/null 2>&1; then
        "$python" -m pip --python "$venv/bin/python" -qq install -c "$constraints" pip
    elif "$python" -m virtualenv --version >/dev/null 2>&1; then
        "$python" -m virtualenv --quiet "$venv"
    else
        rm -rf "$venv"
        say "$python can make no virtual environment: neither ensurepip, pip nor virtualenv is there."
        say "On Debian or Ubuntu: apt-get install python3-venv"
        exit 1
    fi
    echo "$(pwd)/$venv" >"$venv/.made-for"
fi

say "installing${extras:+ with $extras}: the versions of $constraints (a minute or two)"
# The build backend first, so that its version is a fixed one too.
pip hatchling hatch-vcs editables
build_core
if [ -z "${LEAVE_OUT:-}" ]; then
    pip --no-build-isolation --editable ".${extras:+[$extras]}"
else
    wanted="$venv/requirements.txt"
    # shellcheck disable=SC2086 # two lists of words
    "$venv/bin/python" scripts/requirements.py --extras "$extras" --without $LEAVE_OUT >"$wanted"
    pip -r "$wanted"
    pip --no-build-isolation --no-deps --editable .
fi
# Tests start many processes, some of which may not write byte code: once for all of them, on all processors, which pip
# does on one. Files for other versions of Python are in some packages, and fail.
[ -z "$extras" ] || "$venv/bin/python" -m compileall -qq -j 0 "$venv/lib" >/dev/null 2>&1 || true

echo "$key" >"$stamp"
