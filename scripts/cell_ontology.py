"""Make the packaged table of the Cell Ontology from a wheel of cellxgene-ontology-guide.

    pip download --no-deps -d build cellxgene-ontology-guide==1.11.1
    python scripts/cell_ontology.py build/cellxgene_ontology_guide-1.11.1-py3-none-any.whl

Writes mappedviz/ontology/data/cell_ontology.tsv.gz and the README beside it; the same wheel makes
the same bytes.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

from numcodecs import Zstd

FOLDER = Path(__file__).resolve().parent.parent / "mappedviz" / "ontology" / "data"
README = """\
# The Cell Ontology, packaged small

`cell_ontology.tsv.gz` is made by `scripts/cell_ontology.py`; do not edit it.

| | |
|---|---|
| release | Cell Ontology (CL) {release} |
| terms | {terms:,}, and {retired:,} retired ones that are replaced by one of them |
| taken from | `cellxgene-ontology-guide` {guide} on the Python Package Index |
| licence of the ontology | [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/), the Cell Ontology developers, <https://obophenotype.github.io/cell-ontology/> |
| licence of the guide, whose lists of classes and subclasses these are | MIT, the Chan Zuckerberg Initiative |
| left out | descriptions, references, terms that are retired without a replacement |

Columns: identifier, name, parents, synonyms (exact ones, between bars), the identifier that
replaces a retired term. Lines that begin with `#` say the release and the two lists.

Diehl AD, Meehan TF, Bradford YM, et al. The Cell Ontology 2016: enhanced content, modularization,
and ontology interoperability. J Biomed Semantics 7, 44 (2016).
"""


def newest(names: list[str]) -> str:
    """The file of the newest release of the Cell Ontology in the wheel."""
    return max(name for name in names if re.search(r"/CL-ontology-v[\d-]+\.json\.zst$", name))


def parents(name: str, terms: dict[str, Any]) -> list[str]:
    """The terms right above one: those that lead to all of its ancestors."""
    found: list[str] = []
    ancestors = terms[name]["ancestors"]
    for one in sorted(ancestors, key=lambda other: (ancestors[other], other)):
        known = ancestors[one] > 1 and any(one in terms[p]["ancestors"] for p in found)
        if not known and one in terms and not terms[one]["deprecated"]:
            found.append(one)
    return found


def lines(terms: dict[str, Any]) -> tuple[list[str], int]:
    """One line per term, and how many of them are retired."""
    made, retired = [], 0
    for name in sorted(terms):
        term = terms[name]
        if term["deprecated"]:
            new = term.get("replaced_by", "")
            if new in terms and not terms[new]["deprecated"]:
                retired += 1
                made.append("\t".join([name, "", "", "", new]))
            continue
        synonyms = dict.fromkeys(one.strip() for one in term.get("synonyms", []))
        cells = [term["label"].strip(), *synonyms]
        if any(sign in cell for cell in cells for sign in "\t\n|"):
            raise ValueError(f"{name} has a sign that the table separates by: {cells}")
        above = " ".join(parents(name, terms))
        made.append("\t".join([name, cells[0], above, "|".join(cells[1:]), ""]))
    return made, retired


def main(arguments: list[str]) -> int:
    """Write the table and the README."""
    (wheel,) = arguments
    with zipfile.ZipFile(wheel) as archive:
        file = newest(archive.namelist())
        terms = json.loads(Zstd().decode(archive.read(file)))
        folder = file.rsplit("/", 1)[0]
        lists = {
            kind: json.loads(archive.read(f"{folder}/cell_{kind}_list.json"))
            for kind in ("class", "subclass")
        }
    release = re.search(r"v([\d-]+)\.json", file)[1]  # type: ignore[index]
    guide = re.search(r"-([\d.]+)-py3", Path(wheel).name)[1]  # type: ignore[index]
    table, retired = lines(terms)
    head = [f"#release\t{release}"]
    for kind, names in lists.items():
        current = sorted(name for name in names if not terms[name]["deprecated"])
        head.append(f"#{kind}\t{' '.join(current)}")
    text = "\n".join([*head, *table]) + "\n"
    packed = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "cell_ontology.tsv.gz").write_bytes(packed)
    said = README.format(release=release, terms=len(table) - retired, retired=retired, guide=guide)
    (FOLDER / "README.md").write_text(said, encoding="utf-8")
    print(f"{len(table):,} lines, {len(packed) / 1000:,.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
