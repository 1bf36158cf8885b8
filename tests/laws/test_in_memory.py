"""AnnData objects among the stores: the results of the files that they would be written to."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Mapping
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

import mappedviz as mv
from mappedviz import MappedCollection, Recipe
from mappedviz.errors import (
    AbsentStoreError,
    ElementError,
    MappedvizError,
    RecipeError,
    RecipeTypeError,
    StoreError,
)
from mappedviz.formats.cache import ChunkCache
from mappedviz.formats.files import FilePool
from mappedviz.gather.rows import TRUST_SECONDS
from mappedviz.testing import coded_anndata

DTYPES = ("float32", "float64", "float16", "int8", "int32", "int64", "uint16", "uint8", "bool")


def some_matrix(random: np.random.Generator, shape: tuple[int, int], dtype: Any = None) -> Any:
    """A matrix of any kind that AnnData holds; of sparse ones, entries may be in any order."""
    kind = random.choice(["csr", "csc", "dense", "columns", "strided", "array"])
    dtype = random.choice(DTYPES) if dtype is None else dtype
    values = random.integers(0, 100, shape) * (random.random(shape) < 0.4)
    if kind in ("dense", "columns", "strided"):
        dense = values.astype(dtype)
        if kind == "columns":
            return np.asfortranarray(dense)
        return dense if kind == "dense" else np.repeat(dense, 2, axis=1)[:, ::2]
    made = (sparse.csr_array if kind == "array" else sparse.csr_matrix)(
        values.astype("float32" if dtype == "float16" else dtype)
    )
    if kind == "csc":
        return made.tocsc()
    if random.random() < 0.5:  # as after slicing: indices that are not sorted, and wide ones
        made.indices, made.indptr = made.indices.astype("int64"), made.indptr.astype("int64")
        for begin, end in zip(made.indptr[:-1], made.indptr[1:], strict=True):
            made.indices[begin:end] = made.indices[begin:end][::-1]
            made.data[begin:end] = made.data[begin:end][::-1]
    return made


def some_obs(random: np.random.Generator, n: int) -> pd.DataFrame:
    """Columns of every kind that a store holds."""
    gone = random.random(n) < 0.2
    label = np.array(["B cell", "T cell", "NK cell", "naïve", ""], dtype=object)

    def texts() -> Any:
        return label[random.integers(0, 4, n)]

    with_gaps = texts()
    with_gaps[gone] = np.nan
    columns = {
        "label": pd.Categorical(texts(), categories=label[: random.integers(4, 6)]),
        "gaps": pd.Categorical(with_gaps),
        "ordered": pd.Categorical(texts(), categories=label[::-1], ordered=True),
        "text": texts(),
        "cluster": pd.Categorical(random.integers(0, 5, n)),
        "flag": random.random(n) < 0.5,
        "count": random.integers(0, 9, n).astype(random.choice(["int32", "uint8", "int64"])),
        "score": np.where(gone, np.nan, random.random(n)),
        "score32": random.random(n).astype("float32"),
        "age": pd.array(random.integers(0, 9, n), dtype="Int64"),
        "treated": pd.array(random.random(n) < 0.5, dtype="boolean"),
    }
    columns["age"][gone], columns["treated"][gone] = pd.NA, pd.NA
    index = [f"cell{i}" for i in random.permutation(n)]
    keys = random.permutation(list(columns))[: random.integers(4, len(columns) + 1)]
    return pd.DataFrame({"label": columns["label"], **{key: columns[key] for key in keys}}, index)


def some_anndata(seed: int) -> AnnData:
    """An AnnData of a random kind; one in four is a view."""
    random = np.random.default_rng(seed)
    n, m = int(random.choice([0, 1, 7, 40])), int(random.choice([0, 1, 12]))
    genes = [f"gene{g}" for g in random.permutation(m + 3)[:m]]
    var = pd.DataFrame({"ids": [f"ENSG{g}" for g in range(m)]}, index=genes)
    if m and random.random() < 0.1:
        var.index = [*genes[:-1], genes[0]]  # twice, unless there is one
    x = None if random.random() < 0.1 else some_matrix(random, (n, m))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = AnnData(x, obs=some_obs(random, n), var=var)
    for name in ("counts", "scaled")[: random.integers(0, 3)]:
        made.layers[name] = some_matrix(random, (n, m))
    made.obsm["X_pca"] = random.random((n, 3)).astype("float32")
    if random.random() < 0.5:
        made.obsm["sparse"] = sparse.csr_matrix(random.integers(0, 2, (n, 4)).astype("float64"))
        made.obsm["frame"] = pd.DataFrame(
            {"a": random.random(n), "b": random.integers(0, 5, n)}, index=made.obs_names
        )
    if random.random() < 0.5:
        raw = AnnData(
            some_matrix(random, (n, m + 2), "float32"),
            obs=pd.DataFrame(index=made.obs_names),
            var=pd.DataFrame(index=["other1", "other2", *genes]),
        )
        made.raw = raw
    made.uns["title"] = "An atlas"
    if random.random() < 0.25 and n:
        return made[random.permutation(n)[: max(1, n // 2)]]
    return made


def written(adata: AnnData, path: Any) -> Any:
    """The path of the file that an AnnData is written to; it stays as it is."""
    allowed = anndata.settings.override(allow_write_nullable_strings=True)
    with warnings.catch_warnings(), allowed:
        warnings.simplefilter("ignore")
        adata.copy().write_h5ad(path)
    return path


def outcome(make: Any) -> Any:
    """What a call returns, or the type and words of its error."""
    try:
        return make()
    except MappedvizError as error:
        return type(error), str(error)


def assert_alike(got: Any, want: Any, key: str = "") -> None:
    """Fail unless two results are the same, types included."""
    if isinstance(want, Mapping):
        assert list(got) == list(want), key
        for name in want:
            assert_alike(got[name], want[name], f"{key} {name}")
    elif sparse.issparse(want):
        assert_alike(got.toarray(), want.toarray(), key)
    elif isinstance(want, pd.DataFrame):
        pd.testing.assert_frame_equal(got, want)
    elif isinstance(want, list) and want and isinstance(want[0], np.ndarray):
        assert len(got) == len(want), key
        for one, other in zip(got, want, strict=True):
            assert_alike(one, other, key)
    elif isinstance(want, np.ndarray) and want.dtype == object:  # a NaN is not equal to itself
        assert got.dtype == object, key
        assert [*map(repr, got)] == [*map(repr, want)], key
    elif isinstance(want, np.ndarray):
        np.testing.assert_array_equal(got, want, err_msg=key, strict=True)
    else:
        np.testing.assert_equal(got, want, err_msg=key)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.filterwarnings("ignore")
def test_objects_read_as_the_files_that_they_would_be(seed, tmp_path):
    random = np.random.default_rng(seed)
    objects = [some_anndata(1000 + 3 * seed + k) for k in range(random.integers(1, 4))]
    names = [f"store{k}.h5ad" for k in range(len(objects))]  # a split of rows asks for the name
    files = [written(one, tmp_path / name) for name, one in zip(names, objects, strict=True)]
    mixed: list[Any] = [
        {name: one} if random.random() < 0.7 else path
        for name, one, path in zip(names, objects, files, strict=True)
    ]
    mixed[0] = {names[0]: objects[0]}
    layers = [key for key in ("counts", "raw.X") if random.random() < 0.4]
    request = {
        "layers_keys": ["X", *layers] if random.random() < 0.8 else None,
        "obs_keys": ["label"],
        "obsm_keys": [key for key in ("X_pca", "frame", "sparse") if random.random() < 0.5],
        "join": random.choice(["inner", "outer", None]),
        "dtype": random.choice([None, "float32"]),
        "var_key": random.choice([None, "ids"]),
    }
    got = outcome(lambda: MappedCollection(mixed, **request))
    want = outcome(lambda: MappedCollection(files, **request))
    if isinstance(want, tuple):
        text = got[1]
        for name, path in zip(names, files, strict=True):
            number = next((p for p in _addresses(mixed) if p.endswith(name)), "")
            text = text.replace(number, str(path)) if number else text
        assert (got[0], text) == want
        return
    assert_alike(got.original_shapes, want.original_shapes)
    if request["join"] is not None:
        assert_alike(list(got.var_joint), list(want.var_joint))
    rows = random.integers(0, len(want), 30) if len(want) else np.empty(0, int)
    assert_alike(outcome(lambda: got[rows].columns), outcome(lambda: want[rows].columns))
    for row in rows[:5]:
        assert_alike(got[int(row)], want[int(row)])
    if request["join"] is not None:
        assert_alike(
            outcome(lambda: got.read_rows(rows, sparse=True).columns),
            outcome(lambda: want.read_rows(rows, sparse=True).columns),
        )
    assert_alike(got.encoders, want.encoders)
    for key in want.stores[0].facts.obs_columns:
        assert_alike(got.get_merged_labels(key), want.get_merged_labels(key), key)
        assert_alike(got.get_merged_categories(key), want.get_merged_categories(key), key)
        assert_alike(got.obs(columns=[key]), want.obs(columns=[key]), key)
    if request["join"] is not None:
        one, other = (outcome(lambda ds=ds: ds.to_anndata(rows)) for ds in (got, want))
        if isinstance(other, AnnData):
            assert_alike(one.X, other.X)
            pd.testing.assert_frame_equal(one.obs, other.obs)
        else:
            assert one[0] is other[0]
    if len(want) > 3:
        for one, other in zip(got.split(False), want.split(False), strict=True):
            assert_alike(one.indices, other.indices)


def _addresses(mixed: list[Any]) -> tuple[str, ...]:
    return Recipe(paths=mixed).paths


# ------------------------------------------------------------------------------- one and mixed


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two AnnData objects, and the files that they were written to."""
    folder = tmp_path_factory.mktemp("pair")
    objects = coded_anndata(1, 40), coded_anndata(2, 30, format="dense")
    paths = [written(one, folder / f"{name}.h5ad") for one, name in zip(objects, "ab", strict=True)]
    return objects, paths


