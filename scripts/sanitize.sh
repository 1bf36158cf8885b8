#!/bin/sh
# Build the compiled core with address and undefined-behaviour sanitizers and run its tests.
#
#   scripts/sanitize.sh PYTHON [OPTION OF PYTEST...]
#
# Status 77 where no sanitizers are here.
set -eu

cd "$(dirname "$0")/.."
python=$1
shift
library=$(pwd)/build/sanitize/_core.so

# Python itself is not built with them: their runtime has to be there before anything else.
runtime=$("$python" hatch_build.py --can-sanitize) || {
    echo "mappedviz: no compiler with sanitizers here (Debian: apt-get install g++)" >&2
    exit 77
}
"$python" hatch_build.py --sanitize --output "$library"
[ $# -gt 0 ] || set -- tests/native tests/gather
# What they find is written to the process's own output, which pytest must not keep to itself.
# Python frees little at its end, and the guard of mapped files has a handler of its own.
LD_PRELOAD=$runtime MAPPEDVIZ_NATIVE=$library \
    ASAN_OPTIONS=detect_leaks=0:allow_user_segv_handler=1:handle_sigbus=0:allocator_may_return_null=1 \
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    exec "$python" -m pytest -q --capture=sys --no-cov -p no:cacheprovider "$@"
