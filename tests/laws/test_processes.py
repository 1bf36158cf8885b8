"""Ten thousand stores, few descriptors, small pickles, hostile files: in processes of their own."""

import copy
import os
import pickle
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from mappedviz import MappedCollection
from mappedviz.errors import StoreError
from mappedviz.testing import coded_anndata
from tests.stores import STORE_KINDS


def run(code, *arguments, timeout=900):
    """Run a script in a fresh interpreter; its output."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """2,500 stores: real files, hard links to twenty different ones."""
    folder = tmp_path_factory.mktemp("many")
    originals = [
        STORE_KINDS["h5ad"](
            coded_anndata(i % 10, 5, genes=["a", "b", "c"], plain=True), folder / f"original_{i}"
        )
        for i in range(20)
    ]
    paths = []
    for i in range(2_500):
        path = folder / f"store_{i:04}.h5ad"
        os.link(originals[i % 20], path)
        paths.append(path)
    return folder


@pytest.mark.slow
def test_thousands_of_stores_with_256_descriptors(many):
    out = run(
        """
        import pickle, resource, sys, time
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        import numpy as np
        from mappedviz import MappedCollection
        start = time.perf_counter()
        ds = MappedCollection(sys.argv[1] + "/store_*.h5ad", obs_keys=["cell_type", "origin"],
                              encode_labels=["cell_type"])
        opened = time.perf_counter() - start
        assert len(ds.stores) == 2_500 and len(ds) == 12_500
        rng = np.random.default_rng(0)
        start = time.perf_counter()
        for _ in range(20):
            rows = rng.integers(0, len(ds), 500)
            batch = ds[rows]
            # X says row and gene, origin says the row: both have to be the row asked for.
            assert (batch["origin"] % 10**9 == rows % 5).all()
            sparse = ds.read_rows(rows, sparse=True)["X"]
            assert (sparse.toarray() == batch["X"]).all()
            where, columns = np.nonzero(batch["X"])
            from mappedviz.testing import decode
            _, row, gene = decode(batch["X"][where, columns])
            assert (row == rows[where] % 5).all() and (gene == columns).all()
        read = time.perf_counter() - start
        again = pickle.dumps(ds)
        assert len(again) < 250_000, len(again)
        same = pickle.loads(again)[[12_499, 0]]
        assert (same["X"] == ds[[12_499, 0]]["X"]).all()
        print(f"opened {opened:.1f} s, 10,000 rows {read:.1f} s, pickle {len(again):,} bytes")
        """,
        many,
    )
    print(out)


def test_rows_unfiltered_cost_offsets_only(tmp_path, monkeypatch):
    """A hundred million rows, most of them not even allocated on disk, in less than 50 MB."""
    monkeypatch.setenv(
        "MAPPEDVIZ_STORE_BYTES", str(1 << 34)
    )  # a store of 25 kB is not trusted so far
    path = tmp_path / "huge.h5ad"
    n = 100_000_000
    STORE_KINDS["h5ad-dense"](coded_anndata(0, 3, genes=["a"], plain=True), path)
    with h5py.File(path, "r+") as file:
        for name in ("X", "obs/_index", "layers", "raw", "obsm"):
            if name in file:
                del file[name]
        for name in list(file["obs"]):
            del file["obs"][name]
        file["obs"].attrs["column-order"] = np.array([], dtype=h5py.string_dtype())
        for name, shape in (("X", (n, 1)), ("obs/_index", (n,))):
            made = file.create_dataset(
                name, shape, "f4" if name == "X" else "i4", chunks=(1_000_000, 1)[: len(shape)]
            )
            made.attrs["encoding-type"], made.attrs["encoding-version"] = "array", "0.2.0"
    out = run(
        """
        import sys, tracemalloc
        from mappedviz import MappedCollection
        import numpy as np, scipy.sparse, mappedviz.collection.reader, mappedviz.native
        tracemalloc.start()
        ds = MappedCollection(sys.argv[1])
        assert len(ds) == 100_000_000
        assert ds[99_999_999]["X"].tolist() == [0]
        assert ds[[5, 99_999_999]]["X"].tolist() == [[0], [0]]
        held = tracemalloc.get_traced_memory()[0]
        ds._reader.cache.clear()
        print(held - 0)
        """,
        path,
    )
    assert int(out) < 50_000_000


def test_a_pickle_holds_no_handle_and_no_cache(tmp_path):
    path = STORE_KINDS["h5ad-gzip"](
        coded_anndata(0, 300, genes=[f"g{i}" for i in range(50)]), tmp_path / "a"
    )
    ds = MappedCollection(path)
    before = len(pickle.dumps(ds))
    ds[:]
    assert len(pickle.dumps(ds)) == before


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda ds: pickle.loads(pickle.dumps(ds))]
)
def test_copies_read_the_same(paths, again):
    ds = MappedCollection(paths, obs_keys="cell_type", obs_filter={"doublet": False})
    ds[0]
    other = again(ds)
    np.testing.assert_array_equal(other[:]["X"], ds[:]["X"])
    assert other.recipe == ds.recipe


def test_a_file_that_makes_the_library_spin_is_given_up(tmp_path, monkeypatch):
    """The child process that opens first is ended at the time bound; the others are read."""
    good = STORE_KINDS["h5ad"](coded_anndata(0, 5, genes=["a"], plain=True), tmp_path / "good")
    spinning = STORE_KINDS["h5ad"](coded_anndata(0, 5, genes=["a"], plain=True), tmp_path / "spin")
    # Stands for the crafted file: the child, a fresh interpreter, never comes back from opening it.
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        textwrap.dedent(
            """
            import sys
            class Spin:
                def find_spec(self, name, path=None, target=None):
                    if name == "mappedviz.stores":
                        sys.meta_path.remove(self)
                        import mappedviz.formats.detect as nodes
                        real = nodes.open_root
                        def open_root(path, *kind):
                            while "spin" in str(path):
                                pass
                            return real(path, *kind)
                        nodes.open_root = open_root
            sys.meta_path.insert(0, Spin())
            """
        )
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *sys.path]))
    with pytest.raises(StoreError, match=r"spin\.h5ad: did not open within 5 s.*open_timeout"):
        MappedCollection([good, spinning], open_timeout=5)
    with pytest.warns(UserWarning, match="left out 1 of 2"):
        ds = MappedCollection([good, spinning], open_timeout=5, on_error="skip")
    assert len(ds) == 5
    assert len(MappedCollection([good], open_timeout=120)) == 5


def test_encoders_are_identical_in_twenty_processes(tmp_path):
    adata = coded_anndata(0, 30, genes=["a"])
    path = STORE_KINDS["h5ad"](adata, tmp_path / "a")
    code = "import sys; from mappedviz import MappedCollection as M; print(M(sys.argv[1], obs_keys=['donor','cluster','note']).encoders)"
    outputs = set()
    for seed in range(20):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
