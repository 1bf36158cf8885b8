#!/bin/sh
# The tests of mappedviz.scvi with the newest scvi-tools that is supported.
#
#   scripts/scvi_newest.sh PYTHON [PYTEST OPTION...]
#
# It asks for Python >= 3.12, for which PyPI has torch as a CUDA build of gigabytes only. Its wheel is plain
# Python: unpacked before the installed version, it runs on what is there, on 3.11 as well.
set -eu

cd "$(dirname "$0")/.."
version=1.5.1
python=$1
shift
place=build/scvi-$version

if [ ! -d "$place/scvi" ]; then
    mkdir -p build
    "$python" -m pip --disable-pip-version-check download --quiet --no-deps --only-binary=:all: \
        --python-version 3.12 --dest build "scvi-tools==$version"
    "$python" -m zipfile -e "build/scvi_tools-$version-py3-none-any.whl" "$place"
fi

PYTHONPATH="$place:.${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
found=$("$python" -c 'from importlib.metadata import version as of; import scvi; print(of("scvi-tools"), scvi.__version__)')
[ "$found" = "$version $version" ] || { echo "mappedviz: scvi-tools is $found, not $version" >&2; exit 1; }
echo "mappedviz: scvi-tools $version with $("$python" --version)"
exec "$python" -m pytest --no-cov -o "filterwarnings=error:::mappedviz" tests/scvi tests/views/test_handoff.py "$@"
