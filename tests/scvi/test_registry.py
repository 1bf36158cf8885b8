import numpy as np
import pytest

from mappedviz.scvi import DataModule

pytestmark = pytest.mark.filterwarnings("ignore")


def test_all_fields_are_there(ds):
    data = DataModule(
        ds,
        "donor",
        "label",
        "counts",
        ["sex", "chemistry"],
        "mito",
        sample_key="donor",
        model_name="SCANVI",
    )
    registry = data.registry
    assert registry["setup_method_name"] == "setup_datamodule"
    assert registry["model_name"] == "SCANVI"
    assert registry["setup_args"] == {
        "layer": "counts",
        "batch_key": "donor",
        "labels_key": "label",
        "size_factor_key": None,
        "categorical_covariate_keys": ["sex", "chemistry"],
        "continuous_covariate_keys": ["mito"],
        "sample_key": "donor",
    }
    fields = registry["field_registries"]
    assert fields["X"]["data_registry"] == {"attr_name": "layers", "attr_key": "counts"}
    assert fields["X"]["state_registry"]["column_names"].tolist() == ds.var_joint.tolist()
    batches = fields["batch"]["state_registry"]["categorical_mapping"]
    assert batches.dtype == object
    assert batches.tolist() == ["d0", "d1", "d2"]
    labels = fields["labels"]["state_registry"]
    assert labels["categorical_mapping"].tolist() == ["B", "NK", "T", "mono", "Unknown"]
    assert fields["extra_categorical_covs"]["state_registry"]["n_cats_per_key"] == [2, 2]
    assert fields["extra_continuous_covs"]["state_registry"]["columns"].tolist() == ["mito"]
    per_sample = fields["sample"]["n_obs_per_sample"]["n_obs_per_sample"]
    assert per_sample.tolist() == [100, 100, 100] == data.n_obs_per_sample.tolist()
    stats = {key: n for field in fields.values() for key, n in field["summary_stats"].items()}
    assert stats == {
        "n_vars": 40,
        "n_cells": 300,
        "n_batch": 3,
        "n_labels": 4,
        "n_sample": 3,
        "n_extra_categorical_covs": 2,
        "n_extra_continuous_covs": 1,
    }


def test_without_keys_there_is_one_batch(ds):
    data = DataModule(ds)
    fields = data.registry["field_registries"]
    assert fields["batch"]["state_registry"]["categorical_mapping"].tolist() == ["0"]
    assert fields["extra_categorical_covs"]["state_registry"] == {}
    assert fields["X"]["data_registry"] == {"attr_name": "X", "attr_key": None}
    assert data.registry["setup_args"]["layer"] is None
    assert (data.n_batch, data.n_labels, data.n_samples, data.n_continuous_cov) == (1, 1, 0, 0)
    assert data.n_cats_per_cov is data.label_keys is data.labels_ is data.sample_keys is None
    assert len(data.n_obs_per_sample) == 0
    assert np.array_equal(data.batch_labels, ["0"])
