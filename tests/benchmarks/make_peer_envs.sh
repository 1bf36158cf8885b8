#!/usr/bin/env bash
# Make the environments of the benchmark's peers below a folder, from nothing:
#   tests/benchmarks/make_peer_envs.sh DIR [lamindb] [torch] [annbatch]
# lamindb: lamindb-core. torch: scDataset and anndata's AnnLoader. annbatch: needs Python >= 3.12
# and no torch (its batches are scipy matrices). Set PYTHON311 and PYTHON312 where the two
# interpreters have other names. An environment that exists is left alone.
set -euo pipefail
if [ $# -lt 1 ] || [ "$1" = "--help" ]; then
    sed -n '2,6p' "$0" | sed 's/^# \{0,1\}//'
    exit 2
fi
dir=$1
shift
[ $# -gt 0 ] || set -- lamindb torch annbatch

find_python() { # the first of the given names that runs and is that version
    local version=$1
    shift
    for candidate in "$@"; do
        if [ -n "$candidate" ] && "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "make_peer_envs.sh: no Python $version found; name it in PYTHON${version/./}" >&2
    exit 1
}

common="anndata==0.12.19 h5py==3.16.0"
for name in "$@"; do
    if [ -x "$dir/$name/bin/python" ] && [ -e "$dir/$name/ready" ]; then
        echo "$dir/$name exists"
        continue
    fi
    case $name in
    lamindb)
        python=$(find_python 3.11 "${PYTHON311:-}" python3.11 python3)
        packages="$common zarr==3.1.6 torch==2.13.0 lamindb-core==2.12.1"
        ;;
    torch)
        python=$(find_python 3.11 "${PYTHON311:-}" python3.11 python3)
        packages="$common zarr==3.1.6 torch==2.13.0 scDataset==0.3.0"
        ;;
    annbatch)
        python=$(find_python 3.12 "${PYTHON312:-}" python3.12 "$HOME"/.pyenv/versions/3.12.*/bin/python)
        packages="$common annbatch[zarrs]==0.3.1"
        ;;
    *)
        echo "make_peer_envs.sh: unknown environment '$name'" >&2
        exit 2
        ;;
    esac
    rm -rf "${dir:?}/$name"
    "$python" -m venv "$dir/$name"
    # shellcheck disable=SC2086
    "$dir/$name/bin/python" -m pip install --quiet --disable-pip-version-check $packages
    touch "$dir/$name/ready"
    echo "made $dir/$name"
done