def test_one_object_is_a_collection(pair):
    (adata, _), (path, _) = pair
    for given in (adata, [adata], {"a": adata}, iter([adata])):
        ds = MappedCollection(given, obs_keys="cell_type")
        assert_alike(ds[:].columns, MappedCollection(path, obs_keys="cell_type")[:].columns)


def test_objects_patterns_and_names_are_mixed(pair):
    (adata, _), (_, path) = pair
    ds = MappedCollection([{"left": adata}, str(path.parent / "[b].h5ad"), adata])
    assert [store.name for store in ds.stores][:2] == ["left", "b.h5ad"]
    assert ds.n_obs_list == [40, 30, 40]
    number = ds.path_list[2]
    assert ds.path_list == [f"{number}/left", str(path), number]


def test_a_name_serves_where_recipes_name_stores(pair):
    (adata, other), _ = pair
    ds = MappedCollection({"left": adata, "right": other}, var_key={"left": None, "right": None})
    assert ds.shape == (70, 12)
    assert mv.audit({"left": adata, "right": other}).stores.index.tolist() == ["left", "right"]


def test_matrices_are_not_copied(pair):
    (of_csr, of_array), _ = pair
    ds = MappedCollection([of_csr, of_array], layers_keys=["X", "counts"])
    _ = ds[:], ds[0], ds.read_rows([3], sparse=True)
    cache = ChunkCache(0, FilePool())  # nothing is kept
    for store, adata in zip(ds.stores, (of_csr, of_array), strict=True):
        for key, matrix in (("X", adata.X), ("counts", adata.layers["counts"])):
            own = [matrix] if isinstance(matrix, np.ndarray) else [matrix.data, matrix.indices]
            shared = store.open_matrix(key, cache).opened().shared
            assert [np.shares_memory(a, b) for a, b in zip(shared, own, strict=True)] == [
                True
            ] * len(own)


