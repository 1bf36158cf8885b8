"""Copies of stores: with all that is in them, or as a recipe has them; and whatever can go wrong."""

import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import anndata
import numpy as np
import pytest

import mappedviz as mv
from mappedviz.copies import CopyCancelledError, copying
from mappedviz.errors import NoSpaceError, RecipeError, RecipeTypeError, StoreError, StoreWarning
from mappedviz.testing import coded_anndata, hash_store
from tests.copies import assert_equal, counts, read
from tests.stores import BROKEN, STORE_KINDS


def copied(paths, out, recipe=None, executor=None, **how):
    return mv.optimize(paths, out, recipe, executor, progress=False, **how)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    genes = [f"g{i}" for i in range(3, 28)]
    return [
        counts(folder, "a.h5ad", compression="gzip"),
        counts(folder, "b.zarr", 40, 1, genes=genes),
    ]


@pytest.mark.parametrize("kind", ["zarr", "h5ad"])
def test_a_copy_is_what_its_source_is(stores, tmp_path, kind):
    before = [hash_store(path) for path in stores]
    copy = copied(stores, tmp_path / "out", format=kind)
    assert [hash_store(path) for path in stores] == before
    assert copy.n_obs == 100
    assert copy.nbytes > 0
    assert copy.skipped == {}
    for old, new in zip(stores, copy.paths, strict=True):
        source, found = read(old), read(new)
        assert_equal(found, source)
        for one, other in ((found.X, source.X), (found.raw.X, source.raw.X)):
            assert (one.dtype, one.indices.dtype) == (other.dtype, other.indices.dtype)
        assert found.layers["dense"].dtype == np.float32
    ds = copy.collection()
    assert ds.stored_plainly
    assert (
        ds.read_rows(range(100))["X"] == mv.MappedCollection(stores).read_rows(range(100))["X"]
    ).all()


@pytest.mark.parametrize(
    "kind", ["h5ad-0.5", "h5ad-csc", "h5ad-dense", "zarr-v3-sharded", "zarr-zip"]
)  # fmt: skip
def test_dialects(tmp_path, kind):
    genes = [f"g{i}" for i in range(20)]
    path = STORE_KINDS[kind](coded_anndata(0, 30, genes=genes), tmp_path / "a")
    [new] = copied(path, tmp_path / "out").paths
    old, found = mv.open_store(path), mv.open_store(new)
    assert found.facts.matrices.keys() == old.facts.matrices.keys()
    assert found.facts.obs_columns == old.facts.obs_columns
    assert found.facts.obsm.keys() == old.facts.obsm.keys()
    wide = mv.MappedCollection(path).to_anndata().to_df()
    assert (anndata.read_zarr(new).to_df().to_numpy() == wide.to_numpy()).all()
    assert {facts.kind for facts in found.facts.matrices.values()} <= {"csr", "dense"}


def test_a_file_may_have_smaller_types(stores, tmp_path):
    copy = copied(stores[0], tmp_path / "out", format="h5ad", keep_dtype=False)
    found, source = read(copy.paths[0]), read(stores[0])
    assert found.X.dtype == np.uint8
    assert found.layers["half"].dtype == source.layers["half"].dtype
    assert (found.X.toarray() == source.X.toarray()).all()


