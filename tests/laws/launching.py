"""Starting scripts in two processes, as their users do, for the tests of launchers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mappedviz import MappedCollection
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

#: Ends a script. After its last line a thread of gloo may still hold a result, and aborts the process while Python
#: ends ("terminate called without an active exception", pytorch/pytorch#190489): a script that has passed leaves before.
LEAVE = """
    sys.stdout.flush()
    os._exit(0)
"""


def collection_to_share(folder: Path) -> MappedCollection:
    """203 rows of two stores."""
    paths = [
        STORE_KINDS[kind](coded_anndata(i, 101 + i, genes=["a", "b", "c"], plain=True), folder / str(i))
        for i, kind in enumerate(["h5ad", "h5ad-gzip"])
    ]  # fmt: skip
    return MappedCollection(paths, obs_keys=["cell_type", "origin"], encode_labels=["cell_type"])


def run_in_two_processes(
    arguments: list[str], *, cwd: str | Path, torchrun: bool, environment: dict[str, str] | None = None
) -> str:  # fmt: skip
    """Run a script to its end by torchrun, or as it starts its second process itself; what it printed."""
    own = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--local-addr=127.0.0.1"]
    own = [*own, "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0"] if torchrun else []
    done = subprocess.run(
        [sys.executable, *own, *arguments],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "ignore",
            **(environment or {}),
        },
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
