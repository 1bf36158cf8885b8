"""The packaged terms: whole, small, read once, and named in all ways."""

import gzip
import importlib.util

import pytest

from mappedviz.errors import MissingKeyError
from mappedviz.ontology import terms
from mappedviz.ontology.terms import ROOT


def test_the_table_is_whole_and_small(repository):
    every = terms()
    assert terms() is every
    data = repository / "mappedviz" / "ontology" / "data"
    assert (data / "cell_ontology.tsv.gz").stat().st_size < 1_500_000
    said = (data / "README.md").read_text(encoding="utf-8")
    assert every.release in said
    assert "CC BY 4.0" in said
    assert f"{len(every.of):,} terms" in said or f"| {len(every.of):,}, and" in said
    assert all(parent in every.of for term in every.of.values() for parent in term.parents)
    assert all(new in every.of for new in every.replaced.values())
    assert not set(every.replaced) & set(every.of)
    assert all(name in every.of for names in every.lists.values() for name in names)


def test_nothing_is_above_itself():
    every = terms()
    assert all(name not in every.above(name) for name in every.of)
    roots = [name for name in every.of if ROOT not in every.above(name) and name != ROOT]
    assert len(roots) < 10


def test_what_is_above_a_cell_is_known():
    every = terms()
    above = every.above("CL:0000624")
    assert {"CL:0000084", "CL:0000542", "CL:0000738", ROOT} <= set(above)
    assert above["CL:0000084"] > 1
    assert "CL:0000236" not in above


@pytest.mark.parametrize(
    "text",
    ["CL:0000084", "CL_0000084", "cl:0000084", " http://purl.obolibrary.org/obo/CL_0000084",
     "T cell", "t CELL", "T-lymphocyte"],
)  # fmt: skip
def test_a_term_is_named_by_identifier_name_or_synonym(text):
    assert terms().named(text) == "CL:0000084"


def test_retired_identifiers_lead_to_what_replaces_them():
    every = terms()
    old, new = next(iter(every.replaced.items()))
    assert every.identifier(old) == new
    assert every.identifier("CL:9999999") is None
    assert every.identifier("UBERON:0000084") is None


def test_what_is_no_term_is_refused_with_what_may_be_meant():
    with pytest.raises(
        MissingKeyError, match="'T cel' is no term of the Cell Ontology 20.*'T cell'"
    ):
        terms().named("T cel")


def test_the_script_makes_the_lines_that_are_packaged(repository):
    """Of a few terms as the source has them; the whole source is not here."""
    spec = importlib.util.spec_from_file_location("made", repository / "scripts/cell_ontology.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    plain = {"deprecated": False, "synonyms": []}
    source = {
        "CL:0000000": {"label": "cell", "ancestors": {}, **plain},
        "CL:0000542": {"label": "lymphocyte", "ancestors": {"CL:0000000": 1}, **plain},
        "CL:0000084": {
            "label": "T cell",
            "ancestors": {"CL:0000542": 1, "CL:0000000": 2},
            "synonyms": ["T-cell", "T-cell"],
            "deprecated": False,
        },
        # What is between them is not in the source.
        "CL:0000001": {"label": "far", "ancestors": {"CL:0000542": 3, "CL:0000000": 4}, **plain},
        "CL:0000003": {"label": "old", "ancestors": {}, "deprecated": True, "replaced_by": "CL:0000000"},
        "CL:0000004": {"label": "gone", "ancestors": {}, "deprecated": True},
    }  # fmt: skip
    made, retired = script.lines(source)
    assert retired == 1
    assert made == [
        "CL:0000000\tcell\t\t\t",
        "CL:0000001\tfar\tCL:0000542\t\t",
        "CL:0000003\t\t\t\tCL:0000000",
        "CL:0000084\tT cell\tCL:0000542\tT-cell\t",
        "CL:0000542\tlymphocyte\tCL:0000000\t\t",
    ]
    packed = repository / "mappedviz" / "ontology" / "data" / "cell_ontology.tsv.gz"
    lines = gzip.decompress(packed.read_bytes()).decode().splitlines()
    assert made[0] in lines
    assert [line.count("\t") for line in lines if not line.startswith("#")] == [4] * (
        len(lines) - 3
    )
