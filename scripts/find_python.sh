#!/bin/sh
# Print the path of a Python of one version (3.13), from PATH or pyenv; say so where there is none.
set -eu

version=$1
for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python; do
    found=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2], sys.executable)' 2>/dev/null) || continue
    case $found in
        "$version "*) echo "${found#* }"; exit 0 ;;
    esac
done
echo "mappedviz: no Python $version here, neither on PATH nor in pyenv. Install it: these tests need it." >&2
exit 1
