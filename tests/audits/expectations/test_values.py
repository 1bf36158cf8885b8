"""Expectations as a value, from TOML and to TOML."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mappedviz as mv
from mappedviz.audits import ExpectedColumn, Thresholds
from mappedviz.audits.expectations.parts import COLUMN_KINDS
from mappedviz.audits.scales import SCALES
from mappedviz.audits.tables.identifiers import ID_KINDS
from mappedviz.errors import RecipeError, RecipeTypeError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LABELS = st.one_of(
    TEXTS, st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=True)
)
SHARES = st.floats(0, 1)
SEVERITIES = st.sampled_from(["error", "warning", "info"])
WHOLE = st.integers(0, 10**9)


def maybe(**fields):
    return st.fixed_dictionaries({}, optional={"severity": SEVERITIES, **fields})


def several(some):
    return st.lists(st.sampled_from(some), max_size=3)


EXPECTATIONS = maybe(
    stores=maybe(least=WHOLE, least_cells=WHOLE),
    genes=maybe(
        species=st.lists(TEXTS, max_size=2), identifiers=several(ID_KINDS),
        least_shared=WHOLE, least_share=SHARES),
    matrices=st.dictionaries(TEXTS, maybe(scale=several(SCALES)), max_size=3),
    obs=st.dictionaries(
        TEXTS,
        maybe(required=st.booleans(), kind=several(list(COLUMN_KINDS)), most_missing=SHARES,
              labels=st.lists(LABELS, max_size=5)),
        max_size=3),
    thresholds=st.fixed_dictionaries(
        {}, optional={"most_confounding": SHARES, "rare_class_cells": WHOLE}),
)  # fmt: skip


@given(EXPECTATIONS)
def test_toml_keeps_everything(asked):
    expected = mv.Expectations(**asked)
    assert mv.Expectations.from_toml(expected.to_toml()) == expected
    assert hash(pickle.loads(pickle.dumps(expected))) == hash(expected)
    assert mv.Expectations(**vars(expected)) == expected


def test_a_file_is_written_and_read(tmp_path):
    expected = mv.Expectations(obs={"cell type": {"labels": ["T"], "match": "exact"}})
    path = expected.save(tmp_path / "collection.toml")
    assert mv.Expectations.load(path) == expected
    text = path.read_text(encoding="utf-8")
    assert '[obs."cell type"]\nlabels = ["T"]\nmatch = "exact"\n' in text
    assert all(f"# {name} = " in text for name in vars(Thresholds()))
    assert '[thresholds]\nmost_confounding = 0.9\n' in mv.Expectations(
        thresholds={"most_confounding": 0.9}
    ).to_toml()  # fmt: skip


def test_it_cannot_be_changed():
    expected = mv.Expectations(obs={"a": {}})
    with pytest.raises(AttributeError):
        expected.severity = "info"
    with pytest.raises(TypeError, match="cannot be changed"):
        expected.obs["b"] = ExpectedColumn()
    assert expected.replace(severity="info").severity == "info"
    with pytest.raises(RecipeError, match="Did you mean 'stores'"):
        expected.replace(store={})


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("sevrity = 1", "sevrity", "Did you mean 'severity'?"),
        ("[obs.cell_type]\nlables = []", "obs.cell_type.lables", "Did you mean 'labels'?"),
        ('[obs."a.b"]\nlables = []', 'obs."a.b".lables', "Did you mean 'labels'?"),
        ('[matrices.X]\nscale = "count"', "matrices.X.scale", "Did you mean 'counts'?"),
        ('[genes]\nidentifiers = "ensemble"', "genes.identifiers", "Did you mean 'ensembl'?"),
        ('[obs.a]\nkind = "txt"', "obs.a.kind", "Did you mean 'text'?"),
        ("[obs.a]\nkind = 3", "obs.a.kind", "of type int"),
        ('[obs.a]\nmatch = "exact"', "obs.a.match", "Name them in labels"),
        ('[obs.a]\nmatch = ["exact"]', "obs.a.match", ""),
        ('[obs.a]\nlabels = "T"', "obs.a.labels", "a list of labels"),
        ("[obs.a]\nlabels = [nan]", "obs.a.labels", "most_missing"),
        ("[obs.a]\nlabels = [2020-01-01]", "obs.a.labels", "is no label"),
        ("[obs.a]\nlabels = [[1]]", "obs.a.labels", "is no label"),
        ("[obs.a]\nrequired = 1", "obs.a.required", "true or false"),
        ("[obs.a]\nmost_missing = 1.5", "obs.a.most_missing", "from 0 to 1"),
        ("[stores]\nleast = 1.5", "stores.least", "a whole number"),
        ("[stores]\nleast = true", "stores.least", "a number"),
        ("[stores]\nleast = 3\nmost = 1", "stores.most", "at least as large"),
        ("[thresholds]\nmost_confoundin = 1", "thresholds.most_confoundin", "Did you mean"),
        ("[thresholds]\nmost_confounding = 7", "thresholds.most_confounding", "from 0 to 1"),
        ('severity = "fatal"', "severity", "Use one of 'error'"),
        ('[genes]\nseverity = "bad"', "genes.severity", "Use one of 'error'"),
        ("obs = 3", "obs", "a table"),
        ("[obs]\na = 3", "obs.a", "a table"),
        ("x = ", "expectations", "not TOML"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(tmp_path, text, place, words):
    path = tmp_path / "collection.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        mv.Expectations.load(path)
    assert str(caught.value).startswith(f"{path}, {place}: ")
    assert words in str(caught.value)
    assert caught.value.key == place


def test_wrong_types_are_type_errors():
    for wrong in ({"obs": 3}, {"stores": {"least": "3"}}, {"obs": {3: {}}}, {"severity": None}):
        with pytest.raises(RecipeTypeError):
            mv.Expectations(**wrong)


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "collection.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="not UTF-8"):
        mv.Expectations.load(path)
    path.write_text("a = " + "[" * 100_000)
    with pytest.raises(RecipeError, match="not TOML"):
        mv.Expectations.load(path)
    with pytest.raises(OSError, match="No such file"):
        mv.Expectations.load(tmp_path / "nothing.toml")


def test_half_a_surrogate_pair_is_refused_by_name():
    with pytest.raises(RecipeError, match="surrogate"):
        mv.Expectations(obs={"\udcff": {}}).to_toml()
