"""Names of variables as they are joined, and what is read by them: compared with pandas, which knows nothing of us."""

from __future__ import annotations

import random
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from mappedviz import MappedCollection, Recipe, genes
from mappedviz.collection.harmonise import Harmoniser
from mappedviz.errors import JoinError, RecipeError
from mappedviz.recipe.names import Names

TP53, SEPTIN2, CD4, CD8A, TBCE = (
    "ENSG00000141510",
    "ENSG00000168385",
    "ENSG00000010610",
    "ENSG00000153563",
    "ENSG00000284770",
)


def write(path, names, values=None, var=None, **kinds):
    n = len(names)
    values = np.arange(1, 3 * n + 1, dtype="f4").reshape(3, n) if values is None else values
    frame = pd.DataFrame(var or {}, index=np.array(names, dtype=object))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # anndata says that names repeat
        adata = ad.AnnData(values, var=frame)
        adata.obs_names = [f"c{i}" for i in range(len(values))]
        adata.write_h5ad(path)
    return str(path)


@pytest.fixture
def stores(tmp_path):
    return [
        write(tmp_path / "symbols.h5ad", ["TP53", "SEPT2", "CD4", "Y_RNA", "nonsense"]),
        write(tmp_path / "identifiers.h5ad", [f"{CD4}.12", SEPTIN2, TP53, CD8A]),
    ]


def test_symbols_meet_identifiers(stores):
    with pytest.raises(JoinError, match="share no variable"):
        MappedCollection(stores)
    ds = MappedCollection(stores, var_map="symbol->ensembl")
    assert ds.var_joint.tolist() == [TP53, SEPTIN2, CD4]
    assert ds[0]["X"].tolist() == [1, 2, 3]
    assert ds[3]["X"].tolist() == [3, 2, 1]
    by_symbol = MappedCollection(stores, var_map="human: ensembl->symbol", join="outer")
    assert by_symbol.var_joint.tolist() == [
        "CD4",
        "CD8A",
        "SEPT2",
        "SEPTIN2",
        "TP53",
        "Y_RNA",
        "nonsense",
    ]


def test_what_is_left_out_is_listed(stores):
    ds = MappedCollection(stores, var_map="symbol->ensembl", join="outer")
    assert ds.var_joint.tolist() == sorted([TP53, SEPTIN2, CD4, CD8A])
    table = ds.var_unmapped
    assert table[["name", "why", "n_stores"]].values.tolist() == [
        ["Y_RNA", "ambiguous", 1],
        ["nonsense", "unknown", 1],
    ]
    some = table["candidates"].iloc[0].split("|")
    assert len(some) > 100
    assert set(some) <= set(genes.table("human")["ensembl"])
    assert not table["candidates"].iloc[1]
    assert MappedCollection(stores, join="outer").var_unmapped.empty


def test_single_names_come_last_and_are_not_asked_of_the_map(stores):
    ds = MappedCollection(
        stores,
        var_map="symbol->ensembl",
        var_alias={"nonsense": "nonsense", "Y_RNA": CD8A, CD4: "mine"},
    )
    assert ds.var_joint.tolist() == [TP53, SEPTIN2, "mine", CD8A]
    assert ds.var_unmapped.empty
    assert MappedCollection(stores[:1], var_alias={"SEPT2": "SEPTIN2"}).var_joint.tolist() == [
        "TP53",
        "SEPTIN2",
        "CD4",
        "Y_RNA",
        "nonsense",
    ]


def test_earlier_symbols_become_those_of_today_and_others_stay(tmp_path):
    paths = [
        write(tmp_path / "old.h5ad", ["SEPT2", "CD4", "tdTomato"]),
        write(tmp_path / "new.h5ad", ["SEPTIN2", "CD4", "tdTomato"]),
    ]
    ds = MappedCollection(paths, var_map="symbol->symbol")
    assert ds.var_joint.tolist() == ["SEPTIN2", "CD4", "tdTomato"]