def test_reading_takes_no_memory_of_the_size_of_x():
    adata = AnnData(np.ones((4000, 500), dtype="float32"))
    adata.layers["sparse"] = sparse.csr_matrix(adata.X)
    tracemalloc.start()
    ds = MappedCollection(adata, layers_keys=["X", "sparse"])
    for first in range(0, 4000, 100):
        _ = ds[first : first + 100]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < adata.X.nbytes / 4


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_read_the_same(pair, method):
    objects, _ = pair
    ds = MappedCollection(list(objects), obs_keys="cell_type", parallel=True)
    loader = mv.dataloader(
        ds, batch_size=16, num_workers=1, shuffle=True, seed=1, multiprocessing_context=method
    )
    alone = mv.dataloader(ds, batch_size=16, shuffle=True, seed=1)
    for one, other in zip(loader, alone, strict=True):
        assert_alike(
            {k: v.numpy() for k, v in one.items()}, {k: v.numpy() for k, v in other.items()}
        )


def test_a_pickle_has_each_object_once(pair):
    big = AnnData(np.random.default_rng(0).random((1000, 200)))
    big.obsp["distances"] = sparse.csr_matrix(np.ones((1000, 1000)))  # is not sent along
    ds = MappedCollection([big, big])
    packed = pickle.dumps(ds, pickle.HIGHEST_PROTOCOL)
    assert big.X.nbytes < len(packed) < 1.1 * big.X.nbytes


