"""Tables of an audit; `test_result` has more of them."""

import pytest

import mappedviz as mv
from mappedviz.audits.tabulated import Tabulated
from mappedviz.errors import RecipeError
from tests.audits import LABELS, made, quiet


def test_an_audit_has_its_tables_before_and_after_json(tmp_path):
    audit = quiet(made(tmp_path, [{"obs": {"ct": LABELS}}]), "ct")
    assert isinstance(audit, Tabulated)
    again = mv.Audit.from_json(audit.to_json())
    assert again.recipe == audit.recipe
    assert again.stores["n_obs"].tolist() == audit.stores["n_obs"].tolist() == [24]
    assert again.labels().total.to_dict() == audit.labels().total.to_dict()
    with pytest.raises(RecipeError, match="not in an audit that was read from JSON"):
        again.library_sizes()