def test_the_column_comes_first(tmp_path):
    paths = [
        write(tmp_path / "a.h5ad", ["a", "b"], var={"name": ["SEPT2", "TP53"]}),
        write(tmp_path / "b.h5ad", [TP53, SEPTIN2]),
    ]
    ds = MappedCollection(paths, var_key={"a": "name"}, var_map="symbol->ensembl")
    assert ds.var_joint.tolist() == [SEPTIN2, TP53]


def test_two_names_of_one_gene_follow_duplicates(tmp_path):
    path = write(tmp_path / "a.h5ad", ["SEPT2", "TP53", "SEPTIN2"])
    asked = {"var_map": "symbol->ensembl"}
    with pytest.raises(JoinError, match=f"repeats 1 .*'{SEPTIN2}', as var_map makes them"):
        MappedCollection(path, **asked)
    assert MappedCollection(path, **asked, duplicates="first")[0]["X"].tolist() == [1, 2]
    assert MappedCollection(path, **asked, duplicates="sum")[0]["X"].tolist() == [4, 2]
    with pytest.raises(JoinError, match="as var_alias makes them"):
        MappedCollection(path, var_alias={"SEPT2": "SEPTIN2"})
    with pytest.raises(JoinError, match="as var_map and var_alias make them"):
        MappedCollection(path, **asked, var_alias={"TP53": SEPTIN2})


def test_species_are_found_out_by_the_names(tmp_path):
    human = write(tmp_path / "h.h5ad", ["TP53", "CD4"])
    mouse = write(tmp_path / "m.h5ad", ["Trp53", "Cd4"])
    ds = MappedCollection([human, mouse], var_map="symbol->ensembl", join="outer")
    assert [name.rstrip("0123456789") for name in ds.var_joint] == ["ENSG"] * 2 + ["ENSMUSG"] * 2


def test_names_of_another_species_are_refused_with_the_store(tmp_path):
    fish = write(tmp_path / "fish.h5ad", ["ENSDARG00000000001", "ENSDARG00000000002"])
    with pytest.raises(RecipeError, match=r"fish.h5ad, var_map: has 2 names such as 'ENSDARG"):
        MappedCollection(fish, var_map="ensembl->symbol")
    mouse = write(tmp_path / "mouse.h5ad", ["Trp53", "Cd4"])
    with pytest.raises(RecipeError, match="the table 'human' does not know"):
        MappedCollection(mouse, var_map="human: symbol->ensembl")
    table = tmp_path / "fish.csv"
    table.write_text("ensembl,symbol\nENSDARG00000000001,tp53\n", encoding="utf-8")
    ds = MappedCollection(fish, var_map=f"{table}: ensembl->symbol")
    assert ds.var_joint.tolist() == ["tp53"]
    assert ds.var_unmapped["name"].tolist() == ["ENSDARG00000000002"]


def test_another_release_is_refused(tmp_path, stores):
    recipe = Recipe(paths=stores, var_map="human: symbol->ensembl")
    other = recipe.replace(var_map={**recipe.var_map, "release": "GENCODE 12"})
    with pytest.raises(RecipeError, match="names the release 'GENCODE 12' of the table 'human'"):
        MappedCollection.from_recipe(other)
    table = tmp_path / "t.csv"
    table.write_text(f"ensembl,symbol\n{TP53},TP53\n", encoding="utf-8")
    recipe = Recipe(paths=stores, var_map=f"{table}: symbol->ensembl")
    assert MappedCollection.from_recipe(recipe).var_joint.tolist() == [TP53]
    table.write_text(f"ensembl,symbol\n{TP53},TP53\n{CD4},CD4\n", encoding="utf-8")
    with pytest.raises(
        RecipeError, match=f"the release '{recipe.var_map['release']}' of the table"
    ):
        MappedCollection.from_recipe(recipe)
    table.unlink()
    with pytest.raises(RecipeError, match=r"t.csv', which cannot be read"):
        MappedCollection.from_recipe(recipe)


