"""The tables that come with the package: what is in them, and that they are those that recipes name."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util

import pandas as pd
import pytest

from mappedviz import genes
from mappedviz.errors import RecipeError
from mappedviz.genes.packaged import about

MOST_BYTES = 1_500_000


@pytest.fixture(scope="module", params=genes.PACKAGED)
def species(request):
    return request.param


@pytest.fixture(scope="module")
def folder(repository):
    return repository / "mappedviz" / "genes"


def test_they_are_small_and_those_that_their_releases_name(species, folder):
    """Recipes name the release: another table under the same name would change what they read."""
    path = folder / f"{species}.csv.gz"
    assert path.stat().st_size <= MOST_BYTES
    assert (
        hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() == about()[species]["sha256"]
    )
    assert genes.release_of(species) == about()[species]["release"]


def test_identifiers_are_there_once_and_sorted(species):
    frame = genes.table(species)
    assert frame["ensembl"].is_unique
    assert frame["ensembl"].is_monotonic_increasing
    prefix = {"human": "ENSG", "mouse": "ENSMUSG"}[species]
    assert frame["ensembl"].str.fullmatch(rf"{prefix}\d{{11}}").all()
    newest = about()[species]["releases"][-1]
    assert (frame["releases"].str.split("|").str[-1].eq(newest) == frame["current"]).all()


def test_a_gene_has_each_name_once(species):
    frame = genes.table(species)
    lists = frame[["symbol", "retired", "earlier", "synonyms"]].agg("|".join, axis=1)
    for names in lists.str.strip("|"):
        some = [name for name in names.split("|") if name]
        assert len(some) == len(set(some))


def test_the_table_is_a_copy(species):
    genes.table(species)["symbol"] = "mine"
    assert genes.table(species)["symbol"].nunique() > 10_000
    assert genes.packaged(species) is genes.packaged(species)


KNOWN = {
    "human": {
        "MARCH1": "ENSG00000145416",
        "MARCHF1": "ENSG00000145416",
        "SEPT2": "ENSG00000168385",
        "HIST1H2BC": "ENSG00000180596",
        "TP53": "ENSG00000141510",
        "p53": "ENSG00000141510",
        "TBCE": "ENSG00000284770",
    },
    "mouse": {
        "March1": "ENSMUSG00000036469",
        "Sept2": "ENSMUSG00000026276",
        "Trp53": "ENSMUSG00000059552",
        "Septin2": "ENSMUSG00000026276",
    },
}


def test_names_of_yesterday_are_found(species):
    known = KNOWN[species]
    found = genes.packaged(species).map(list(known), "symbol->ensembl")
    assert dict(zip(known, found.values.tolist(), strict=True)) == known


def test_a_species_without_a_table():
    with pytest.raises(RecipeError, match="names 'yeast', of which there is no table"):
        genes.table("yeast")


def test_most_names_of_a_real_store_mean_what_the_store_says(repository):
    """The store has both: its symbols become the identifiers that it has beside them."""
    import anndata

    path = repository / "notebooks" / "data" / "pbmc5k_small_cd4_vs_cd8.h5ad"
    var = anndata.read_h5ad(path, backed="r").var
    table = genes.packaged("human")
    found = table.map(var.index, "symbol->ensembl").values
    today = table.map(var["gene_ids"].astype(str), "ensembl->ensembl").values
    mapped = found != ""
    assert mapped.mean() > 0.98
    assert (found[mapped] == today[mapped]).all()


@pytest.fixture(scope="module")
def script(repository):
    path = repository / "scripts" / "gene_tables.py"
    spec = importlib.util.spec_from_file_location("the_gene_tables", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_rows_make_the_same_bytes(script, tmp_path, folder):
    text = gzip.decompress((folder / "mouse.csv.gz").read_bytes()).decode()
    frame = pd.read_csv(folder / "mouse.csv.gz", dtype=str, keep_default_na=False)
    checksum = script.write(frame.to_dict("records"), tmp_path / "again.csv.gz")
    assert checksum == about()["mouse"]["sha256"]
    again = (tmp_path / "again.csv.gz").read_bytes()
    assert gzip.decompress(again).decode() == text
    script.write(frame.to_dict("records"), tmp_path / "other.csv.gz")
    assert (tmp_path / "other.csv.gz").read_bytes() == again


def test_a_pickle_of_a_source_may_ask_for_frames_only(script):
    import io
    import pickle

    frame = script._Frames(io.BytesIO(pickle.dumps(pd.DataFrame({"a": [1]})))).load()
    assert frame["a"].tolist() == [1]
    with pytest.raises(pickle.UnpicklingError, match=r"asks for .*\.system"):
        script._Frames(io.BytesIO(b"cposix\nsystem\n(S'true'\ntR.")).load()