def test_a_copy_of_a_collection_shares_the_arrays(pair):
    (adata, _), _ = pair
    other = copy.deepcopy(MappedCollection(adata))
    assert other.stores[0]._contents is not None
    assert_alike(other[:].columns, MappedCollection(adata)[:].columns)
    assert other.stores[0].path == MappedCollection(adata).stores[0].path


def test_a_recipe_keeps_what_it_names():
    recipe = Recipe(paths=AnnData(np.eye(3)), obs_keys=[])
    assert MappedCollection.from_recipe(recipe).shape == (3, 3)
    ds = MappedCollection.from_recipe(recipe)
    del recipe
    assert MappedCollection.from_recipe(ds.recipe).shape == (3, 3)
    first, _ = ds.split(False, fraction=0.4)
    assert MappedCollection.from_recipe(first.recipe).n_obs == len(first)


# ------------------------------------------------------------------------- what no file can name


def test_a_recipe_says_that_it_cannot_name_an_object(pair, tmp_path):
    (adata, _), (_, path) = pair
    recipe = Recipe(paths=[adata, path])
    number = recipe.paths[0]
    assert repr(recipe) == f"Recipe(paths=(<AnnData {number}>, {str(path)!r}))"
    for keep in (recipe.to_json, lambda: recipe.save(tmp_path / "recipe.json")):
        with pytest.raises(RecipeError, match=rf"1 AnnData object.*{number}.*write_h5ad"):
            keep()
    assert not (tmp_path / "recipe.json").exists()
    with pytest.raises(RecipeError, match="write_h5ad"):
        Recipe.from_json('{"schema": 1, "paths": ["memory:7"]}')


def test_the_hand_off_says_what_to_write_and_its_code_runs_then(pair, tmp_path, monkeypatch):
    (adata, other), (_, path) = pair
    ui = mv.explore(
        [{"left": adata}, path, other], label="cell_type", obs_alias={"note": {"left": "note"}}
    )
    assert ui.wait()
    assert ui.dataset().n_obs == 100
    assert len(next(iter(ui.dataloader(batch_size=20)))["X"]) == 20
    ui.tab = "handoff"
    assert "2 stores in memory" in ui.handoff.node("in_memory")["text"]
    code = ui.handoff.code()
    ui.handoff.script = "json"
    recipe = Recipe.from_json(ui.handoff.code())
    with pytest.raises(RecipeError, match="write_h5ad"):
        ui.to_json()
    ui.close()
    unnamed = ui.recipe.paths[2].replace(":", "_")
    assert recipe.paths == ("left.h5ad", str(path), f"{unnamed}.h5ad")
    monkeypatch.chdir(tmp_path)
    written(adata, "left.h5ad"), written(other, f"{unnamed}.h5ad")
    assert f"# adata.write_h5ad('{unnamed}.h5ad')" in code
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["ds"].n_obs_list == [40, 30, 30]
    assert MappedCollection.from_recipe(recipe).n_obs == 100


