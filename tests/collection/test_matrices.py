"""Matrices under another name: what anndata and pandas make of the same stores, in memory.

The expected rows are made without the product: which matrix a store has for a key is looked up by
hand, and joined as data frames over var, or over the var of raw.
"""

import pickle

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mappedviz import MappedCollection, Recipe
from mappedviz.errors import JoinError, MissingKeyError, RecipeError
from tests.stores import STORE_KINDS

RAW = "raw.X"
SLOTS = ["X", "counts", RAW]
POOL = [f"g{i}" for i in range(9)]


# --- random stores and recipes ----------------------------------------------------------------


def _genes(rng, repeats):
    genes = rng.permutation(POOL)[: rng.integers(4, 9)].tolist()
    return [*genes, *rng.choice(genes, 2).tolist()] if repeats and rng.random() < 0.5 else genes


def _matrix(rng, n_obs, n_vars):
    values = rng.integers(0, 9, (n_obs, n_vars)).astype(np.float32) * (rng.random((n_obs, 1)) < 0.9)
    return sparse.csr_matrix(values) if rng.random() < 0.7 else values


def _store(rng, i, repeats):
    """An AnnData with counts in some of the three places; their names in the index or a column."""
    n = int(rng.integers(2, 6))
    has = [slot for slot in SLOTS if rng.random() < 0.7]
    obs = pd.DataFrame(index=[f"c{i}_{k}" for k in range(n)])

    def var(genes):
        return pd.DataFrame({"id": genes}, index=[f"v{k}" for k in range(len(genes))])

    genes, of_raw = _genes(rng, repeats), _genes(rng, repeats)
    if rng.random() < 0.3:
        of_raw = genes
    adata = ad.AnnData(obs=obs, var=var(genes))
    if RAW in has:
        adata.raw = ad.AnnData(_matrix(rng, n, len(of_raw)), obs=obs, var=var(of_raw))
    if "X" in has:
        adata.X = _matrix(rng, n, len(genes))
    if "counts" in has:
        adata.layers["counts"] = _matrix(rng, n, len(genes))
    return adata


def _alias(rng, names):
    if rng.random() < 0.5:
        return rng.permutation(SLOTS)[: rng.integers(1, 4)].tolist()
    some = [name for name in names if rng.random() < 0.7]
    return {name: str(rng.choice(SLOTS)) for name in some}


def _request(rng, names):
    keys = [["counts"], ["X"], ["counts", "X"], ["counts", RAW], [RAW], ["X", "counts", RAW]]
    layers = keys[rng.integers(len(keys))]
    aliased = [key for key in layers if rng.random() < 0.7] or layers[:1]
    joins = [
        {"join": "inner"},
        {"join": "outer"},
        {"join": None},
        {"min_stores": int(rng.integers(1, len(names) + 1))},
        {"var_names": rng.permutation([*POOL, "nowhere"])[: rng.integers(1, 6)].tolist()},
    ]
    return {
        "layers_keys": layers,
        "layer_alias": {key: _alias(rng, names) for key in aliased},
        "duplicates": str(rng.choice(["first", "sum", "error"])),
        "var_key": "id",
        **joins[rng.integers(len(joins))],
    }


# --- the same by hand -------------------------------------------------------------------------


def _slots(adata):
    has = {"X": adata.X, **adata.layers, RAW: None if adata.raw is None else adata.raw.X}
    return [slot for slot, matrix in has.items() if matrix is not None]


def _slot(request, key, name, adata):
    alias = request["layer_alias"].get(key)
    if isinstance(alias, dict):
        alias = [alias.get(name, key)]
    return next((slot for slot in alias or [key] if slot in _slots(adata)), None)


def _frame(adata, slot, duplicates):
    """A matrix as a data frame of its genes, each once."""
    var = adata.raw.var if slot == RAW else adata.var
    values = {"X": adata.X, RAW: adata.raw and adata.raw.X}.get(slot)
    values = adata.layers[slot] if values is None else values
    values = values.toarray() if sparse.issparse(values) else np.asarray(values)
    frame = pd.DataFrame(values, columns=var["id"].to_numpy())
    if duplicates == "sum":
        frame = frame.T.groupby(level=0, sort=False).sum().T
    return frame.loc[:, ~frame.columns.duplicated()]