def test_raw_has_names_too(tmp_path):
    """Counts of one store are in raw.X, over more genes than X."""
    whole = ad.AnnData(
        np.array([[1, 2, 3]], dtype="f4"),
        var=pd.DataFrame(index=["TP53", "nonsense", "SEPT2"]),
        obs=pd.DataFrame(index=["c"]),
    )
    small = whole[:, 2:].copy()
    small.raw = whole
    small.write_h5ad(tmp_path / "raw.h5ad")
    other = write(tmp_path / "x.h5ad", [SEPTIN2, TP53], np.array([[5, 6]], dtype="f4"))
    ds = MappedCollection(
        [str(tmp_path / "raw.h5ad"), other],
        "counts",
        layer_alias={"counts": ["raw.X", "X"]},
        var_map="symbol->ensembl",
    )
    assert ds.var_joint.tolist() == [TP53, SEPTIN2]
    assert ds[:]["counts"].tolist() == [[1, 3], [6, 5]]
    assert ds.var_unmapped["name"].tolist() == ["nonsense"]


def test_an_anndata_has_the_names_too(stores):
    ds = MappedCollection(stores, var_map="symbol->ensembl")
    assert ds.to_anndata().var_names.tolist() == [TP53, SEPTIN2, CD4]


def test_equal_lists_are_mapped_once(tmp_path, monkeypatch):
    paths = [write(tmp_path / f"{i}.h5ad", ["TP53", "CD4", "asked for once"]) for i in range(4)]
    calls = []
    asked = genes.GeneTable.map_known
    monkeypatch.setattr(
        genes.GeneTable, "map_known", lambda *given: (calls.append(1), asked(*given))[1]
    )
    MappedCollection(paths, var_map="symbol->ensembl")
    assert len(calls) == 1


def test_a_table_of_ones_own_is_read_once(tmp_path, monkeypatch):
    paths = [write(tmp_path / "a.h5ad", ["TP53", "x"]), write(tmp_path / "b.h5ad", [TP53, CD4])]
    table = tmp_path / "t.csv"
    table.write_text(f"ensembl,symbol\n{TP53},TP53\n", encoding="utf-8")
    calls = []
    read = genes.GeneTable.from_csv
    monkeypatch.setattr(genes.GeneTable, "from_csv", lambda path: (calls.append(1), read(path))[1])
    recipe = Recipe(paths=paths, var_map=f"{table}: symbol->ensembl")
    for _ in range(3):
        ds = MappedCollection.from_recipe(recipe)
        assert ds.var_unmapped["name"].tolist() == ["x"]
    assert len(calls) == 1
    table.write_text(f"ensembl,symbol\n{TP53},TP53\n{CD4},x\n", encoding="utf-8")
    other = MappedCollection(paths, var_map=f"{table}: symbol->ensembl")
    assert other.var_joint.tolist() == [TP53, CD4]
    assert len(calls) == 2


