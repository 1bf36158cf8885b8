"""The models themselves, trained on both paths: scvi-tools' own, by an AnnData in memory, and ours."""

from types import SimpleNamespace

import anndata as ad
import lightning
import numpy as np
import pytest
import scvi
import torch

from mappedviz.errors import RecipeError
from mappedviz.scvi import DataModule
from tests.scvi.conftest import cells

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]

COVARIATES = {"categorical_covariate_keys": ["chemistry"], "continuous_covariate_keys": ["mito"]}
SMALL = {"n_latent": 4, "n_hidden": 16}
NEW = tuple(map(int, scvi.__version__.split(".")[:2])) >= (1, 5)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scvi.settings.seed = 0


def fit(model, epochs, **options):
    trainer = {"accelerator": "cpu", "enable_progress_bar": False, "check_val_every_n_epoch": 1}
    model.train(max_epochs=epochs, **trainer, **options)
    return model


def in_memory(ds):
    adata = ds.to_anndata()
    for key in ("donor", "label", "chemistry", "mito"):
        adata.obs[key] = ds.obs(columns=[key])[key].to_numpy()
    return adata


def latent_of(model, data):
    return model.get_latent_representation(dataloader=data.inference_dataloader())


@pytest.mark.parametrize("name", ["SCVI", "LinearSCVI", "PEAKVI", "SCANVI"])
def test_models_train_and_come_back(ds, name, tmp_path):
    cls = getattr(scvi.model, name)
    covariates = {} if name == "LinearSCVI" else COVARIATES
    labels = "label" if name == "SCANVI" else None
    data = DataModule(ds, "donor", labels, seed=0, split={"by": "donor"}, **covariates)
    model = fit(data.model(cls, n_latent=4), 3, datamodule=data)
    elbo = model.history["elbo_train"].to_numpy(float)[:, 0]
    assert np.isfinite(elbo).all()
    assert elbo[-1] < elbo[0]
    assert len(model.history["elbo_validation"]) == 3
    assert set(model.train_indices).isdisjoint(model.validation_indices)
    latent = latent_of(model, data)
    assert latent.shape == (300, 4)
    model.save(tmp_path / "model", datamodule=data)
    if model.adata is not None:  # 1.4 takes no registry
        again = cls.load(tmp_path / "model", adata=data.template())
    elif name == "SCANVI":
        again = cls.load(tmp_path / "model", adata=False, datamodule=data)
    else:
        again = cls.load(tmp_path / "model", adata=False)
    assert np.array_equal(latent_of(again, data), latent)
    made = data.anndata_model(model)
    assert np.array_equal(latent_of(made, data), latent)
    assert made.is_trained_
    made.save(tmp_path / "made")
    assert np.array_equal(
        latent_of(cls.load(tmp_path / "made", adata=data.template()), data), latent
    )


class Ordered(lightning.LightningDataModule):
    """scvi-tools' own loader, in the order of the cells."""

    def __init__(self, model):
        super().__init__()
        self.manager = model.adata_manager
        self.n_train = model.adata.n_obs
        self.n_val = 0

    def train_dataloader(self):
        return scvi.dataloaders.AnnDataLoader(self.manager, batch_size=128, shuffle=False)


def test_the_numbers_are_those_of_an_anndata_in_memory(ds):
    adata = in_memory(ds)
    scvi.model.SCVI.setup_anndata(adata, batch_key="donor", **COVARIATES)
    scvi.settings.seed = 0
    own = scvi.model.SCVI(adata, **SMALL)
    fit(own, 3, datamodule=Ordered(own))
    data = DataModule(ds, "donor", shuffle=False, split=False, seed=0, **COVARIATES)
    scvi.settings.seed = 0
    ours = fit(data.model(scvi.model.SCVI, **SMALL), 3, datamodule=data)
    elbos = [model.history["elbo_train"].to_numpy(float) for model in (own, ours)]
    np.testing.assert_allclose(*elbos, rtol=1e-5)
    np.testing.assert_allclose(latent_of(ours, data), own.get_latent_representation(), atol=1e-4)
    loader = data.inference_dataloader(batch_size=128)
    scores = [float(score) for score in (own.get_elbo(), ours.get_elbo(dataloader=loader))]
    assert abs(scores[1] / scores[0] - 1) < 1e-2  # it draws from the posterior
    expressed = ours.get_normalized_expression(dataloader=loader, return_numpy=True)
    assert expressed.shape == (300, 40)


def test_libraries_are_those_of_an_anndata_in_memory(ds):
    adata = in_memory(ds)
    scvi.model.LinearSCVI.setup_anndata(adata, batch_key="donor")
    own = scvi.model.LinearSCVI(adata, **SMALL)
    ours = DataModule(ds, "donor").model(scvi.model.LinearSCVI, **SMALL)
    for name in ("library_log_means", "library_log_vars"):
        np.testing.assert_allclose(getattr(ours.module, name), getattr(own.module, name), rtol=1e-4)


def test_scanvi_learns_the_labels_as_from_an_anndata(ds, monkeypatch):
    truth = ds.get_merged_labels("truth").astype(str)
    adata = in_memory(ds)
    scvi.model.SCANVI.setup_anndata(adata, "label", "Unknown", batch_key="donor")
    own = fit(scvi.model.SCANVI(adata, n_latent=4), 20, train_size=0.9)
    data = DataModule(ds, "donor", "label", seed=0)
    scvi.settings.seed = 0
    ours = fit(data.model(scvi.model.SCANVI, n_latent=4), 20, datamodule=data)
    predicted = ours.predict(dataloader=data.inference_dataloader())
    accuracy = np.mean(predicted == truth), np.mean(own.predict() == truth)
    assert accuracy[0] >= accuracy[1] - 0.02
    assert accuracy[0] > 0.9
    assert "Unknown" not in predicted
    assert {"train_accuracy", "validation_accuracy"} <= set(ours.history)
    monkeypatch.setattr(DataModule, "_in_pairs", lambda self: False)
    without = DataModule(ds, "donor", "label", seed=0)
    single = fit(without.model(scvi.model.SCANVI, **SMALL), 2, datamodule=without)
    assert "train_accuracy" not in single.history  # why there are pairs