class _Expected:
    """What reading has to give: joint names and, per key, rows of all stores."""

    def __init__(self, request, names, adatas):
        self.request, self.names, self.adatas = request, names, adatas
        self.slots = {
            key: [_slot(request, key, n, a) for n, a in zip(names, adatas, strict=True)]
            for key in request["layers_keys"]
        }
        self.joined = [key for key in self.slots if key != RAW or key in request["layer_alias"]]
        self.lists = [self._lists(i) for i in range(len(adatas))]

    def _lists(self, i):
        """The lists of genes of what is joined of a store, of var first."""
        adata = self.adatas[i]
        slots = {self.slots[key][i] for key in self.joined} - {None}
        lists = [] if slots == {RAW} else [adata.var["id"].tolist()]
        return [*lists, adata.raw.var["id"].tolist()] if RAW in slots else lists

    def names_joined(self):
        every = [one for lists in self.lists for one in lists]
        request = self.request
        if "var_names" in request:
            return list(request["var_names"])
        if all(one == every[0] for one in every):
            return list(dict.fromkeys(every[0]))
        has_all = [set.intersection(*map(set, lists)) for lists in self.lists]
        if "min_stores" in request:
            union = set().union(*has_all)
            enough = request["min_stores"]
            return sorted(g for g in union if sum(g in one for one in has_all) >= enough)
        if request["join"] == "outer":
            return sorted(set().union(*map(set, every)))
        return [g for g in dict.fromkeys(self.lists[0][0]) if all(g in one for one in has_all)]

    def measured(self, joint):
        how = any if self.request.get("join") == "outer" else all
        return [[how(g in one for one in lists) for g in joint] for lists in self.lists]

    def refusal(self):
        """The error that is due, if there is one."""
        request = self.request
        every = set().union(*(_slots(a) for a in self.adatas))
        for key, slots in self.slots.items():
            alias = request["layer_alias"].get(key)
            if isinstance(alias, dict) and not set(alias.values()) <= every:
                return MissingKeyError
            if not any(slots):
                return MissingKeyError
        if request.get("join", "") is None:
            return None
        lists = [one for lists in self.lists for one in lists]
        if request["duplicates"] == "error" and any(len(set(one)) < len(one) for one in lists):
            return JoinError
        joint = self.names_joined()
        wanted = set(joint) & {g for one in lists for g in one}
        return None if wanted else JoinError

    def rows(self, key, joint):
        """A data frame per store; None where it has no matrix."""
        found = []
        for adata, slot in zip(self.adatas, self.slots[key], strict=True):
            if slot is None:
                found.append(None)
            elif key in self.joined and joint is not None:
                frame = _frame(adata, slot, self.request["duplicates"])
                found.append(frame.reindex(columns=joint, fill_value=0).to_numpy())
            else:
                found.append(_native(adata, slot))
        return found


def _native(adata, slot):
    values = adata.raw.X if slot == RAW else adata.X if slot == "X" else adata.layers[slot]
    return values.toarray() if sparse.issparse(values) else np.asarray(values)


@pytest.mark.parametrize("seed", range(80))
def test_rows_are_what_anndata_and_pandas_make_of_the_stores(seed, tmp_path):
    rng = np.random.default_rng(seed)
    names = [f"s{i}" for i in range(rng.integers(1, 5))]
    repeats = rng.random() < 0.4
    adatas = [_store(rng, i, repeats) for i in range(len(names))]
    kinds = ["h5ad", "zarr-v3", "h5ad-dense"]
    paths = [
        STORE_KINDS[str(rng.choice(kinds))](adata, tmp_path / name)
        for name, adata in zip(names, adatas, strict=True)
    ]
    request = _request(rng, names)
    expected = _Expected(request, names, adatas)
    refused = expected.refusal()
    if refused is not None:
        with pytest.raises(refused):
            MappedCollection(paths, **request)
        return
    ds = MappedCollection(paths, **request)
    joint = None if request.get("join", "") is None else expected.names_joined()
    assert ds.var_joint is None if joint is None else ds.var_joint.tolist() == joint
    if joint is not None:
        assert ds.var_measured.tolist() == expected.measured(joint)
    assert MappedCollection.from_recipe(Recipe.from_json(ds.recipe.to_json())).shape == ds.shape
    order = rng.integers(0, len(ds), 2 * len(ds))
    _compare(ds, expected, joint, order)
    _compare(pickle.loads(pickle.dumps(ds)), expected, joint, order)
    _compare_anndata(ds, expected, joint, order)


def _compare(ds, expected, joint, order):
    dense = ds.read_rows(order)
    ragged = any(isinstance(dense[key], list) for key in expected.slots)
    batches = [dense, ds.read_window(order).cut(0, len(order))]
    batches += [] if ragged else [ds.read_rows(order, sparse=True)]
    store, local = ds.storage_idx[order], ds.indices[order]
    samples = [ds[int(i)] for i in order]
    for key in expected.slots:
        of_stores = expected.rows(key, joint)
        for k, (s, row) in enumerate(zip(store.tolist(), local.tolist(), strict=True)):
            want = of_stores[s]
            assert (key in samples[k]) == (want is not None)
            for batch in batches:
                got = batch[key][k]
                got = got.toarray()[0] if sparse.issparse(got) else np.asarray(got)
                if want is not None:
                    np.testing.assert_array_equal(got, want[row])
                    np.testing.assert_array_equal(samples[k][key], want[row])
                else:
                    assert np.isnan(got).all()


