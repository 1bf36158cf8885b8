"""An audit that was made: verdict, fixes, recipes, collections, tables."""

from pathlib import Path

import pytest

import mappedviz as mv
from mappedviz.errors import MissingKeyError, RecipeError, StoreError
from mappedviz.testing import coded_anndata
from tests.audits import DEMO, found, quiet, write
from tests.stores import BROKEN


def test_one_bad_store_in_many_is_listed_and_dropped(tmp_path):
    paths = [write(tmp_path, f"s{i}", store=i) for i in range(4)]
    paths.insert(2, BROKEN["truncated"](coded_anndata(plain=True), tmp_path / "bad"))
    audit = quiet(paths)
    assert audit.fatal
    assert audit.verdict.startswith("This collection cannot be read as asked")
    (finding,) = found(audit, "unreadable-store")
    assert (finding.severity, finding.stores) == ("fatal", ("bad.h5ad",))
    assert len(audit.opened_stores) == 4
    mended = audit.recipe_with(finding)
    assert not quiet(None, recipe=mended).fatal
    assert len(audit.collection(mended)) == 96
    with pytest.raises(StoreError, match="bad"):
        audit.collection()


def test_demo_collection(demo):
    assert not demo.fatal
    assert demo.coverage.inner == 201
    (spelling,) = found(demo, "label-spelling")
    assert spelling.number == 5
    mended = quiet(None, recipe=demo.recipe_with("label-spelling"))
    assert not found(mended, "label-spelling")
    assert len(mended.labels().classes) == len(demo.labels().classes) - 5
    (scale,) = found(demo, "value-scale")
    assert set(scale.stores) == {"10x_pbmc68k_reduced.h5ad", "pbmc_5k_protein_v3.v3.zarr.zip"}
    assert demo.schemes().loc["uniform", "effective_fraction"] == 1
    sizes = demo.library_sizes()
    assert set(sizes["store"]) == set(DEMO)


def test_weights_are_those_of_the_collection(demo):
    collection = demo.collection()
    for options in ({}, {"scaler": 100}, {"scheme": "sqrt"}):
        expected = collection.get_label_weights("cell_type", return_categories=True, **options)
        assert demo.weights(**options).table["weight"].to_dict() == pytest.approx(expected)
    both = demo.weights(["cell_type", "cell_type"])
    assert both.key == "cell_type__cell_type"
    assert both.n_rows == demo.weights().n_rows
    with pytest.raises(MissingKeyError, match="obs_schema"):
        demo.weights("nowhere")


def test_several_fixes_together(demo):
    recipe = demo.recipe_with(["label-spelling", "join-one-store"])
    assert len(recipe.paths) == 4
    assert recipe.relabel
    with pytest.raises(RecipeError, match="no finding 'nothing'"):
        demo.recipe_with("nothing")
    with pytest.raises(RecipeError, match="has no fix"):
        demo.recipe_with("value-scale")


def test_recipe_without_stores(demo_data):
    audit = mv.audit(demo_data, progress=False)
    names = list(audit.stores.index)
    assert [Path(path).name for path in audit.recipe_without(names[1:]).paths] == names[:1]
    assert audit.recipe_without([]) == audit.recipe
    saved = mv.Audit.from_json(audit.to_json())
    assert saved.recipe_without(names[1:]) == audit.recipe_without(names[1:])
    with pytest.raises(RecipeError, match="no store 'x'"):
        audit.recipe_without(["x"])
    with pytest.raises(RecipeError, match="At least one has to stay"):
        audit.recipe_without(names)


def test_a_store_is_named_as_it_was_asked_for(demo_data, monkeypatch):
    """What was read under a relative path is known from another folder, not by that path."""
    monkeypatch.chdir(demo_data)
    names = sorted(path.name for path in demo_data.glob("*.h5ad"))
    mv.audit(names, progress=False)
    monkeypatch.chdir(demo_data.parent)
    audit = mv.audit([f"data/{name}" for name in names], progress=False)
    kept = audit.recipe_without(names[1:])
    assert kept.paths == (f"data/{names[0]}",)
    assert audit.collection().path_list == [str(demo_data / name) for name in names]
    assert audit.collection(kept).path_list == [str(demo_data / names[0])]
