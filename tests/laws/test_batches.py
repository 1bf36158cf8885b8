"""Law: keys and dtypes of a batch depend on the recipe, never on which rows were drawn."""

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappedviz import MappedCollection
from tests.optional import torch

OBS = ["cell_type", "donor", "origin", "score", "age", "treated", "note", "doublet"]


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_keys_and_dtypes_are_the_same_for_all_rows(paths, one_without, data):
    ds = MappedCollection(
        data.draw(st.sampled_from([paths, one_without])),
        layers_keys=["X", "counts"],
        layer_alias=data.draw(
            st.sampled_from([{}, {"X": ["raw.X", "X"]}, {"counts": ["nowhere", "raw.X", "X"]}])
        ),
        obs_keys=data.draw(st.lists(st.sampled_from(OBS), unique=True, max_size=4)),
        obsm_keys="X_pca",
        join=data.draw(st.sampled_from(["inner", "outer"])),
        encode_labels=data.draw(st.booleans()),
        dtype=data.draw(st.sampled_from([None, "float32", "float64"])),
    )
    rows = st.lists(st.integers(0, len(ds) - 1), max_size=5)
    few, whole = ds[data.draw(rows)], ds[:]
    assert list(few.keys()) == list(whole.keys())
    for key in whole.keys():  # noqa: SIM118 - iterating a RowBatch gives samples
        assert few[key].dtype == whole[key].dtype, key
        assert few[key].shape[1:] == whole[key].shape[1:], key


def test_batches_are_complete_where_samples_are_not(one_without):
    ds = MappedCollection(one_without, obs_keys=["cell_type", "donor"], encode_labels=["cell_type"])
    assert "cell_type" not in ds[5]
    assert "donor" not in ds[0]
    batch = ds[[0, 5]]
    assert batch["cell_type"][1] == -1
    assert pd.isna(batch["donor"][0])
    assert isinstance(batch["donor"][1], str)
    loader = torch.utils.data.DataLoader(ds, batch_size=9)
    assert next(iter(loader))["cell_type"].tolist()[5:] == [-1] * 4
