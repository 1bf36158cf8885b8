#!/bin/sh
# The accessibility audit that the browser tests inject into their pages: axe-core of npm, a pinned
# file that is not committed. Without it that one test is skipped, and says so.
set -u

version=4.10.3
sum=0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292
folder=$(cd "$(dirname "$0")/.." && pwd)/build/axe
give_up() {
    echo "mappedviz: NO AXE: $1; the accessibility audit of the browser tests will be SKIPPED." >&2
    exit 0
}

[ -f "$folder/axe.min.js" ] && exit 0
command -v npm >/dev/null 2>&1 || give_up "npm is not installed"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
npm pack --silent "axe-core@$version" >/dev/null 2>"$work/log" || give_up "npm could not fetch axe-core@$version"
echo "$sum  axe-core-$version.tgz" | sha256sum --check --status || give_up "axe-core@$version is not the file it was"
tar -xzf "axe-core-$version.tgz" package/axe.min.js package/LICENSE || give_up "the package has no axe.min.js"
mkdir -p "$folder"
mv package/LICENSE package/axe.min.js "$folder/"
