"""Which store and which finding is which."""

from mappedviz.audits.diff.matching import matched_findings, matched_stores
from mappedviz.audits.digests import StoreDigests
from mappedviz.audits.findings import Finding

A, B, C = (StoreDigests(one, one, one) for one in "abc")


def test_stores_by_path_then_name_then_contents():
    old = {"x/a": ("/1/x/a", A), "y/a": ("/1/y/a", B), "c": ("/1/c", C), "gone": ("/1/gone", None)}
    new = {"y/a": ("/1/y/a", A), "x/a": ("/2/x/a", B), "d": ("/1/d", C), "here": ("/1/here", None)}
    assert dict(matched_stores(old, new)[:3]) == {"x/a": "x/a", "y/a": "y/a", "c": "d"}
    assert matched_stores(old, new)[3:] == [("gone", None), (None, "here")]


def test_what_several_stores_have_tells_none_of_them():
    old = {"a": ("/1/a", A), "b": ("/1/b", A)}
    new = {"c": ("/1/c", A), "d": ("/1/d", A)}
    assert matched_stores(old, new) == [("a", None), ("b", None), (None, "c"), (None, "d")]


def finding(name="x", message="m", stores=("a",), severity="error"):
    return Finding(name, severity, message, stores)


def test_equal_findings_are_not_listed():
    same = [finding(), finding("y"), finding()]
    assert matched_findings(same, same[::-1], {}) == []


def test_the_same_stores_come_before_the_same_check():
    a, b = finding(stores=("a",)), finding(stores=("b",))
    worse = finding(stores=("b",), message="worse")
    other = finding(stores=("c",))
    assert matched_findings([a, b], [other, worse], {}) == [(b, worse), (a, other)]
    assert matched_findings([a], [], {}) == [(a, None)]
    assert matched_findings([], [a], {}) == [(None, a)]
    milder = finding(severity="info")
    assert matched_findings([a], [milder], {}) == [(a, milder)]


def test_a_store_that_was_renamed_is_the_same():
    assert matched_findings([finding()], [finding(stores=("b",))], {"b": "a"}) == []


def test_a_time_that_was_measured_is_no_change():
    fast, slow = (finding("layout", f"reads {n} cells a second") for n in (100, 200))
    assert matched_findings([fast], [slow], {}) == []
