# ruff: noqa: D102 - a test's name is its first sentence
"""Tests of every store kind; a new kind subclasses them and gains them all.

This module needs pytest.
"""

from __future__ import annotations

import gc
import hashlib
import os
import pickle
import threading
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mappedviz.testing.data import coded_anndata, layers_of
from mappedviz.text.addresses import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz.stores.store import Store


def dense(matrix: Any) -> np.ndarray[Any, Any]:
    """Matrix, sparse or data frame as a numpy array in native byte order.

    Examples
    --------
    >>> from mappedviz.testing import coded_matrix
    >>> from mappedviz.testing.contract import dense
    >>> dense(coded_matrix(0, 3, 2, density=1)).tolist()
    [[1000000.0, 1000001.0], [1001000.0, 1001001.0], [1002000.0, 1002001.0]]
    """
    array = matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
    return np.asarray(array.astype(array.dtype.newbyteorder("="), copy=False))


def assert_same_values(got: Any, column: Any) -> None:
    """Fail unless values read from a store are those of a pandas column.

    Strings have to be ``str``, booleans and numbers equal; a missing value of pandas (NaN, NA)
    has to be NaN. Without missing values the dtype has to be of the same kind.

    Parameters
    ----------
    got
        Array of values.
    column
        pandas Series.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from mappedviz.testing import assert_same_values
    >>> assert_same_values(np.array([1.0, np.nan]), pd.Series([1, None], dtype="Int64"))
    """
    got = np.asarray(got)
    missing = column.isna().to_numpy()
    assert got.shape == (len(column),)
    absent = np.array([value != value for value in got], dtype=bool)
    np.testing.assert_array_equal(absent, missing)
    want = column.astype(object).to_numpy()
    for row in np.flatnonzero(~missing):
        assert got[row] == want[row], f"row {row}: {got[row]!r} is not {want[row]!r}"
        assert isinstance(got[row], str) == isinstance(want[row], str), f"row {row}"
    categories = getattr(column.dtype, "categories", None)
    kind = getattr(column.dtype, "kind", "O") if categories is None else categories.dtype.kind
    if not missing.any() and len(got):
        assert got.dtype.kind == kind


