#!/bin/sh
# Checks what surrounds the package: spelling, workflows, citation, docstrings, the recipe for conda, fragments of the
# change log, and what sp-repo-review asks of a repository. The tools are in build/repository, an environment of their own.
set -eu

cd "$(dirname "$0")/.."
python=${1:-python3}
venv=build/repository
stamp=$venv/.installed
key=$({ "$python" -c 'import sys; print(sys.base_prefix, sys.version)'; cat scripts/repository.txt; pwd; } | cksum)
if [ "$(cat "$stamp" 2>/dev/null)" != "$key" ]; then
    echo "mappedviz: installing the tools of scripts/repository.txt into $venv" >&2
    rm -rf "$venv"
    mkdir -p build
    # pip of the other environment installs into this one: it needs none of its own.
    "$python" -m venv --without-pip "$venv"
    "$python" -m pip --disable-pip-version-check --python "$venv/bin/python" -qq install -r scripts/repository.txt
    echo "$key" >"$stamp"
fi

"$venv/bin/codespell"
scripts/workflows.sh "$venv/bin"
git ls-files -z 'mappedviz/*.py' | xargs -0 "$venv/bin/numpydoc" lint
quietly() {
    # What passes says nothing.
    "$@" >"$venv/log" 2>&1 || { cat "$venv/log" >&2; exit 1; }
}
quietly "$venv/bin/cffconvert" --validate
quietly "$venv/bin/python" scripts/conda_recipe.py
quietly "$venv/bin/towncrier" build --draft --version next
quietly "$venv/bin/repo-review" .
