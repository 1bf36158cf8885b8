"""Tables of the user's own, and maps that there are not; the maps themselves are in test_lookup."""

from __future__ import annotations

import random

import pandas as pd
import pytest

from mappedviz import genes
from mappedviz.errors import RecipeError
from mappedviz.genes import GeneTable

ZEBRAFISH = "ensembl,symbol,synonyms\nENSDARG00000000001,tp53,p53|drp53\nENSDARG00000000002,,\n"


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "zebrafish.csv"
    path.write_text(ZEBRAFISH, encoding="utf-8")
    return path


def test_a_csv_of_ones_own(csv):
    table = GeneTable.from_csv(csv)
    assert table.name == str(csv)
    assert (
        table.map(["drp53", "tp53"], "symbol->ensembl").values.tolist()
        == ["ENSDARG00000000001"] * 2
    )
    assert table.map(["ENSDARG00000000002"], "ensembl->symbol").values.tolist() == [""]


def test_its_release_is_what_is_in_it(csv, tmp_path):
    before = GeneTable.from_csv(csv).release
    copy = tmp_path / "copy.csv"
    copy.write_text(ZEBRAFISH, encoding="utf-8")
    assert GeneTable.from_csv(copy).release == before
    copy.write_text(ZEBRAFISH + "ENSDARG00000000003,x,\n", encoding="utf-8")
    assert GeneTable.from_csv(copy).release != before


def test_a_packaged_table_can_be_written_and_read(tmp_path):
    path = tmp_path / "human.csv.gz"
    genes.table("human").to_csv(path, index=False)
    pd.testing.assert_frame_equal(GeneTable.from_csv(path).frame, genes.table("human"))


BAD = {
    "ensembl,name\nE1,a\n": "has no column 'symbol'",
    "ensembl,symbol\nE1,a\nE1,b\n": "has identifiers that are empty or there twice",
    "ensembl,symbol\n,a\n": "has identifiers that are empty or there twice",
    "": "is no CSV file",
    'ensembl,symbol\n"E1,a\n': "is no CSV file",
}


@pytest.mark.parametrize("text", BAD)
def test_other_files_are_refused_with_their_name(tmp_path, text):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=f"bad.csv, var_map: {BAD[text]}"):
        GeneTable.from_csv(path)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00ensembl")
    with pytest.raises(RecipeError, match="is no CSV file"):
        GeneTable.from_csv(tmp_path / "bad.csv")


def test_a_file_that_is_not_there():
    with pytest.raises(FileNotFoundError):
        GeneTable.from_csv("nowhere.csv")


def test_a_map_that_there_is_not():
    with pytest.raises(RecipeError, match="is 'symbol->entrez'.*Use one of 'symbol->ensembl'"):
        genes.packaged("human").map(["TP53"], "symbol->entrez")


def reference(frame, name):
    """The identifier that a symbol means, read off the rows one by one."""
    current = frame[frame["current"]]
    former = frame[~frame["current"]]

    def has(rows, column):
        return rows[[name in names.split("|") for names in rows[column]]]

    def gene(row):
        return row["symbol"] or row["ensembl"]

    levels = [
        {gene(row) for _, row in current[current["symbol"] == name].iterrows()},
        {gene(row) for _, row in has(current, "retired").iterrows()},
    ]
    earlier = {gene(row) for _, row in has(current, "earlier").iterrows()}
    for rows in (former[former["symbol"] == name], has(former, "earlier")):
        for _, row in rows.iterrows():
            today = current[current["symbol"] == row["symbol"]] if row["symbol"] else current[:0]
            old = current[[row["symbol"] in names.split("|") for names in current["retired"]]]
            old = old if row["symbol"] else old[:0]
            keys = {gene(one) for _, one in (today if len(today) else old).iterrows()}
            earlier.add(keys.pop() if len(keys) == 1 else row["ensembl"])
    levels += [earlier, {gene(row) for _, row in has(current, "synonyms").iterrows()}]
    means = next((level for level in levels if level), set())
    if len(means) != 1:
        return ""
    (key,) = means
    if key in set(former["ensembl"]):
        return key
    rows = current[[gene(row) == key for _, row in current.iterrows()]]
    if len(rows) > 1:
        rows = rows[rows["named"]]
    return rows["ensembl"].iloc[0] if len(rows) == 1 else ""


@pytest.mark.parametrize("seed", range(60))
def test_random_tables_say_what_their_rows_say(seed):
    draw = random.Random(seed)
    words = [f"w{i}" for i in range(draw.randint(2, 9))]

    def some(most):
        return "|".join(dict.fromkeys(draw.choices(words, k=draw.randint(0, most))))

    rows = []
    for i in range(draw.randint(1, 8)):
        symbol = draw.choice([*words, ""])
        rows.append(
            {
                "ensembl": f"ENSG{i:011d}",
                "symbol": symbol,
                "retired": some(2),
                "earlier": some(2),
                "synonyms": some(2),
                "releases": "",
                "named": draw.random() < 0.5,
                "current": draw.random() < 0.7,
            }
        )
    frame = pd.DataFrame(rows).astype({"named": bool, "current": bool})
    found = GeneTable("random", "1", frame).map(words, "symbol->ensembl").values.tolist()
    assert found == [reference(frame, word) for word in words]