def test_scvi_with_labels_gets_batches_and_becomes_scanvi(ds):
    data = DataModule(ds, "donor", "label", seed=0)
    model = fit(data.model(scvi.model.SCVI, **SMALL), 1, datamodule=data)
    assert model.registry["model_name"] == "SCVI"
    made = data.anndata_model(model)
    scanvi = scvi.model.SCANVI.from_scvi_model(made, "Unknown", adata=_with_unknown(in_memory(ds)))
    assert scanvi.was_pretrained


def _with_unknown(adata):
    adata.obs["label"] = adata.obs["label"].astype(str)
    return adata


@pytest.mark.parametrize("name", ["SCVI", "SCANVI"])
def test_a_query_is_mapped_into_the_model(ds, name, tmp_path):
    cls = getattr(scvi.model, name)
    data = DataModule(ds, "donor", "label" if name == "SCANVI" else None, seed=0)
    model = fit(data.model(cls, **SMALL), 1, datamodule=data)
    query = cells(1, 30, seed=5)[:, ::-1][:, :-2].copy()  # other order, two genes missing
    query.obs["donor"] = "a new one"
    query.obs["label"] = "Unknown"
    reference = data.anndata_model(model)
    cls.prepare_query_anndata(query, reference)
    mapped = fit(cls.load_query_data(query, reference), 1)
    assert mapped.get_latent_representation().shape == (30, 4)
    assert mapped.summary_stats.n_batch == 4
    plain = ad.AnnData(query.X, obs=query.obs[["donor"]], var=query.var)
    assert plain.n_vars == data.n_vars


def test_a_model_that_trains_says_its_name(ds):
    data = DataModule(ds)
    model = SimpleNamespace(registry_=data.registry)
    data.trainer = SimpleNamespace(_model=model)
    data.setup("fit")
    assert model.registry_["model_name"] == "SimpleNamespace"
    data.trainer = None
    data.setup("fit")


MRVI = scvi.external.MRVI if NEW else scvi.external.TorchMRVI


def test_mrvi_compares_samples(ds, tmp_path):
    data = DataModule(ds, "chemistry", "truth", sample_key="donor", seed=0)
    model = fit(data.model(MRVI, n_latent=4), 2, datamodule=data)
    assert np.isfinite(model.history["elbo_train"].to_numpy(float)).all()
    assert len(model.history["elbo_validation"]) == 2
    assert model.sample_order.tolist() == ["d0", "d1", "d2"]
    model.save(tmp_path / "model", datamodule=data)
    again = data.load(MRVI, tmp_path / "model")
    for name, values in model.module.state_dict().items():
        assert torch.equal(values, again.module.state_dict()[name])
    data.anndata_model(model).save(tmp_path / "made")
    made = data.load(MRVI, tmp_path / "made")
    assert made.n_obs_per_sample.tolist() == [100, 100, 100]
    made.module.load_state_dict(model.module.state_dict())
    if not NEW:
        return  # its methods take no loader
    latent = latent_of(model, data)
    assert latent.shape == (300, 10)
    assert np.array_equal(latent_of(again, data), latent)
    assert model.sample_info.index.tolist() == ["d0", "d1", "d2"]
    again.update_sample_info(dataloader=data.inference_dataloader())
    found = again.get_local_sample_distances(
        dataloader=data.inference_dataloader(), keep_cell=False, groupby="truth"
    )
    assert dict(found.sizes) == {"truth_name": 4, "sample_x": 3, "sample_y": 3}
    loaded = MRVI.load(tmp_path / "model", adata=False)  # scvi-tools' own
    assert np.array_equal(latent_of(loaded, data), latent)


def test_what_models_need_is_said_before_the_first_step(ds):
    with pytest.raises(RecipeError, match=r"sample_key: is not given.*MRVI compares samples"):
        DataModule(ds).model(MRVI)
    data = DataModule(ds, labels_key="label", sample_key="donor")
    with pytest.raises(RecipeError, match=r"labels_key: 1\d\d of 300 cells have no 'label'"):
        fit(data.model(MRVI, n_latent=4), 1, datamodule=data)
    by_label = data.model(scvi.model.SCVI, dispersion="gene-label", **SMALL)
    with pytest.raises(RecipeError, match="a parameter for each label.*unlabeled_category that no"):
        fit(by_label, 1, datamodule=data)
    named = DataModule(ds, labels_key="label", sample_key="donor", unlabeled_category="(none)")
    fit(named.model(scvi.model.SCVI, dispersion="gene-label", **SMALL), 1, datamodule=named)


@pytest.mark.skipif(not NEW, reason="scvi-tools 1.4 has neither from a loader")
def test_new_versions_predict_softly_and_compare_expression(ds):
    data = DataModule(ds, "donor", "label", seed=0)
    model = fit(data.model(scvi.model.SCANVI, **SMALL), 2, datamodule=data)
    loader = data.inference_dataloader()
    soft = model.predict(dataloader=loader, soft=True)
    assert np.allclose(np.asarray(soft).sum(axis=1), 1, atol=1e-4)
    assert (np.asarray(soft).argmax(axis=1) >= 0).all()
    assert np.asarray(soft).shape == (300, 4)
    found = model.differential_expression(
        groupby="donor", group1="d0", group2="d1", dataloader=loader, silent=True
    )
    assert len(found) == 40