def test_another_process_has_no_such_object(pair, tmp_path):
    (adata, _), _ = pair
    file = tmp_path / "recipe.pickle"
    file.write_bytes(pickle.dumps(Recipe(paths=adata)))
    code = f"""
import pickle
from pathlib import Path
from mappedviz import MappedCollection
from mappedviz.errors import AbsentStoreError
try:
    MappedCollection.from_recipe(pickle.loads(Path({str(file)!r}).read_bytes()))
except AbsentStoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "this process does not have" in done.stdout
    assert "write_h5ad" in done.stdout


def test_an_object_that_is_gone_is_named():
    address = Recipe(paths=AnnData(np.eye(2))).paths[0]
    with pytest.raises(AbsentStoreError, match="does not have"):
        MappedCollection(address)


# ------------------------------------------------------------------------------ what is refused


def test_a_backed_object_is_refused_with_its_path(pair, tmp_path):
    import anndata

    _, (path, _) = pair
    backed = anndata.read_h5ad(path, backed="r")
    with pytest.raises(StoreError, match="a.h5ad"):
        MappedCollection(backed)
    audit = mv.audit(backed)  # law 1
    assert audit.fatal
    backed.file.close()


@pytest.mark.parametrize("place", ["X", "layers", "obsm"])
def test_a_matrix_of_another_library_is_named(place):
    import zarr

    adata = AnnData(np.ones((3, 2), dtype="float32"))
    other = zarr.array(np.ones((3, 2), dtype="float32"))
    if place == "X":
        adata = AnnData(other)
    else:
        getattr(adata, place)["other"] = other
    with pytest.raises(ElementError, match=r"zarr\..*Make it one: adata\..*\[\.\.\.\]") as caught:
        MappedCollection(adata)
    assert str(caught.value) == str(mv.audit(adata).findings[0].message)  # law 1


def test_a_mapping_names_objects_alone(pair):
    (adata, _), (path, _) = pair
    with pytest.raises(RecipeTypeError, match="files have their own names"):
        MappedCollection({"a": path})
    with pytest.raises(RecipeError, match="without a slash"):
        MappedCollection({"a/b": adata})
    with pytest.raises(RecipeTypeError, match="an AnnData object"):
        MappedCollection([adata, 3])


# ------------------------------------------------------------------------- objects that change


def changed(ds):
    """What reading says, once the time is over in which a store is trusted."""
    time.sleep(2 * TRUST_SECONDS)
    with pytest.raises(StoreError, match="Make the collection again") as caught:
        _ = ds[0]
    with pytest.raises(StoreError, match="Make the collection again"):
        _ = ds[[0, 1]]
    return caught.value


def test_what_is_written_into_a_matrix_is_read():
    adata = AnnData(sparse.csr_matrix(np.eye(4, dtype="float32")))
    ds = MappedCollection(adata)
    adata.X.data *= 3
    assert ds[2]["X"].tolist() == [0, 0, 3, 0]


@pytest.mark.parametrize("how", ["replaced", "inserted", "removed", "subset", "layer"])
def test_a_matrix_that_is_replaced_is_named(how):
    adata = AnnData(sparse.csr_matrix(np.eye(4, dtype="float32")))
    adata.layers["counts"] = adata.X.copy()
    ds = MappedCollection(adata)
    assert ds[1]["X"].tolist() == [0, 1, 0, 0]
    if how == "replaced":
        adata.X = adata.X * 2
    elif how == "inserted":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adata.X[0, 3] = 5
    elif how == "removed":
        adata.X.data[1] = 0
        adata.X.eliminate_zeros()
    elif how == "subset":
        adata._inplace_subset_obs([0, 2])
    else:
        adata.layers["counts"] = adata.X.copy()
    error = changed(ds)
    assert error.key == ("layers/counts" if how == "layer" else "X")
    with pytest.raises(StoreError, match="Make the collection again"):
        pickle.dumps(ds)
    assert len(MappedCollection(adata)) == adata.n_obs


def test_columns_are_those_of_the_opening():
    obs = pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}, index=["c1", "c2"])
    adata = AnnData(np.eye(2, dtype="float32"), obs=obs)
    ds = MappedCollection(adata, obs_keys="a")
    adata.obs.loc["c1", "b"] = 7
    adata.obs["a"] = "z"
    adata.obs_names = ["d1", "d2"]
    assert ds.get_merged_labels("b").tolist() == [1, 2]
    assert ds.obs(columns=["a"])["a"].tolist() == ["x", "y"]
    assert ds.obs_names().tolist() == ["c1", "c2"]
    again = mv.audit(adata, label="a")
    assert again.collection().get_merged_labels("a").tolist() == ["z", "z"]


def test_a_view_is_copied_when_it_is_opened():
    adata = AnnData(sparse.csr_matrix(np.diag(np.arange(1.0, 6))))
    ds = MappedCollection(adata[[4, 0]])
    adata.X.data[:] = 9
    assert ds[:].columns["X"][:, [4, 0]].tolist() == [[5, 0], [0, 1]]
    assert len(pickle.dumps(ds)) < 20_000


# ---------------------------------------------------------------------------------- the audit


def test_an_audit_says_of_objects_what_it_says_of_their_files(pair):
    (one, other), paths = pair
    got = mv.audit({"a.h5ad": one, "b.h5ad": other}, label="cell_type", batch="batch", deep=True)
    want = mv.audit(paths, label="cell_type", batch="batch", deep=True)
    assert [f.id for f in got.findings] == [f.id for f in want.findings]
    assert got.verdict == want.verdict
    assert_alike(got.collection()[:].columns, want.collection()[:].columns)
    assert got.collection().stores[0].kind == "memory"
    with pytest.raises(RecipeError, match="write_h5ad"):
        got.to_json()
