"""The hand-off: code, JSON, Dataset, DataLoader."""

import pytest
import traitlets

from mappedviz import Recipe
from tests.views.looks import settled


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
    ui.handoff.save_button.click()
    assert "Saved" in ui.session.status
    assert Recipe.load("recipe.json") == ui.recipe
    ui.handoff.script = "script"
    code = ui.handoff.code().replace("range(10)", "range(1)")
    exec(code, {})
    ui.handoff.script_control.value = "json"
    assert Recipe.from_json(ui.handoff.text.text) == ui.recipe


def test_the_recipe_that_cannot_be_saved_is_told(ui, tmp_path):
    ui.handoff.file_control.value = str(tmp_path / "nowhere" / "recipe.json")
    ui.handoff.save_button.click()
    assert ui.session.status_kind == "error"
    assert "nowhere" in ui.session.status


def test_controls_of_the_hand_off(ui):
    view = ui.handoff
    ui.tab = "handoff"
    assert {"X", "raw.X"} <= {value for _, value in view.layers_control.options}
    view.dtype_control.value = "float16"
    view.keys_control.value = ("bulk_labels",)
    view.size_control.value = 32
    view.order_control.value = "block"
    assert (ui.recipe.dtype, ui.recipe.obs_keys) == ("float16", ("louvain", "bulk_labels"))
    assert (view.batch_size, view.shuffle) == (32, "block")
    assert "batch_size=32, shuffle='block'" in view.text.text
    view.validate_control.value = True
    view.by_control.value = "bulk_labels"
    view.fraction_control.value = 0.3
    assert (ui.recipe.split_by, ui.recipe.split_fraction) == ("bulk_labels", 0.3)
    view.validate_control.value = False
    assert ui.recipe.split_by is None
    ui.weights.use = True
    assert view.order_control.disabled
    assert "weights=True" in view.text.text
    settled(ui)


def test_a_wrong_order_is_refused(ui):
    with pytest.raises(traitlets.TraitError, match="shuffle"):
        ui.handoff.shuffle = "sometimes"


def test_what_breaks_the_first_batch_is_told(ui, monkeypatch):
    monkeypatch.setattr(ui.handoff, "first_batch", lambda **_: 1 / 0)
    ui.handoff.try_out()
    assert ui.handoff._work.wait(120)
    assert "division by zero" in ui.handoff.said.value
    assert not ui.handoff.try_button.disabled


def test_dataset_loader_and_split(ui):
    ds = ui.dataset()
    assert ds is ui.dataset()
    ui.handoff.dtype_control.value = "float64"
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
    view.validate_control.value = True
    view.strata_control.value = True
    assert ui.recipe.stratify == ("louvain",)
    parts = ui.split(by=False, train=0.6, validation=0.2, test=0.2, seed=4)
    assert ui.recipe.split_parts == (("train", 0.6), ("validation", 0.2), ("test", 0.2))
    assert ui.recipe.stratify == ("louvain",)
    assert view.fraction_control.disabled
    assert "train, validation, test = ds.split()" in view.code()
    assert "stratify=('louvain',)" in view.code()
    assert "mv.dataloader(train," in view.code()
    again = ui.split()
    assert [part.indices.tolist() for part in again] == [part.indices.tolist() for part in parts]
    view.validate_control.value = False
    assert (ui.recipe.stratify, ui.recipe.split_parts) == ((), ())
    assert "ds.split" not in view.code()
    settled(ui)
