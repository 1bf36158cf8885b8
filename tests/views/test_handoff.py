"""The hand-off: code, JSON, Dataset, DataLoader."""

import pytest
import traitlets

import mappedviz as mv
from mappedviz import Recipe
from tests.optional import torch
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


COUNTS = {"layers_keys": "counts", "layer_alias": {"counts": ["counts", "raw.X", "X"]}}


@pytest.fixture(scope="module")
def of_counts():
    """Two stores of the demo collection, by their counts; their labels are in one column."""
    folder = mv.datasets.demo()
    made = mv.explore(
        [folder / name for name in ("boston.zarr", "kyoto.h5ad")],
        label="cell_type",
        workers=0,
        obs_alias={"cell_type": ["celltype", "annotation"]},
        var_map="human: symbol->ensembl",
        **COUNTS,
    )
    assert made.wait()
    return made


def test_the_code_for_scvi_says_what_was_decided(of_counts):
    view = of_counts.handoff
    view.script, view.validate = "notebook", False
    assert node(view, "batch_key") == {}
    view.event("script", "value", "scvi")
    code = node(view, "code")["text"]
    for line in (
        'batch_key="store"',
        'store_key="store"',
        'labels_key="cell_type"',
        'layer="counts"',
        "batch_size=512",
        "split=False",
        "model = data.model(scvi.model.SCVI)  # or SCANVI, which learns the labels",
    ):
        assert line in code
    assert node(view, "batch_key")["value"] == ""
    batch = next(one for one in node(view, "batch_key")["options"] if one["text"] == "batch")
    view.event("batch_key", "value", batch["id"])
    view.validate = True
    view.event("shuffle", "value", "block")
    code = node(view, "code")["text"]
    assert 'batch_key="batch"' in code
    assert "store_key" not in code
    assert "split=ds.split()" in code
    assert 'shuffle="block"' in code
    of_counts.weights.use = True
    assert "weights=True" in node(view, "code")["text"]
    kept = mv.Explorer.from_json(of_counts.to_json(), workers=0)
    assert kept.handoff.batch_key == "batch"
    of_counts.weights.use = False
    settled(of_counts)
    view.event("shuffle", "value", "random")
    view.validate, view.batch_key = False, None


def test_a_matrix_without_counts_is_named_before_the_code_runs(ui, of_counts):
    ui.handoff.script = of_counts.handoff.script = "scvi"
    said = node(ui.handoff, "no_counts")["text"]
    assert said.startswith("X holds no counts in 10x_pbmc68k_reduced.h5ad, pbmc3k")
    assert node(of_counts.handoff, "no_counts") == {}


def test_batches_are_those_of_the_audit(paths):
    ui = mv.explore(paths, label="louvain", batch="bulk_labels", workers=0)
    assert ui.wait()
    ui.handoff.script = "scvi"
    assert 'batch_key="bulk_labels"' in ui.handoff.code()
    ui.handoff.batch_key = ""
    assert 'batch_key="store"' in ui.handoff.code()
    ui.session.edit(obs_keys=("louvain", "store"))
    assert 'batch_key="store of the cell"' in ui.handoff.code()


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # where tests run beside others
    yield
    torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("one_thread")
def test_the_code_for_scvi_runs_as_it_is_printed(of_counts, tmp_path, monkeypatch):
    pytest.importorskip("scvi")
    monkeypatch.chdir(tmp_path)
    of_counts.handoff.validate = True
    of_counts.handoff.script = "scvi"
    scope = {}
    exec(of_counts.handoff.code(), scope)
    data = scope["data"]
    assert scope["latent"].shape == (len(of_counts.dataset()), 10)
    assert data.batch.names.tolist() == ["boston", "kyoto"]
    assert (data.n_train, data.batch_size) == (len(of_counts.split()[0]), 512)
    history = scope["model"].history
    assert len(history["elbo_validation"]) == 20
    assert history["elbo_train"].to_numpy()[-1] < history["elbo_train"].to_numpy()[0]


@pytest.mark.filterwarnings("ignore")
def test_the_data_module_is_handed_over(of_counts):
    pytest.importorskip("scvi")
    of_counts.handoff.validate = True
    data = of_counts.scvi(batch_size=64, categorical_covariate_keys="batch")
    assert (data.batch.key, data.labels.key, data.keys.layer) == ("store", "cell_type", "counts")
    assert (data.n_val, data.batch_size) == (len(of_counts.split()[1]), 64)
    data = of_counts.scvi(batch_key=None, split=0.5)
    assert data.batch is None
    assert data.n_val == data.n_obs // 2
    of_counts.weights.use = True
    assert len(next(iter(of_counts.scvi().train_dataloader()))[0][0]["counts"]) == 512
    of_counts.weights.use = False


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
