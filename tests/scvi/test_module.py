import numpy as np
import pytest
import torch

from mappedviz import Encoder, MappedCollection
from mappedviz.errors import ElementError, RecipeError, RecipeTypeError
from mappedviz.scvi import DataModule
from tests.scvi.conftest import cells

#: Lightning's, of torch's pytree.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


def all_keys(ds, **options):
    return DataModule(
        ds,
        batch_key="donor",
        labels_key="label",
        categorical_covariate_keys=["sex", "chemistry"],
        continuous_covariate_keys="mito",
        sample_key="donor",
        **{"seed": 0, **options},
    )


def test_batches_are_what_models_expect(ds):
    data = all_keys(ds)
    batch = next(iter(data.inference_dataloader(batch_size=50)))
    assert {key: (value.dtype, tuple(value.shape)) for key, value in batch.items()} == {
        "X": (torch.float32, (50, 40)),
        "batch": (torch.int64, (50, 1)),
        "labels": (torch.int64, (50, 1)),
        "sample": (torch.int64, (50, 1)),
        "extra_categorical_covs": (torch.int64, (50, 2)),
        "extra_continuous_covs": (torch.float32, (50, 1)),
    }
    assert set(next(iter(DataModule(ds).inference_dataloader()))) == {
        "X",
        "batch",
        "labels",
        "sample",
    }


def test_inference_is_in_order_and_can_be_repeated(ds):
    data = all_keys(ds)
    loader = data.inference_dataloader(batch_size=128)
    assert len(loader) == 3
    whole = ds.to_anndata()
    for _ in range(2):
        X = torch.cat([batch["X"] for batch in loader])
        assert np.array_equal(X.numpy(), whole.X.toarray())
    labels = torch.cat([batch["labels"] for batch in loader])[:, 0]
    names = np.array([*data.label_keys, "Unknown"])
    assert names[labels].tolist() == ds.get_merged_labels("label").tolist()
    some = data.inference_dataloader(indices=data.val_idx)
    assert torch.equal(torch.cat([batch["X"] for batch in some]), X[torch.from_numpy(data.val_idx)])


def test_sparse_batches_are_made_dense(ds):
    dense, sparse = (
        next(iter(all_keys(ds, sparse=s).inference_dataloader())) for s in (False, True)
    )
    assert torch.equal(dense["X"], sparse["X"])


def test_training_pairs_have_labels_in_the_second_part(ds):
    data = all_keys(ds, split={"by": "donor"}, batch_size=64)
    pairs = [data.on_before_batch_transfer(batch) for batch, _, _ in data.train_dataloader()]
    assert len(pairs) == 4
    assert sum(len(rows["X"]) for rows, _ in pairs) == data.n_train == 200
    assert all((labelled["labels"] < data.n_labels).all() for _, labelled in pairs)
    assert any((rows["labels"] == data.n_labels).any() for rows, _ in pairs)
    checks = [data.on_before_batch_transfer(batch) for batch, _, _ in data.val_dataloader()]
    assert sum(len(rows["X"]) for rows, _ in checks) == data.n_val == 100
    assert all((labelled["labels"] < data.n_labels).all() for _, labelled in checks)
    assert set(data.labels_) == {"B", "NK", "T", "mono"}
    assert data.labels_.dtype == object


def test_without_labels_there_are_no_pairs(ds):
    data = DataModule(ds, batch_key="donor", split=False)
    batches = list(data.train_dataloader())
    assert isinstance(batches[0], dict)
    assert data.val_dataloader() == [] == data.test_dataloader()


def test_validation_without_labels_is_no_pair(ds):
    labelled = ds.get_merged_labels("label") != "Unknown"
    parts = [ds.subset(labelled), ds.subset(~labelled)]
    data = DataModule(ds, labels_key="label", split=parts)
    assert isinstance(next(iter(data.val_dataloader())), dict)


@pytest.mark.parametrize(
    ("n", "batches", "seen"), [(129, 1, 128), (130, 1, 128), (131, 2, 131), (2, 1, 2)]
)
def test_a_last_batch_of_one_or_two_cells_is_left_out(ds, n, batches, seen):
    data = DataModule(ds.subset(range(n)), split=False)
    found = [len(batch["X"]) for batch in data.train_dataloader()]
    assert (len(found), sum(found)) == (batches, seen)


def test_weights_draw_for_training_only(ds):
    data = DataModule(ds, weights="label", split=0.5, seed=0)
    assert type(data.train_dataloader().batch_sampler.order).__name__ == "RowOrder"
    rows = torch.cat([batch["X"] for batch in data.train_dataloader()])
    assert len(torch.unique(rows, dim=0)) < len(rows)
    assert (
        len(torch.unique(torch.cat([b["X"] for b in data.val_dataloader()]), dim=0)) == data.n_val
    )


def test_set_split_changes_the_default_only(ds):
    data = DataModule(ds)
    data.set_split(0.5, 0.25, batch_size=50)
    assert (data.n_train, data.n_val, len(data.test_idx), data.batch_size) == (150, 75, 75, 50)
    data.set_split(None)
    assert (data.n_train, data.n_val) == (270, 30)
    data.set_batch_size(None)
    assert data.batch_size == 50
    kept = DataModule(ds, split={"by": "donor"})
    kept.set_split(0.9)
    assert (kept.n_train, kept.n_val) == (200, 100)
    with pytest.warns(UserWarning, match="is kept"):
        kept.set_split(0.5)
    assert (kept.n_train, kept.n_val) == (200, 100)


def test_bad_input_is_an_error_before_the_first_step(ds, paths, tmp_path):
    with pytest.raises(RecipeTypeError):
        DataModule(paths)
    with pytest.raises(RecipeError, match="no cells"):
        DataModule(ds.subset([]))
    with pytest.raises(ElementError, match="holds no counts: a fraction"):
        DataModule(ds, layer="logs")
    assert DataModule(ds, layer="logs", counts=False).n_obs == 300
    with pytest.raises(RecipeError, match="labels none of the 270 cells"):
        DataModule(ds, labels_key="nothing")
    adata = cells(0, 20)
    del adata.obs["donor"]
    adata.write_h5ad(tmp_path / "without.h5ad")
    mixed = MappedCollection([paths[0], tmp_path / "without.h5ad"])
    with pytest.raises(
        RecipeError, match=r"without\.h5ad, batch_key: 20 of 120 cells have no 'donor'"
    ):
        DataModule(mixed, batch_key="donor")
    encoder = Encoder.from_categories(["B", "NK", "T", "mono", "Unknown"])
    coded = MappedCollection(paths, obs_keys="label", encoders={"label": encoder})
    with pytest.raises(RecipeError, match="code for 'Unknown'"):
        DataModule(coded, labels_key="label")


def test_a_split_without_labelled_cells_to_train_on_is_refused(ds):
    unlabelled = ds.get_merged_labels("label") == "Unknown"
    with pytest.raises(RecipeError, match="labels none"):
        DataModule(ds, labels_key="label", split=[ds.subset(unlabelled), ds.subset(~unlabelled)])


def test_each_store_can_be_a_batch(ds):
    data = DataModule(ds, batch_key="store", categorical_covariate_keys="store", store_key="store")
    assert data.batch_labels.tolist() == ["0", "1", "2"]
    batches = list(data.inference_dataloader(batch_size=50, indices=range(99, 101)))
    assert batches[0]["batch"].tolist() == [[0], [1]]
    assert batches[0]["extra_categorical_covs"].dtype == torch.int64
    assert set(data.template().obs["store"]) == {"0", "1", "2"}
