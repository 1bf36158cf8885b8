#!/bin/sh
# Checks what surrounds the package: spelling, workflows, citation, docstrings, the recipe for conda, fragments of the
# change log, and what sp-repo-review asks of a repository. The tools are in build/repository, an environment of their own.
set -eu

cd "$(dirname "$0")/.."
python=${1:-python3}
venv=build/repository
scripts/tools.sh repository "$python"

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
