import numpy as np
import pytest

from mappedviz import Encoder, MappedCollection
from mappedviz.errors import MissingKeyError, RecipeError, RecipeTypeError
from mappedviz.scvi.columns import Column, Keys, check_numbers, keys_of, positions, prepared
from tests.scvi.conftest import cells


def test_keys_are_named_once():
    keys = Keys(batch="donor", sample="donor", categorical=("sex",), continuous=("mito",))
    assert keys.encoded == ("donor", "sex")
    assert keys.all == ("donor", "sex", "mito")
    assert keys_of(None) == ()
    assert keys_of("a") == ("a",)
    assert keys_of(["a", "b"]) == ("a", "b")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (Keys(batch="age", continuous=("age",)), "number and a category"),
        (Keys(batch="label", labels="label"), "another key"),
        (Keys(labels="store", store="store"), "store_key: is 'store', which is a label"),
    ],
)
def test_contradictions_are_refused(keys, message):
    with pytest.raises(RecipeError, match=message):
        keys.check()


def test_rows_are_read_as_a_model_needs_them(ds):
    rows, layer = prepared(
        ds, Keys(layer="counts", batch="donor", labels="label", continuous=("mito",))
    )
    assert layer == "counts"
    assert rows.layers_keys == ["counts"]
    assert rows.obs_keys == ["donor", "label", "mito"]
    assert rows.encoders["label"].classes == ("B", "NK", "T", "mono")
    assert rows.encoders["label"]["Unknown"] == -1
    batch = rows[[0, 299]]
    assert batch["donor"].tolist() == [0, 2]
    assert batch["mito"].dtype == np.float64


def test_a_part_keeps_its_rows(ds):
    part = ds.subset(np.arange(5, 300, 7))
    rows, _ = prepared(part, Keys(batch="donor"))
    assert rows.indices.tolist() == part.indices.tolist()
    assert rows.storage_idx.tolist() == part.storage_idx.tolist()
    inner = ds.split(False).train.split(False, 0.5).validation
    rows, _ = prepared(inner, Keys())
    assert rows.indices.tolist() == inner.indices.tolist()


def test_the_matrix_is_x_or_the_only_one(paths):
    assert prepared(MappedCollection(paths), Keys())[1] == "X"
    assert prepared(MappedCollection(paths, layers_keys="counts"), Keys())[1] == "counts"
    assert prepared(MappedCollection(paths, layers_keys=["X", "counts"]), Keys())[1] == "X"
    with pytest.raises(RecipeError, match=r"layer: is not given.*counts, logs"):
        prepared(MappedCollection(paths, layers_keys=["counts", "logs"]), Keys())
    with pytest.raises(MissingKeyError):
        prepared(MappedCollection(paths), Keys(batch="no such key"))


def test_a_model_needs_joint_variables(paths):
    with pytest.raises(RecipeError, match="own widths"):
        prepared(MappedCollection(paths, join=None), Keys())


def test_positions_of_what_is_no_part_are_refused(ds, paths):
    some = ds.subset(range(10))
    assert positions(ds, some).tolist() == list(range(10))
    with pytest.raises(RecipeTypeError, match="no part"):
        positions(ds, [1, 2])
    with pytest.raises(RecipeTypeError, match="no part"):
        positions(ds, MappedCollection(paths[:1]))
    with pytest.raises(RecipeError, match="rows that the collection has not"):
        positions(some, ds)
    with pytest.raises(RecipeError, match="rows that the collection has not"):
        positions(ds.subset(range(10, 20)), some)


def test_categories_are_text(paths, ds):
    rows, _ = prepared(ds, Keys(batch="chemistry", labels="label"))
    labels = Column.of(rows, "label")
    assert labels.names.dtype == object
    assert labels.names.tolist() == ["B", "NK", "T", "mono"]
    truth = ds.get_merged_labels("label")
    assert [("Unknown", *labels.names)[code + 1] for code in labels.codes] == truth.tolist()


def test_codes_of_a_given_encoder_are_kept(paths):
    encoder = Encoder({"d2": 0, "d0": 1, "d1": 2})
    ds = MappedCollection(paths, obs_keys="donor", encoders={"donor": encoder})
    rows, _ = prepared(ds, Keys(batch="donor"))
    column = Column.of(rows, "donor")
    assert column.names.tolist() == ["d2", "d0", "d1"]
    assert column.codes[[0, 100, 200]].tolist() == [1, 2, 0]


def test_labels_that_are_one_text_are_refused(tmp_path):
    for i, value in enumerate((1, "1")):
        adata = cells(i, 6)
        adata.obs["day"] = [value] * 6
        adata.write_h5ad(tmp_path / f"{i}.h5ad")
    rows, _ = prepared(MappedCollection(tmp_path), Keys(batch="day"))
    with pytest.raises(RecipeError, match=r"day: has labels that are numbers"):
        Column.of(rows, "day")


def test_cells_without_a_batch_are_refused_by_store(ds):
    rows, _ = prepared(ds, Keys(batch="donor"))
    column = Column.of(rows, "donor")
    assert column.check_complete(rows, "batch_key") is column
    column.codes[[3, 150, 299]] = -1
    with pytest.raises(
        RecipeError, match=r"0\.h5ad.*2\.h5ad, batch_key: 3 of 300 cells have no 'donor'"
    ):
        column.check_complete(rows, "batch_key")


def test_covariates_are_finite_numbers(tmp_path, ds):
    check_numbers(ds, "mito")
    with pytest.raises(RecipeError, match="holds no numbers"):
        check_numbers(ds, "sex")
    for i in range(5):
        adata = cells(i, 6)
        adata.obs.loc["cell2", "mito"] = np.nan
        adata.write_h5ad(tmp_path / f"{i}.h5ad")
    with pytest.raises(RecipeError, match=r"and 2 more.*5 of 30 cells have no finite 'mito'"):
        check_numbers(MappedCollection(tmp_path), "mito")


def test_the_store_of_a_cell_is_a_key_if_it_has_a_name(paths):
    keys = Keys(batch="store", categorical=("sex",), store="store")
    assert keys.all == ("sex",)
    assert (keys.column_of("store"), keys.column_of("sex")) == ("_store_idx", "sex")
    ds = MappedCollection(paths, obs_keys="store", obs_alias={"store": "donor"})
    with pytest.raises(RecipeError, match="store_key: is 'store', which is an obs key too"):
        prepared(ds, keys)
    part = MappedCollection(paths).subset([5, 120, 299])
    column = Column.of_stores(prepared(part, keys)[0], "store")
    assert column.names.tolist() == ["0", "1", "2"]
    assert column.codes.tolist() == [0, 1, 2]