def hash_store(path: str | os.PathLike[str]) -> str:
    """Digest of all names and bytes of a file or directory.

    Examples
    --------
    >>> import tempfile
    >>> from mappedviz.testing import hash_store
    >>> len(hash_store(tempfile.mkdtemp()))
    64
    """
    path = Path(path)
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        digest.update(str(file.relative_to(path)).encode())
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _open_descriptors() -> int:
    """How many descriptors this process holds; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


class StoreContract:
    """Tests that every store kind has to pass.

    A subclass whose name starts with ``Test`` defines how its kind is written:

    .. code-block:: python

        class TestMyKind(StoreContract):
            def write(self, adata, path):
                return write_my_kind(adata, path)

    and, where its kind cannot hold everything that `coded_anndata` makes, what it can
    (``expected``). One store is written per class; the tests only read it.

    Attributes
    ----------
    n_obs, n_vars
        Shape of the store that is written; enough for several chunks, and for empty rows.
    """

    n_obs = 40
    n_vars = 12
    _written: tuple[Path, AnnData] | None = None

    @abstractmethod
    def write(self, adata: AnnData, path: Path) -> Path:
        """Write `adata` at or near `path` (which has no suffix yet) and return where."""
        raise NotImplementedError

    def expected(self, adata: AnnData) -> AnnData:
        """Return what a store that was written from `adata` has to be read as; by default the same."""
        return adata

    def address(self, path: Path) -> str | Path:
        """Return what the store at `path` is opened by: for one behind a server, its URL."""
        return path

    # ---------------------------------------------------------------- what the tests use

    @pytest.fixture
    def written(self, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AnnData]:
        """Path of the one store of this class, and what it holds."""
        # No class-scoped fixture: that would have to be a classmethod, and so would `write`.
        kind = type(self)
        if "_written" not in kind.__dict__:
            adata = coded_anndata(3, self.n_obs, self.n_vars)
            folder = tmp_path_factory.mktemp("a folder, naïve")
            kind._written = self.write(adata, folder / "store"), self.expected(adata)
        assert kind._written is not None
        return kind._written

    @pytest.fixture
    def path(self, written: tuple[Path, AnnData]) -> Path:
        """Path of the one store of this class."""
        return written[0]

    @pytest.fixture
    def adata(self, written: tuple[Path, AnnData]) -> AnnData:
        """What the store holds."""
        return written[1]

    @pytest.fixture
    def store(self, path: Path) -> Iterator[Store]:
        """The store, opened."""
        from mappedviz.stores.store import open_store

        store = open_store(self.address(path))
        yield store
        store.close()

    @staticmethod
    def matrices(adata: AnnData) -> dict[str, Any]:
        """The matrices of an AnnData by the names that a store gives them, dense."""
        found = {key: dense(matrix) for key, matrix in layers_of(adata).items()}
        if adata.X is not None:
            found["X"] = dense(adata.X)
        if adata.raw is not None:
            found["raw.X"] = dense(adata.raw.X)
        return found

    # --------------------------------------------------------------------------- facts

    def test_facts_are_those_of_the_anndata(self, store: Store, path: Path, adata: AnnData) -> None:
        assert (store.facts.n_obs, store.facts.n_vars) == adata.shape
        assert list(store.facts.obs_columns) == list(adata.obs.columns)
        assert list(store.facts.var_columns) == list(adata.var.columns)
        assert set(store.facts.obsm) == set(adata.obsm)
        assert is_url(store.path) or Path(store.path).samefile(path)

    def test_matrices_are_listed_with_shape_and_type(self, store: Store, adata: AnnData) -> None:
        matrices = self.matrices(adata)
        assert set(store.facts.matrices) == set(matrices)
        for key, matrix in matrices.items():
            assert tuple(store.facts.matrices[key].shape) == matrix.shape
            assert store.facts.matrices[key].dtype == matrix.dtype

    def test_names_are_those_of_the_indexes(self, store: Store, adata: AnnData) -> None:
        for got, want in ((store.obs_names, adata.obs_names), (store.var_names, adata.var_names)):
            assert list(got) == list(want)
            assert all(type(name) is str for name in got)

    def test_names_of_raw_are_those_of_its_var(self, store: Store, adata: AnnData) -> None:
        if adata.raw is not None:
            assert list(store.read_var_names(raw=True)) == list(adata.raw.var_names)

    def test_a_path_may_be_relative_and_outlive_a_change_of_directory(
        self, path: Path, adata: AnnData, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from mappedviz.stores.store import open_store

        if is_url(self.address(path)):
            pytest.skip("URLs are absolute")
        monkeypatch.chdir(path.parent)
        store = open_store(path.name)
        monkeypatch.chdir("/")
        assert list(store.obs_names) == list(adata.obs_names)

    # ------------------------------------------------------------------------- columns

    def test_every_obs_column_has_the_values_of_pandas(self, store: Store, adata: AnnData) -> None:
        for name in adata.obs.columns:
            assert_same_values(store.obs_column(name).values(), adata.obs[name])

    def test_categories_keep_their_order_and_the_unused(self, store: Store, adata: AnnData) -> None:
        for name, column in adata.obs.items():
            if column.dtype == "category":
                read = store.obs_column(name)
                assert read.categories is not None
                assert read.categories.tolist() == column.cat.categories.tolist()
                assert read.ordered == column.cat.ordered

    def test_a_column_that_is_not_there_is_named(self, store: Store) -> None:
        from mappedviz.errors import MissingKeyError

        with pytest.raises(MissingKeyError, match="no such thing"):
            store.obs_column("no such thing")

    # ---------------------------------------------------------------------------- rows

    def test_rows_come_in_request_order_with_repeats(self, store: Store, adata: AnnData) -> None:
        for key, matrix in self.matrices(adata).items():
            for rows in ([7], [5, 3, 3, 0, self.n_obs - 1, 5, 10], list(range(self.n_obs))[::-1]):
                got = store.read_rows(key, np.array(rows))
                np.testing.assert_array_equal(got, matrix[rows], err_msg=key, strict=True)

    def test_rows_are_fresh_arrays(self, store: Store, adata: AnnData) -> None:
        for key, matrix in self.matrices(adata).items():
            store.read_rows(key, np.arange(4))[...] = 1
            np.testing.assert_array_equal(store.read_rows(key, np.arange(4)), matrix[:4])

    def test_no_rows_are_no_rows_of_full_width(self, store: Store, adata: AnnData) -> None:
        for key, matrix in self.matrices(adata).items():
            got = store.read_rows(key, np.array([], dtype=np.int64))
            assert got.shape == (0, matrix.shape[1])
            assert got.dtype == matrix.dtype

    @pytest.mark.parametrize("beyond", [0, 1, 10**12, None], ids=["n", "n+1", "far", "negative"])
    def test_a_row_out_of_range_is_an_index_error(
        self, store: Store, adata: AnnData, beyond: int | None
    ) -> None:
        row = -1 if beyond is None else self.n_obs + beyond
        for key in self.matrices(adata):
            with pytest.raises(IndexError):
                store.read_rows(key, np.array([0, row]))

    def test_a_matrix_that_is_not_there_is_named(self, store: Store) -> None:
        from mappedviz.errors import MissingKeyError

        with pytest.raises(MissingKeyError, match="no such layer"):
            store.read_rows("no such layer", np.array([0]))

    def test_obsm_has_the_values_of_the_anndata(self, store: Store, adata: AnnData) -> None:
        from mappedviz.formats.cache import ChunkCache
        from mappedviz.formats.files import FilePool
        from mappedviz.gather.request import Part
        from mappedviz.gather.rows import gather_dense

        for key, value in adata.obsm.items():
            want = dense(value)
            got = store.open_obsm(key, ChunkCache(1 << 20, FilePool()))
            if not isinstance(got, np.ndarray):
                rows = np.arange(self.n_obs)
                out = np.empty(want.shape, dtype=got.facts.dtype)
                gather_dense([Part(got, rows, rows, None)], out)
                got = out
            np.testing.assert_array_equal(got, want, err_msg=key)

    # ---------------------------------------------------------- processes, threads, files

    def test_a_pickled_store_reads_the_same(self, store: Store, adata: AnnData) -> None:
        for key, matrix in self.matrices(adata).items():
            store.read_rows(key, np.array([0]))  # so that there is something open
            frozen = pickle.dumps(store)
            assert len(frozen) < 10_000, "a store pickles as an address, not as what it has read"
            copy = pickle.loads(frozen)  # noqa: S301 - it was pickled one line above
            np.testing.assert_array_equal(copy.read_rows(key, np.array([9, 1])), matrix[[9, 1]])

    def test_closing_twice_does_no_harm_and_keeps_no_descriptor(
        self, path: Path, adata: AnnData
    ) -> None:
        from mappedviz.stores.store import open_store

        def use() -> None:
            store = open_store(self.address(path))
            for key in self.matrices(adata):
                store.read_rows(key, np.arange(3))
            store.close()
            store.close()

        use()  # libraries may open something of their own at their first use
        before = _open_descriptors()
        use()
        if is_url(self.address(path)):  # connections to its server stay open
            return
        if _open_descriptors() > before:  # collecting costs more than this test, mostly for nothing
            gc.collect()
        assert _open_descriptors() <= before

    def test_threads_may_read_one_store(self, store: Store, adata: AnnData) -> None:
        matrices = self.matrices(adata)
        wrong: list[str] = []

        def read(seed: int) -> None:
            random = np.random.default_rng(seed)
            try:
                for _ in range(5):
                    for key, matrix in matrices.items():
                        rows = random.integers(0, self.n_obs, 8)
                        if not np.array_equal(store.read_rows(key, rows), matrix[rows]):
                            wrong.append(f"{key}, rows {rows}")
                    if list(store.obs_column("origin").values()) != list(adata.obs["origin"]):
                        wrong.append("origin")
            except Exception as error:
                wrong.append(repr(error))

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong

    def test_reading_changes_nothing_on_disk(self, path: Path, adata: AnnData) -> None:
        from mappedviz.stores.store import open_store

        before, beside = hash_store(path), sorted(path.parent.iterdir())
        store = open_store(self.address(path))
        for name in store.facts.obs_columns:
            store.obs_column(name)
        for key in self.matrices(adata):
            store.read_rows(key, np.arange(self.n_obs))
        store.close()
        assert hash_store(path) == before
        assert sorted(path.parent.iterdir()) == beside

    # ----------------------------------------------------------------------- small stores

    @pytest.mark.parametrize("shape", [(0, 4), (3, 0), (1, 1)], ids=str)
    def test_a_tiny_or_empty_store_is_a_store(self, tmp_path: Path, shape: tuple[int, int]) -> None:
        from mappedviz.stores.store import open_store

        adata = coded_anndata(0, *shape, plain=shape != (0, 4))
        path, adata = self.write(adata, tmp_path / "tiny"), self.expected(adata)
        store = open_store(self.address(path))
        assert (store.facts.n_obs, store.facts.n_vars) == shape
        assert list(store.var_names) == list(adata.var_names)
        assert list(store.obs_names) == list(adata.obs_names)
        for name in adata.obs.columns:
            assert_same_values(store.obs_column(name).values(), adata.obs[name])
        for key, matrix in self.matrices(adata).items():
            got = store.read_rows(key, np.arange(shape[0]))
            np.testing.assert_array_equal(got, matrix, err_msg=key, strict=True)
        store.close()
