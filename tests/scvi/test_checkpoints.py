"""Saved models come back for the cells that they were trained on, and for no others."""

import numpy as np
import pytest
import scvi
import torch

from mappedviz import Encoder, MappedCollection
from mappedviz.errors import AbsentStoreError, RecipeError, StoreError
from mappedviz.scvi import DataModule
from mappedviz.scvi.checkpoints import check_same
from tests.scvi.conftest import cells
from tests.scvi.test_models import SMALL, fit, in_a_folder, latent_of

__all__ = ["in_a_folder"]  # a fixture

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]

SEVERAL = {"categorical_covariate_keys": ["chemistry", "sex"], "continuous_covariate_keys": "mito"}


@pytest.mark.parametrize("name", ["SCVI", "SCANVI", "LinearSCVI", "PEAKVI"])
def test_several_covariates_are_saved_loaded_and_used(ds, name, tmp_path):
    cls = getattr(scvi.model, name)
    covariates = {} if name == "LinearSCVI" else SEVERAL
    data = DataModule(ds, "donor", "label", seed=0, **covariates)
    options = {} if name == "LinearSCVI" else {"deeply_inject_covariates": True}
    model = fit(data.model(cls, n_latent=4, **options), 1, datamodule=data)
    model.save(tmp_path / "model", datamodule=data)
    again = data.load(cls, tmp_path / "model", device="cpu")
    loader = data.inference_dataloader()
    assert type(again) is cls
    assert again.is_trained
    assert list(again.history["elbo_train"].index) == [0]
    assert np.array_equal(latent_of(again, data), latent_of(model, data))
    scvi.settings.seed = 1
    error = again.get_elbo(dataloader=loader)
    scvi.settings.seed = 1
    assert float(error) == pytest.approx(float(model.get_elbo(dataloader=loader)))
    if name == "SCANVI":
        assert (again.predict(dataloader=loader) == model.predict(dataloader=loader)).all()
    fit(again, 1, datamodule=data)


def test_parameters_of_the_module_come_back(ds, tmp_path):
    data = DataModule(ds, "donor", seed=0, **SEVERAL)
    model = data.model(scvi.model.SCVI, encode_covariates=True, use_batch_norm="none", **SMALL)
    fit(model, 1, datamodule=data).save(tmp_path, datamodule=data, prefix="a_", overwrite=True)
    again = data.load(scvi.model.SCVI, tmp_path, prefix="a_")
    assert np.array_equal(latent_of(again, data), latent_of(model, data))


def test_a_model_of_an_anndata_is_loaded_too(ds, tmp_path):
    data = DataModule(ds, "donor", "label", sample_key="sex", seed=0, **SEVERAL)
    for name in ("SCVI", "SCANVI"):
        cls = getattr(scvi.model, name)
        model = fit(data.model(cls, **SMALL), 1, datamodule=data)
        data.anndata_model(model).save(tmp_path / name)
        again = data.load(cls, tmp_path / name)
        assert again.adata is not None
        assert np.array_equal(latent_of(again, data), latent_of(model, data))


def test_a_model_of_another_collection_is_refused_before_the_first_step(ds, paths, tmp_path):
    data = DataModule(ds, "donor", seed=0)
    fit(data.model(scvi.model.SCVI, **SMALL), 1, datamodule=data).save(
        tmp_path / "model", datamodule=data
    )
    less = DataModule(MappedCollection(paths[1:]), "donor")
    with pytest.raises(
        RecipeError, match=r"batches were d0, d1, d2, and are d1, d2 here.*encoders="
    ):
        less.load(scvi.model.SCVI, tmp_path / "model")
    model = scvi.model.SCVI.load(tmp_path / "model", adata=False)
    with pytest.raises(RecipeError, match=r"datamodule: the model was trained on another"):
        fit(model, 1, datamodule=less)
    # As the message says:
    encoder = Encoder.from_categories(["d0", "d1", "d2"])
    same = MappedCollection(paths[1:], obs_keys="donor", encoders={"donor": encoder})
    same_codes = DataModule(same, "donor")
    again = same_codes.load(scvi.model.SCVI, tmp_path / "model")
    whole = latent_of(again, data)
    assert np.allclose(latent_of(again, same_codes), whole[100:], atol=1e-6)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"batch_key": None}, "batches were d0, d1, d2, and are 0 here"),
        ({"categorical_covariate_keys": ["sex"]}, "chemistry: v2, chemistry: v3, .* are sex: f"),
        ({"continuous_covariate_keys": None}, "continuous covariates were mito, and are none"),
        ({"labels_key": "nothing", "unlabeled_category": "?"}, "labels were B, NK.*Unknown here"),
        ({"sample_key": "chemistry"}, "samples were f, m, and are v2, v3"),
    ],
)
def test_what_differs_is_named(ds, other, message):
    keys = {"batch_key": "donor", "labels_key": "label", "sample_key": "sex", **SEVERAL}
    registry = DataModule(ds, **keys).registry
    check_same(DataModule(ds, **keys), registry, "model")
    with pytest.raises(RecipeError, match=f"model: .*{message}"):
        check_same(DataModule(ds, **{**keys, **other}), registry, "model")


def test_genes_in_another_order_are_other_genes(ds, tmp_path):
    cells(0)[:, ::-1].copy().write_h5ad(tmp_path / "a.h5ad")
    other = DataModule(MappedCollection(tmp_path / "a.h5ad"))
    registry = DataModule(ds).registry
    with pytest.raises(
        RecipeError, match=r"genes were g0.*35 more, and are g39.*number 1: g0, and g39"
    ):
        check_same(other, registry, "model")
    cells(0)[:, :-1].copy().write_h5ad(tmp_path / "b.h5ad")
    with pytest.raises(RecipeError, match=r"number 40: g39, and none"):
        check_same(DataModule(MappedCollection(tmp_path / "b.h5ad")), registry, "model")


def test_a_model_without_labels_fits_cells_with_labels(ds, tmp_path):
    plain = DataModule(ds, "donor")
    model = fit(plain.model(scvi.model.SCVI, **SMALL), 1, datamodule=plain)
    model.save(tmp_path / "model", datamodule=plain)
    data = DataModule(ds, "donor", "label", sample_key="sex")
    assert np.array_equal(
        latent_of(data.load(scvi.model.SCVI, tmp_path / "model"), data), latent_of(model, data)
    )


def test_what_is_no_model_is_refused(ds, tmp_path):
    data = DataModule(ds)
    with pytest.raises(AbsentStoreError, match=r"model\.pt: there is no saved model"):
        data.load(scvi.model.SCVI, tmp_path)
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(StoreError, match="cannot be read"):
        data.load(scvi.model.SCVI, tmp_path)
    torch.save({"weights": 1}, tmp_path / "model.pt")
    with pytest.raises(StoreError, match="no saved model of scvi-tools"):
        data.load(scvi.model.SCVI, tmp_path)
    model = data.model(scvi.model.SCVI, **SMALL)
    model.save(tmp_path / "scvi", datamodule=data)
    with pytest.raises(RecipeError, match="is a saved SCVI, not a SCANVI"):
        data.load(scvi.model.SCANVI, tmp_path / "scvi")
