"""Matrices that are read for a key."""

import mappedviz as mv
from mappedviz.audits.expectations.matrices import sampled_scales, slots_of
from tests.audits import counts, ids, made, norm, quiet


def test_an_alias_says_which_matrix_is_meant(tmp_path):
    paths = made(
        tmp_path, [{"X": norm(), "layers": {"raw": counts(2)}}, {"X": counts(2)}, {"X": None}]
    )
    expected = mv.Expectations(matrices={"counts": {"scale": "counts"}})
    asked = {"layers_keys": "counts", "layer_alias": {"counts": ["raw", "X"]}}
    audit = quiet(paths, expect=expected, **asked)
    evidence = audit._evidence("test")
    assert slots_of(evidence, "counts") == {"s0.h5ad": "raw", "s1.h5ad": "X", "s2.h5ad": None}
    assert sampled_scales(evidence, "counts") == {"s0.h5ad": "counts", "s1.h5ad": "counts"}
    assert "expected-scale" not in ids(audit)
    assert "expected-matrix" in ids(audit)