RECIPES = {
    "inner": {},
    "outer": {"join": "outer", "obsm_keys": ["X_pca"]},
    "filtered": {"obs_filter": {"cell_type": ["T", "B"]}},
    "renamed": {
        "relabel": {"cell_type": {"NK": "T"}},
        "var_names": ["g20", "g4", "g27"],
        "layers_keys": ["counts", "raw.X", "dense"],
        "layer_alias": {"counts": {"a.h5ad": "X", "b.zarr": "half"}, "raw.X": ["raw.X"]},
    },
    "weighed": {"weights_keys": ["donor"], "split_by": "donor", "obs_keys": []},
}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_recipe_is_applied(stores, tmp_path, name, shuffle):
    recipe = mv.Recipe(**{"paths": stores, "obs_keys": ["cell_type", "n"], **RECIPES[name]})
    source = mv.MappedCollection.from_recipe(recipe)
    copy = copied(None, tmp_path / "out", recipe, shuffle=shuffle, shard_size=30)
    ds = copy.collection()
    assert len(copy.paths) == -(-len(source) // 30)
    assert ds.shape == source.shape
    assert list(ds.var_joint) == list(source.var_joint)
    assert ds.encoders == source.encoders
    expected = source.read_rows(range(len(source)))
    names = [
        f"{n.split('-')[0]}/{s}"
        for n, s in zip(source.obs_names(), source.storage_idx, strict=True)
    ]
    of_copy = ds.obs(columns=["store"])["store"].astype(str).to_numpy()
    position = {name: i for i, name in enumerate(names)}
    at = [
        position[f"{n.split('-')[0]}/{'ab'.index(s[0])}"]
        for n, s in zip(ds.obs_names(), of_copy, strict=True)
    ]
    assert sorted(at) == list(range(len(source)))
    assert (at != sorted(at)) == shuffle
    found = ds.read_rows(range(len(ds)))
    for key in expected.columns:
        if key != "_store_idx":
            assert found[key].dtype == expected[key].dtype
            np.testing.assert_array_equal(found[key], expected[key][at])
    if name == "weighed":
        np.testing.assert_allclose(ds.get_label_weights(), source.get_label_weights()[at])
        parts, old = ds.split(), source.split()
        assert [len(part) for part in parts] == [len(part) for part in old]


def test_rows_of_a_part_of_a_split(stores, tmp_path):
    recipe = mv.Recipe(paths=stores, obs_keys="donor", split_by="donor", part="validation")
    source = mv.MappedCollection.from_recipe(recipe)
    copy = copied(None, tmp_path / "out", recipe)
    assert copy.recipe.part is None
    assert copy.collection().shape == source.shape
    assert set(copy.collection().get_merged_labels("donor")) == set(
        source.get_merged_labels("donor")
    )


def test_seeds(stores, tmp_path):
    recipe = mv.Recipe(paths=stores)
    names = [
        list(
            copied(None, tmp_path / str(i), recipe, shuffle=True, seed=seed)
            .collection()
            .obs_names()
        )
        for i, seed in enumerate((0, 0, 1))
    ]
    assert names[0] == names[1] != names[2]


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        yield executor


def test_executors_make_the_same(stores, tmp_path, processes):
    recipe = mv.Recipe(paths=stores, obs_keys="cell_type")
    with ThreadPoolExecutor(2) as threads:
        copies = [
            copied(None, tmp_path / str(i), recipe, executor, shuffle=True, shard_size=25)
            for i, executor in enumerate((None, threads, processes))
        ]
    digests = [[shard.digest for shard in copy.shards] for copy in copies]
    assert digests[0] == digests[1] == digests[2]
    assert len(set(digests[0])) == 4


def test_a_second_call_makes_what_is_missing(stores, tmp_path):
    calls = []
    how = {"progress": lambda done, of: calls.append((done, of))}
    first = mv.optimize(stores, tmp_path / "out", **how)
    assert calls[-1] == (2, 2)
    again = copied(stores, tmp_path / "out")
    assert [shard.again for shard in again.shards] == [True, True]
    assert [shard.digest for shard in again.shards] == [shard.digest for shard in first.shards]
    anndata.AnnData(np.ones((1, 1))).write_h5ad(tmp_path / "new.h5ad")
    more = copied([*stores, tmp_path / "new.h5ad"], tmp_path / "out")
    assert [shard.again for shard in more.shards] == [True, True, False]


def test_a_source_that_is_another_one_now(tmp_path):
    path = counts(tmp_path, "a.h5ad")
    copied(path, tmp_path / "out")
    counts(tmp_path, "a.h5ad", seed=5)
    with pytest.raises(StoreError, match=r"earlier copy.*overwrite=True"):
        copied(path, tmp_path / "out")
    [new] = copied(path, tmp_path / "out", overwrite=True).paths
    assert_equal(read(new), read(path))


def test_what_no_copy_made_is_not_replaced(stores, tmp_path):
    (tmp_path / "out" / "a.zarr").mkdir(parents=True)
    with pytest.raises(StoreError, match="is there already"):
        copied(stores, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "a.zarr").is_dir()


def test_a_folder_with_sources_is_refused(stores, tmp_path):
    (tmp_path / "link").symlink_to(mv.open_store(stores[0]).path.rpartition("/")[0])
    for out in (tmp_path / "link", f"{stores[1]}/inside", stores[1]):
        with pytest.raises(RecipeError, match="kept apart"):
            copied(stores, out)


def test_a_url_is_no_folder(stores, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match="written to folders of this machine"):
        copied(stores, "s3://bucket/copies")
    assert not (tmp_path / "s3:").exists()


def test_a_bad_store_is_refused_or_left_out(stores, tmp_path):
    bad = str(BROKEN["html"](None, tmp_path / "bad"))
    with pytest.raises(StoreError, match=r"bad\.h5ad"):
        copied([*stores, bad], tmp_path / "out")
    with pytest.warns(StoreWarning, match="left out 1 of 3 stores"):
        copy = copied([*stores, bad], tmp_path / "out", on_error="skip")
    assert len(copy.paths) == 2
    assert list(copy.skipped) == [bad]
    assert "1 left out" in repr(copy)
    with pytest.warns(StoreWarning, match="left out 1 of 3 stores"):
        copy = copied([*stores, bad], tmp_path / "out2", mv.Recipe(), on_error="skip")
    assert copy.n_obs == 100


def test_a_store_that_is_bad_inside_is_left_out(stores, tmp_path):
    bad = str(
        BROKEN["damaged-chunk"](coded_anndata(0, 40, genes=list("abcdefgh")), tmp_path / "bad")
    )
    with pytest.warns(StoreWarning, match=r"left out 1 of 3 stores:\n.*bad"):
        copy = copied([*stores, bad], tmp_path / "out", on_error="skip")
    assert len(copy.paths) == 2
    assert not list((tmp_path / "out").glob("bad*"))


def test_it_can_be_cancelled(stores, tmp_path):
    cancel = threading.Event()
    cancel.set()
    with ThreadPoolExecutor(1) as threads:
        for executor in (None, threads):
            with pytest.raises(CopyCancelledError, match="call it again"):
                copied(stores, tmp_path / "out", executor=executor, cancel=cancel)
    assert not list((tmp_path / "out").glob("*.zarr"))


def test_an_executor_that_fails(stores, tmp_path):
    broken = ThreadPoolExecutor(1)
    broken.shutdown()
    with pytest.raises(StoreError, match=r"executor failed .*finished shards are kept"):
        copied(stores, tmp_path / "out", executor=broken)


def test_room_is_looked_up_first(stores, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("mappedviz.copies.space.shutil.disk_usage", lambda _: usage)
    with pytest.raises(
        NoSpaceError, match=r"\d+ bytes\) are needed, and 1 kB \(1000 bytes\) are free"
    ):
        copied(stores, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.zarr"))


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"format": "csv"}, RecipeError),
        ({"shuffle": True}, RecipeError),
        ({"shard_size": 5}, RecipeError),
        ({"recipe": mv.Recipe(), "shard_size": "many"}, RecipeError),
        ({"recipe": mv.Recipe(layers_keys="raw.X")}, RecipeError),
        ({"recipe": mv.Recipe(obs_keys="donor"), "store_key": "donor"}, RecipeError),
        ({"recipe": mv.Recipe(obs_filter={"donor": "none"})}, RecipeError),
        ({"recipe": "recipe.json"}, RecipeTypeError),
        ({"executor": 5}, RecipeTypeError),
        ({"paths": None}, RecipeError),
        ({"open_timeout": -1}, RecipeError),
    ],
)
def test_requests_that_make_no_sense(stores, tmp_path, how, error):
    with pytest.raises(error):
        copied(**{"paths": stores, "out": tmp_path / "out", **how})
    assert not (tmp_path / "out").exists()


def test_the_module_exports_what_it_has():
    assert copying.optimize is mv.optimize


def test_objects_in_memory_are_copied_with_a_recipe(stores, tmp_path):
    adata = read(stores[0])
    recipe = mv.Recipe(obs_keys="cell_type")
    copy = copied([adata, stores[1]], tmp_path / "out", recipe)
    source = mv.MappedCollection([adata, stores[1]], obs_keys="cell_type")
    assert (copy.collection().read_rows(range(100))["X"] == source.read_rows(range(100))["X"]).all()
    again = copied([adata, stores[1]], tmp_path / "out", recipe, overwrite=True)
    assert not any(shard.again for shard in again.shards)  # nothing says that it is the same
    with pytest.raises(StoreError, match=r"not a file on this machine.*Give a recipe"):
        copied(adata, tmp_path / "other")