def _compare_anndata(ds, expected, joint, order):
    of_keys = {key: expected.rows(key, joint) for key in expected.slots}
    if joint is None or (RAW in of_keys and RAW not in expected.joined):
        return  # refused unless the stores agree, which is tested beside to_anndata
    adata = ds.to_anndata(order)
    assert adata.var_names.tolist() == joint
    store, local = ds.storage_idx[order], ds.indices[order]
    for key, of_stores in of_keys.items():
        found = adata.raw.X if key == RAW else adata.X if key == "X" else adata.layers[key]
        found = found.toarray() if sparse.issparse(found) else np.asarray(found)
        for got, s, row in zip(found, store.tolist(), local.tolist(), strict=True):
            want = of_stores[s]
            if want is None:
                assert np.isnan(got).all()
            else:
                np.testing.assert_array_equal(got, want[row])
        if key == RAW:
            assert adata.raw.var_names.tolist() == joint


# --- one case each ----------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path):
    """Counts in X, in a layer and in raw.X, which has more genes and another order."""
    rng = np.random.default_rng(0)
    counts = [rng.poisson(1, (4, 3)).astype(np.float32) for _ in range(2)]
    of_raw = rng.poisson(1, (4, 4)).astype(np.float32)
    obs = [pd.DataFrame(index=[f"{name}{i}" for i in range(4)]) for name in "abc"]
    a = ad.AnnData(counts[0], obs=obs[0], var=pd.DataFrame(index=["x", "y", "z"]))
    b = ad.AnnData(
        np.log1p(counts[1]),
        obs=obs[1],
        var=pd.DataFrame(index=["y", "x", "w"]),
        layers={"counts": counts[1]},
    )
    c = ad.AnnData(np.log1p(of_raw[:, :2]), obs=obs[2], var=pd.DataFrame(index=["w", "x"]))
    c.raw = ad.AnnData(of_raw, obs=obs[2], var=pd.DataFrame(index=["w", "x", "y", "z"]))
    paths = [
        STORE_KINDS["h5ad"](adata, tmp_path / name)
        for name, adata in zip("abc", (a, b, c), strict=True)
    ]
    return paths, np.concatenate([counts[0][:, :2], counts[1][:, [1, 0]], of_raw[:, [1, 2]]])


@pytest.mark.parametrize(
    "alias",
    [["counts", "raw.X", "X"], {"a": "X", "c.h5ad": "raw.X"}],
    ids=["candidates", "by store"],
)
def test_counts_are_read_from_wherever_they_are(three, alias):
    paths, expected = three
    ds = MappedCollection(paths, layers_keys="counts", layer_alias={"counts": alias})
    assert ds.var_joint.tolist() == ["x", "y"]
    np.testing.assert_array_equal(ds[:]["counts"], expected)
    assert not ds.stored_plainly or all(store.kind == "h5ad" for store in ds.stores)
    assert [indices.tolist() for indices in ds.var_indices] == [[0, 1], [1, 0], [1, 2]]


def test_raw_is_joined_under_an_alias_only(three):
    paths, _ = three
    plain = MappedCollection(paths, layers_keys=["raw.X", "X"])
    assert plain[8]["raw.X"].shape == (4,)
    joined = MappedCollection(
        paths, layers_keys="raw.X", layer_alias={"raw.X": ["raw.X"]}, join="outer"
    )
    assert joined.var_joint.tolist() == ["w", "x", "y", "z"]
    assert joined.shape == (12, 4)
    assert np.isnan(joined[0:8]["raw.X"]).all()


def test_a_matrix_that_is_nowhere_is_an_error_with_near_names(three):
    paths, _ = three
    with pytest.raises(MissingKeyError, match=r"'count', a matrix.*mean 'counts'.*'X', 'counts'"):
        MappedCollection(paths, layers_keys="k", layer_alias={"k": {"b": "count"}})
    with pytest.raises(MissingKeyError, match=r"none of the 3 stores has.*tried \['umis'\]"):
        MappedCollection(paths, layers_keys="k", layer_alias={"k": ["umis"]})
    with pytest.raises(RecipeError, match=r"layer_alias\['counts'\].*\['d'\], which is no store"):
        MappedCollection(paths, layers_keys="counts", layer_alias={"counts": {"d": "X"}})


def test_a_column_of_var_that_raw_lacks_names_raw(three):
    paths, _ = three
    with pytest.raises(MissingKeyError, match=r"c\.h5ad.*raw\.var has no column 'id'"):
        MappedCollection(paths[2:], layers_keys="c", layer_alias={"c": ["raw.X"]}, var_key="id")


def test_rows_in_memory_without_a_join_are_over_the_variables_of_what_is_read(three):
    paths, _ = three
    request = {"layers_keys": "k", "layer_alias": {"k": ["raw.X", "X"]}, "join": None}
    adata = MappedCollection(paths[2:], **request).to_anndata()
    assert adata.var_names.tolist() == ["w", "x", "y", "z"]
    assert adata.layers["k"].shape == (4, 4)
    both = MappedCollection(paths[2:], **{**request, "layers_keys": ["k", "X"]})
    with pytest.raises(JoinError, match="has 4 variables that are not the 2"):
        both.to_anndata()


def test_the_representation_says_which_matrix_is_read(three):
    paths, _ = three
    alias = {"counts": ["counts", "raw.X", "X"]}
    shown = MappedCollection(paths, layers_keys="counts", layer_alias=alias)._repr_html_()
    assert "counts (raw.X): dense float32" in shown
    assert "counts (X): dense float32" in shown
