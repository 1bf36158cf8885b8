"""Workers that are forked while threads of the parent read, open and audit stores never hang."""

import os
import subprocess
import sys
import textwrap

import pytest

from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS

FORKS = 20
#: Seconds of a round of workers on a machine with other work. A worker that hangs does so for ever.
HANGS = 240

PROGRAM = f"""
    import glob, os, pickle, sys, threading, warnings
    warnings.filterwarnings("ignore")
    import torch.utils.data as tud
    import mappedviz as mv
    from mappedviz.formats.detect import open_root

    paths = sorted(glob.glob(sys.argv[1] + "/s*"))
    mine, theirs = paths[:3], paths[3:]
    ds = mv.MappedCollection(mine, obs_keys=["cell_type"])
    expected = ds[:]["X"]

    def forever(do):
        def work():
            while True:
                do()
        threading.Thread(target=work, daemon=True).start()

    def opens():
        for path in theirs:
            with open_root(path) as root:
                for name in root["obs"].keys():
                    node = root["obs"][name]
                    if hasattr(node, "read"):
                        node.read(), node.codec

    def audits():
        mv.audit(theirs, label="cell_type", progress=False, workers=0)
        for path in theirs:
            os.utime(mv.open_store(path)._watched)  # so that they are read again

    def reads():
        ds[:]

    unopened = pickle.dumps(ds)
    for do in (opens, audits, reads):
        forever(do)
    for i in range({FORKS // 2}):
        loader = tud.DataLoader(
            # Some workers begin with open stores and chunks in the cache, most have to open them.
            ds if i % 5 == 0 else pickle.loads(unopened),
            batch_sampler=[range(0, 10), range(10, len(ds))], collate_fn=lambda batch: batch,
            num_workers=2, multiprocessing_context="fork", timeout={HANGS},
        )
        first, second = list(loader)
        assert (first["X"] == expected[:10]).all() and (second["X"] == expected[10:]).all()
    os._exit(0)  # with threads that never end
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("kind", ["h5ad-gzip", "zarr-v3"])
def test_workers_are_forked_while_threads_read(kind, tmp_path):
    pytest.importorskip("torch")
    for i in range(12):
        STORE_KINDS[kind](
            coded_anndata(i, 15, genes=[f"g{j}" for j in range(8)]), tmp_path / f"s{i:02}"
        )
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stderr[-3000:]
