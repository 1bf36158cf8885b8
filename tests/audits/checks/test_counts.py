"""The check of where counts are, and the fix that reads them under one name."""

import numpy as np
import pytest

import mappedviz as mv
from mappedviz.audits.checks import counts as counts_checks
from tests.audits import counts, found, made, norm, quiet, symbols
from tests.audits.checks.cases import cases_of, finds, raw


@pytest.mark.parametrize("name", cases_of(counts_checks))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)


def _stores(**others):
    return [
        {"X": counts(3), "genes": symbols()},
        {"X": norm(), "layers": {"umis": counts(2)}, "genes": symbols()},
        {"X": norm(), "raw": raw(symbols()[::-1]), "genes": symbols(), **others},
    ]


def test_the_fix_reads_the_counts_of_every_store(tmp_path):
    paths = made(tmp_path, _stores())
    audit = quiet(paths)
    (elsewhere,) = found(audit, "counts-elsewhere")
    assert elsewhere.severity == "warning"
    assert "'umis' in s1.h5ad; 'raw.X' in s2.h5ad" in elsewhere.message
    assert elsewhere.stores == ("s1.h5ad", "s2.h5ad")
    assert elsewhere.fix.layers_keys == ("counts",)
    assert elsewhere.fix.layer_alias == {"counts": ("umis", "raw.X", "X")}
    (scale,) = found(audit, "value-scale")
    assert scale.fix == elsewhere.fix
    mended = quiet(None, recipe=elsewhere.fix)
    assert not found(mended, "value-scale")
    assert not found(mended, "counts-elsewhere")
    assert not mended.fatal
    rows = mv.MappedCollection.from_recipe(elsewhere.fix)[:]["counts"]
    expected = np.concatenate([counts(3), counts(2), counts(1)[:, ::-1]])
    np.testing.assert_array_equal(rows, expected)


def test_where_no_order_of_candidates_is_right_the_fix_is_by_store(tmp_path):
    both = {"X": counts(3), "raw": raw(symbols())}
    both["raw"].X = norm()
    paths = made(tmp_path, [{**both, "genes": symbols()}, _stores()[2]])
    (elsewhere,) = found(quiet(paths), "counts-elsewhere")
    assert elsewhere.fix.layer_alias == {"counts": {"s0.h5ad": "X", "s1.h5ad": "raw.X"}}
    assert not found(quiet(None, recipe=elsewhere.fix), "value-scale")


def test_a_store_without_counts_leaves_no_fix(tmp_path):
    paths = made(tmp_path, [*_stores(), {"X": norm(), "genes": symbols()}])
    (elsewhere,) = found(quiet(paths), "counts-elsewhere")
    assert elsewhere.fix is None
    (scale,) = found(quiet(paths), "value-scale")
    assert scale.fix is None


def test_what_is_read_already_is_no_finding(tmp_path):
    layers = {"counts": counts(2)}
    paths = made(tmp_path, [{"X": norm(), "layers": layers}, {"X": norm(), "layers": layers}])
    assert not found(quiet(paths, layers_keys=["X", "counts"]), "counts-elsewhere")
    (normalised,) = found(quiet(paths), "counts-elsewhere")
    assert normalised.severity == "info"
    assert normalised.fix.layers_keys == ("counts",)
    assert not normalised.fix.layer_alias


def test_another_layer_that_is_damaged_does_no_harm(tmp_path, monkeypatch):
    from mappedviz.stores.store import Store

    (path,) = made(tmp_path, [{"X": norm(), "layers": {"counts": counts(2)}}])
    opened = Store.open_matrix

    def refuse(self, key, cache):
        if key == "counts":
            raise mv.errors.ElementError("is damaged", store=self.path, key=key)
        return opened(self, key, cache)

    monkeypatch.setattr(Store, "open_matrix", refuse)
    audit = quiet([path])
    assert not found(audit, "counts-elsewhere")
    assert not found(audit, "unreadable-element")
