"""Labels of a collection beside the kinds of cells that they may mean."""

import numpy as np

import mappedviz as mv
from mappedviz.audits import LabelTable
from mappedviz.audits.tables.kinds import kinds_table
from tests.audits import found, made, quiet


def labels():
    parts = [
        (["NK", "Horizontal", "7", "Mono"], np.array([3, 5, 1, 2]), 0),
        (["NK", "T cell"], np.array([9, 1]), 4),
    ]
    return LabelTable.of("k", ["a", "b"], parts)


def test_each_label_is_there_with_its_cells_and_stores():
    table = kinds_table(labels())
    assert table["label"].tolist() == ["NK", "Horizontal", "Horizontal", "Mono", "7", "T cell"]
    assert table["n"].tolist() == [12, 5, 5, 2, 1, 1]
    assert table["n_stores"].tolist() == [2, 1, 1, 1, 1, 1]
    assert table["becomes"].tolist() == [
        "natural killer cell",
        None,
        None,
        "monocyte",
        None,
        "T cell",
    ]
    assert [len(one) for one in table["candidates"]] == [1, 2, 2, 1, 0, 1]
    assert table["id"].isna().tolist() == [False] * 4 + [True, False]
    assert kinds_table(labels(), most=1)["label"].tolist() == ["NK"]


def test_terms_are_rolled_up_and_several_are_all_named():
    table = kinds_table(labels(), ["lymphocyte", "myeloid cell", "phagocyte"])
    rolled = table.drop_duplicates("label").set_index("label")
    assert rolled.loc["NK", "becomes"] == rolled.loc["T cell", "becomes"] == "lymphocyte"
    assert rolled.loc["Mono", "becomes"] is None
    assert rolled.loc["Mono", "candidates"] == ("myeloid cell", "phagocyte")


def test_the_audit_has_it_for_any_key_and_after_json(tmp_path):
    obs = {"ct": ["NK", "7"] * 12, "n": [1, 2] * 12}
    audit = quiet(made(tmp_path, [{"obs": obs}]), "ct")
    for one in (audit, mv.Audit.from_json(audit.to_json())):
        assert one.kinds().set_index("label").loc["NK", "name"] == "natural killer cell"
        assert len(one.kinds()) == 2
    assert audit.kinds("n")["id"].isna().all()
    assert found(audit, "refused") == []
