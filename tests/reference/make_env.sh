#!/usr/bin/env bash
# Make the environment that holds the reference, lamindb-core, below a folder:
#   tests/reference/make_env.sh DIR
# It is the benchmark's environment of the same name; DIR/lamindb/bin/python is its interpreter.
set -euo pipefail
if [ $# -ne 1 ] || [ "$1" = "--help" ]; then
    sed -n '2,4p' "$0" | sed 's/^# \{0,1\}//'
    exit 2
fi
exec "$(dirname "$0")/../benchmarks/make_peer_envs.sh" "$1" lamindb
