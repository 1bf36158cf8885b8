"""The sample sheet, and what the obs columns hold."""

import numpy as np
import pandas as pd
import pytest

import mappedviz as mv
from mappedviz.audits import columns
from mappedviz.audits.tables.samples import sample_columns
from mappedviz.errors import MissingKeyError
from mappedviz.text.display import Words
from tests.audits import LABELS, made, quiet, write


def sample(donor, tissue, **more):
    return {"obs": {"donor_id": [donor] * 24, "tissue": [tissue] * 24, "cell_type": LABELS, **more}}


def sheet_of(audit, columns=None):
    return audit.sample_sheet(columns).to_dict("index")


def test_each_store_is_a_sample(tmp_path):
    sex = np.array(["f", "m"] * 12)
    paths = made(tmp_path, [sample("d1", "lung"), sample("d2", "gut", sex=sex)])
    audit = quiet([*paths, tmp_path / "nothing.h5ad"])
    table = audit.sample_sheet(["donor_id", "tissue", "sex", "cell_type"])
    assert (table.index.name, table.columns.name) == ("store", "column")
    assert table.to_dict("index") == {
        "s0.h5ad": {"donor_id": "d1", "tissue": "lung", "sex": None, "cell_type": "2 values"},
        "s1.h5ad": {"donor_id": "d2", "tissue": "gut", "sex": "2 values", "cell_type": "2 values"},
        "nothing.h5ad": dict.fromkeys(["donor_id", "tissue", "sex", "cell_type"]),
    }
    assert isinstance(table.loc["s1.h5ad", "sex"], Words)
    assert audit.sample_sheet().columns.tolist()[:3] == ["donor_id", "tissue", "sex"]
    assert "cell_type" not in audit.sample_sheet()


def test_aliases_new_names_and_filters_apply(tmp_path):
    stores = [
        {"obs": {"donor": LABELS, "tissue": ["lung"] * 24}},
        {"obs": {"patient": ["x"] * 24, "tissue": ["Lung"] * 24}},
    ]
    audit = quiet(
        made(tmp_path, stores),
        obs_alias={"donor": ["donor", "patient"]},
        relabel={"tissue": {"Lung": "lung"}},
        obs_filter={"donor": ["T", "x"]},
    )
    assert sheet_of(audit, ["donor", "tissue"]) == {
        "s0.h5ad": {"donor": "T", "tissue": "lung"},
        "s1.h5ad": {"donor": "x", "tissue": "lung"},
    }


def test_gaps_are_said(tmp_path):
    some, none = pd.Categorical(["d1"] * 23 + [None]), pd.Categorical([None] * 24, ["d1"])
    paths = made(tmp_path, [{"obs": {"donor": some}}, {"obs": {"donor": none}}])
    values = quiet(paths).sample_sheet(["donor"])["donor"].tolist()
    assert values == ["1 value, some missing", None]


def test_a_column_that_no_store_has_is_refused(tmp_path):
    with pytest.raises(MissingKeyError, match="nowhere"):
        quiet([write(tmp_path)]).sample_sheet(["nowhere"])


def test_no_stores(tmp_path):
    audit = quiet([tmp_path / "nothing.h5ad"])
    assert audit.sample_sheet().shape == (1, 0)
    assert len(audit.obs_browser) == 0


def test_an_audit_that_was_read_from_json_has_a_sheet_of_its_keys(tmp_path):
    audit = quiet(made(tmp_path, [sample("d1", "lung")]), "cell_type", group="donor_id")
    again = mv.Audit.from_json(audit.to_json())
    assert sheet_of(again) == {"s0.h5ad": {"cell_type": "2 values", "donor_id": "d1"}}


def test_obs_columns_with_examples(tmp_path):
    stores = [
        {"obs": {"ct": ["NK"] * 12 + ["T"] * 8 + ["B"] * 4}},
        {"obs": {"ct": pd.Categorical(["T"] * 20 + [None] * 4), "only": LABELS}},
    ]
    table = quiet(made(tmp_path, stores)).obs_browser
    row = table.loc["ct"]
    assert row["stores"] == ("s0.h5ad", "s1.h5ad")
    assert (row["n_stores"], row["fewest"], row["most"]) == (2, 1, 3)
    assert row["missing"] == pytest.approx(100 * 4 / 48)
    assert row["examples"] == ("T", "NK", "B")
    assert table.loc["only", "n_stores"] == 1
    assert table["n_stores"].is_monotonic_decreasing


def test_columns_of_very_many_values_have_no_examples(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "MANY_VALUES", 20)
    row = quiet(made(tmp_path, [{"obs": {"barcode": range(24)}}])).obs_browser.loc["barcode"]
    assert row["examples"] == ()
    assert pd.isna(row["most"])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("donor_id", True),
        ("Sample", True),
        ("tissue_type", True),
        ("age", True),
        ("subsample_split", False),
        ("lineage", False),
        ("tissue_ontology_term_id", False),
    ],
)
def test_columns_of_samples_are_known_by_their_words(tmp_path, name, told):
    audit = quiet(made(tmp_path, [{"obs": {name: LABELS}}]))
    scans = [scan for _, scan in audit._tables.used]
    assert (name in sample_columns(scans)) == told
