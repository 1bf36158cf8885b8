"""The hand-off: code, JSON, Dataset, DataLoader."""

import sys
from types import SimpleNamespace

import pytest
import traitlets

from mappedviz import Recipe
from tests.views.looks import browser, node, settled


def test_code_makes_the_same_loader(ui):
    ui.weights.use = True
    ui.handoff.batch_size = 64
    ui.handoff.validate = True
    scope = {}
    exec(ui.handoff.code(), scope)
    assert scope["recipe"] == ui.recipe
    assert len(scope["train"]) + len(scope["validation"]) == len(ui.dataset())
    assert len(next(iter(scope["loader"]))["X"]) == 64


def test_the_script_loads_the_recipe(ui, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sent = browser(ui)
    ui.handoff.event("save", "press")
    assert next(one for one in sent if "toast" in one)["toast"]["text"].startswith("Saved ")
    assert ui.flat()["status"]["text"] == ui.session.status  # the verdict stays
    assert Recipe.load("recipe.json") == ui.recipe
    ui.handoff.script = "script"
    code = ui.handoff.code().replace("range(10)", "range(1)")
    exec(code, {})
    ui.handoff.event("script", "value", "json")
    assert Recipe.from_json(node(ui.handoff, "code")["text"]) == ui.recipe


def test_the_recipe_that_cannot_be_saved_is_told(ui, tmp_path):
    ui.handoff.event("file", "value", str(tmp_path / "nowhere" / "recipe.json"))
    ui.handoff.event("save", "press")
    assert ui.session.status_kind == "error"
    assert "nowhere" in ui.session.status


def test_controls_of_the_hand_off(ui):
    view = ui.handoff
    ui.tab = "handoff"
    assert {"X", "raw.X"} <= {one["id"] for one in node(view, "layers_keys")["options"]}
    view.event("dtype", "value", "float16")
    view.event("obs_keys", "value", ["bulk_labels"])
    view.event("batch_size", "value", 32)
    view.event("shuffle", "value", "block")
    assert (ui.recipe.dtype, ui.recipe.obs_keys) == ("float16", ("louvain", "bulk_labels"))
    assert (view.batch_size, view.shuffle) == (32, "block")
    assert "batch_size=32, shuffle='block'" in node(view, "code")["text"]
    assert node(view, "split_by") == {}
    view.event("validate", "value", True)
    view.event("split_by", "value", "bulk_labels")
    view.event("split_fraction", "value", 0.3)
    assert (ui.recipe.split_by, ui.recipe.split_fraction) == ("bulk_labels", 0.3)
    view.event("validate", "value", False)
    assert ui.recipe.split_by is None
    ui.weights.use = True
    assert node(view, "shuffle")["disabled"]
    assert "weights=True" in node(view, "code")["text"]
    settled(ui)


def test_a_matrix_under_another_name_is_shown_and_can_be_left(ui):
    view = ui.handoff
    ui.session.edit(layers_keys="counts", layer_alias={"counts": ["raw.X", "X"]})
    options = {one["id"]: one["text"] for one in node(view, "layers_keys")["options"]}
    assert options["counts"] == "counts (from raw.X, X)"
    assert node(view, "layers_keys")["value"] == ["counts"]
    scope = {}
    exec(view.code(), scope)
    assert "counts" in next(iter(scope["loader"]))
    view.event("layers_keys", "value", ["X"])
    assert (ui.recipe.layers_keys, dict(ui.recipe.layer_alias)) == (("X",), {})
    settled(ui)


@pytest.mark.parametrize("validate", [False, True])
def test_the_code_for_scvi_prepares_the_cells(ui, monkeypatch, validate):
    """Without scvi-tools: what it would be given."""
    given = {}

    class SCVI:
        def __init__(self, adata):
            given["n"] = adata.n_obs

        @staticmethod
        def setup_anndata(adata, **keys):
            assert set(keys.values()) <= {*adata.obs, *adata.layers}
            given.update(keys)

        def train(self):
            given["trained"] = True

    scvi = SimpleNamespace(model=SimpleNamespace(SCVI=SCVI))
    monkeypatch.setitem(sys.modules, "scvi", scvi)
    ui.handoff.validate = validate
    ui.handoff.event("script", "value", "scvi")
    exec(node(ui.handoff, "code")["text"], {})
    n = len(ui.split()[0]) if validate else len(ui.dataset())
    assert given == {"n": n, "batch_key": "store", "labels_key": "louvain", "trained": True}


def test_a_wrong_order_is_refused(ui):
    with pytest.raises(traitlets.TraitError, match="shuffle"):
        ui.handoff.shuffle = "sometimes"


def test_what_breaks_the_first_batch_is_told(ui, monkeypatch):
    monkeypatch.setattr(ui.handoff, "first_batch", lambda **_: 1 / 0)
    ui.handoff.try_out()
    assert ui.handoff._work.wait(120)
    assert "division by zero" in node(ui.handoff, "said")["text"]
    assert "disabled" not in node(ui.handoff, "try_out")


def test_dataset_loader_and_split(ui):
    ds = ui.dataset()
    assert ds is ui.dataset()
    ui.handoff.event("dtype", "value", "float64")
    assert ui.dataset() is not ds
    train, validation = ui.split(by="bulk_labels", fraction=0.5, seed=3)
    assert (ui.recipe.split_by, ui.recipe.split_fraction, ui.recipe.split_seed) == (
        "bulk_labels",
        0.5,
        3,
    )
    assert ui.handoff.validate
    assert len(train) + len(validation) == len(ds)
    loader = ui.dataloader(batch_size=50, of=train, seed=0)
    assert sum(len(batch["X"]) for batch in loader) == len(train)
    assert ui.handoff.batch_size == 50


def test_the_hand_off_shows_the_split_of_the_recipe(ui):
    view = ui.handoff
    view.event("validate", "value", True)
    view.event("stratify", "value", True)
    assert ui.recipe.stratify == ("louvain",)
    parts = ui.split(by=False, train=0.6, validation=0.2, test=0.2, seed=4)
    assert ui.recipe.split_parts == (("train", 0.6), ("validation", 0.2), ("test", 0.2))
    assert ui.recipe.stratify == ("louvain",)
    assert node(view, "split_fraction")["disabled"]
    assert "train, validation, test = ds.split()" in view.code()
    assert "stratify=('louvain',)" in view.code()
    assert "mv.dataloader(train," in view.code()
    again = ui.split()
    assert [part.indices.tolist() for part in again] == [part.indices.tolist() for part in parts]
    view.event("validate", "value", False)
    assert (ui.recipe.stratify, ui.recipe.split_parts) == ((), ())
    assert "ds.split" not in view.code()
    settled(ui)