def test_lists_that_are_forgotten_while_threads_ask_for_them(monkeypatch):
    """Each list of a thread pushes out those of the others."""
    monkeypatch.setattr("mappedviz.collection.harmonise._MOST_NAMES", 5)
    harmonise = Harmoniser(Recipe(var_map="human: symbol->ensembl"))
    lists = [Names.of(np.array(["TP53", "CD4", "CD8A", f"n{i}"], dtype=object)) for i in range(4)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            made = list(threads.map(harmonise, [lists[i % 4] for i in range(4_000)]))
    finally:
        sys.setswitchinterval(switch)
    assert all(one.values.tolist() == [TP53, CD4, CD8A, ""] for one in made)


# ------------------------------------------------------------------------------- differential
NAMES = ["TP53", "p53", "SEPT2", "SEPTIN2", "CD4", "CD8A", TP53, f"{CD4}.3", "Y_RNA", "nonsense"]
NAMES += ["TBCE", "ENSG00000116957", "RP11-34P13.7", "tdTomato", TBCE, SEPTIN2]
#: What each becomes, as read in the tables of HGNC and Ensembl by hand; "" for left out.
BY_HAND = {
    "symbol->ensembl": {
        "TP53": TP53,
        "p53": TP53,
        "SEPT2": SEPTIN2,
        "SEPTIN2": SEPTIN2,
        "CD4": CD4,
        "CD8A": CD8A,
        "TBCE": TBCE,
        "Y_RNA": "",
        "nonsense": "",
        "tdTomato": "",
        "RP11-34P13.7": "ENSG00000238009",
    },
    "symbol->symbol": {"p53": "TP53", "SEPT2": "SEPTIN2"},
    "ensembl->symbol": {
        TP53: "TP53",
        CD4: "CD4",
        TBCE: "TBCE",
        SEPTIN2: "SEPTIN2",
        "ENSG00000116957": "TBCE",
    },
    "ensembl->ensembl": {"ENSG00000116957": TBCE},
}


def expected(frames, request):
    """The joint matrix that pandas makes of frames cell × name."""
    how, alias = request.get("var_map"), request.get("var_alias", {})
    joined = []
    for frame in frames:
        new = []
        for name in frame.columns:
            plain = name.partition(".")[0] if name.startswith("ENSG") else name
            if how is None and not request.get("strip_version"):
                plain = name
            named = plain if plain in alias else BY_HAND.get(how, {}).get(plain, plain)
            new.append(alias.get(named, named))
        frame = frame.set_axis(new, axis=1)
        frame = frame.loc[:, [bool(name) for name in new]]
        if frame.columns.has_duplicates:
            if request["duplicates"] == "error":
                return None
            if request["duplicates"] == "first":
                frame = frame.loc[:, ~frame.columns.duplicated()]
            else:
                frame = frame.T.groupby(level=0, sort=False).sum().T
        joined.append(frame)
    lists = [frame.columns.tolist() for frame in joined]
    if request["join"] == "inner":
        names = [name for name in lists[0] if all(name in some for some in lists)]
        if not names:
            return None
    else:
        names = sorted({name for some in lists for name in some})
        if all(some == lists[0] for some in lists):
            names = lists[0]
    return pd.concat([frame.reindex(columns=names, fill_value=0) for frame in joined])


@pytest.mark.parametrize("seed", range(80))
def test_random_recipes_join_what_pandas_joins(seed, tmp_path):
    draw = random.Random(seed)
    frames, paths = [], []
    for i in range(draw.randint(1, 3)):
        names = draw.sample(NAMES, draw.randint(3, len(NAMES)))
        values = np.array([[draw.randint(0, 9) for _ in names] for _ in range(2)], dtype="f4")
        frames.append(pd.DataFrame(values, columns=names))
        paths.append(write(tmp_path / f"{i}.h5ad", names, values))
    request = {
        "join": draw.choice(["inner", "outer"]),
        "duplicates": draw.choice(["error", "first", "sum"]),
        "strip_version": draw.random() < 0.3,
    }
    if draw.random() < 0.85:
        request["var_map"] = draw.choice(list(BY_HAND))
    if draw.random() < 0.5:
        some = draw.sample(["nonsense", "tdTomato", "TP53", TP53, "Y_RNA"], 2)
        request["var_alias"] = {name: draw.choice([name, "new", CD8A]) for name in some}
    wanted = expected(frames, request)
    asked = dict(request)
    if "var_map" in asked:
        asked["var_map"] = f"human: {asked['var_map']}"
    if wanted is None:
        with pytest.raises(JoinError):
            MappedCollection(paths, **asked)
        return
    ds = MappedCollection(paths, **asked)
    assert ds.var_joint.tolist() == wanted.columns.tolist()
    np.testing.assert_array_equal(ds[:]["X"], wanted.to_numpy())
    np.testing.assert_array_equal(ds.to_anndata().X, wanted.to_numpy())
    assert Recipe.from_json(ds.recipe.to_json()) == ds.recipe


def test_names_of_nothing():
    harmonise = Harmoniser(Recipe(var_map="symbol->ensembl"))
    assert len(harmonise(Names.of(np.empty(0, dtype=object)))) == 0
    assert harmonise(Names.of(np.array([""], dtype=object))).values.tolist() == [""]
    same = Names.of(np.array(["a"], dtype=object))
    assert Harmoniser(Recipe())(same) is same
