"""Put what was measured into the documentation: the picture, the tables, the data.

::

    python -m tests.benchmarks.publish DIR…   # folders that --out of the benchmark wrote

A case that was measured again replaces what is known of it; other cases keep the figures of the
run that measured them, and say which one that was. Without folders everything is drawn again.
"""

from __future__ import annotations

import json
import string
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import picture, report
from .cases import OURS, Case, cases
from .report import amount, number

Record = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
BEGIN = "<!-- benchmark: begin; `python -m tests.benchmarks.publish` writes what follows -->"
END = "<!-- benchmark: end -->"
#: Headings, and the cases below them, by the beginning of their names.
SECTIONS = (
    ("True random and weighted order, plain stores", ("random-plain", "weighted-plain")),
    (
        "True random order over compressed stores, first epoch: with the cache that the machine gives (a quarter of its memory) and with one of 256 MB",
        ("random-", "weighted-"),
    ),
    ("Block-shuffled epochs, batches of 4,096", ("block-",)),
    ("The second epoch once all is in the cache, and what a small cache takes", ("second-", "memory")),
    ("Single rows, in order, opening, and the machine itself", ("",)),
)  # fmt: skip


def merged(known: Sequence[Record], new: Sequence[Record]) -> list[Record]:
    """Return results without the cases that later ones measured again; empty ones are left out."""
    found: list[Record] = []
    for result in [*new[::-1], *known[::-1]]:  # the newest first
        later = {record["case"] for one in found for record in one["records"]}
        mine = [record for record in result["records"] if record["case"] not in later]
        if mine:
            found.append({**result, "records": mine})
    return found[::-1]


def slim(result: Record) -> Record:
    """Return a result without what only a debugger reads."""
    keep = ("rate", "spent", "first", "hundredth", "opened", "cpu", "others", "anonymous")
    records = []
    for record in result["records"]:
        record = {k: v for k, v in record.items() if k != "trace"}
        record["runs"] = [
            {k: round(run[k], 4) for k in keep if k in run} for run in record.get("runs", ())
        ]
        records.append(record)
    return {**result, "records": records}


def _times(one: Record, others: Sequence[Record], measure: str) -> str:
    """How many times as good it is as the best of others, with its range over the turns."""
    if not others or measure not in one:
        return ""
    best = (max if measure == "rate" else min)(others, key=lambda r: r[measure])
    middle, low, high = report.ratio(one, best, measure)
    span = "" if number(low) == number(high) else f" ({number(low)}–{number(high)})"
    return f"{number(middle)}{span}"


def _rows(case: Case, records: Sequence[Record], letter: dict[str, str]) -> Iterator[str]:
    """Lines of a table of rates or times."""
    mine = [r for r in records if r["case"] == case.id]
    measure = "rate" if any("rate" in r for r in mine) else "spent"
    there = [r for r in mine if measure in r]
    peers = [r for r in there if r["peer"] not in (OURS, "limit")]
    lamindb = [r for r in there if r["contender"] == "lamindb"]
    for k, record in enumerate(mine):
        start = f"| {case.title if k == 0 else ''} | {record['contender']} |"
        if measure not in record:
            why = record.get("error", "not measured").replace("|", "/")[:80]
            yield f"{start} – {why} | | | | | | |"
            continue
        low, high = record[f"{measure}_range"]
        bold = "**" if record["peer"] == OURS else ""
        yield (
            f"{start} {bold}{amount(measure, record[measure])}{bold} |"
            f" {amount(measure, low)}–{amount(measure, high)} | {_times(record, lamindb, measure)} |"
            f" {_times(record, peers, measure)} | {amount('anonymous', record.get('anonymous', 0))} |"
            f" {record.get('others', 0):.1f} | {letter[case.id]} |"
        )


def _starts(records: Sequence[Record], letter: dict[str, str]) -> Iterator[str]:
    """The table of the start of an epoch."""
    yield ""
    yield "The start of an epoch, true random order, batches of 128: seconds until the first, tenth and hundredth batch are there, opening not included:"
    yield ""
    disturbed = max(
        (r.get("others", 0) for r in records if r["case"].startswith("start-")), default=0
    )
    if disturbed > picture.DISTURBED:
        yield (
            f"Something else kept up to {disturbed:.1f} processors busy meanwhile, so that seconds are several times too many. Processor seconds"
            " are not: ours are spent on all cores, so that half of them is about what two free cores take. The picture does not show these cases."
        )
        yield ""
    yield "| files | who | first | tenth | range | hundredth | processor s to the tenth | × the best peer's tenth | others | run |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for case in cases():
        mine = [r for r in records if r["case"] == case.id and case.kind == "start"]
        peers = [r for r in mine if r["peer"] not in (OURS, "limit") and "spent" in r]
        words = case.title.rpartition(", ")[2]
        for record in mine:
            if record["peer"] == "limit":
                continue
            start = f"| {words} | {record['contender']} |"
            words = ""
            if "spent" not in record:
                why = record.get("error", "not measured").replace("|", "/")[:80]
                yield f"{start} – {why} | | | | | | | |"
                continue
            low, high = record["spent_range"]
            last = f"{number(record['hundredth'])}" if "hundredth" in record else "–"
            bold = "**" if record["peer"] == OURS else ""
            yield (
                f"{start} {number(record['first'])} | {bold}{number(record['spent'])}{bold} |"
                f" {number(low)}–{number(high)} | {last} | {number(record.get('cpu', 0))} |"
                f" {_times(record, peers, 'spent')} | {record.get('others', 0):.1f} | {letter[case.id]} |"
            )


def _runs(results: Sequence[Record]) -> Iterator[str]:
    for name, result in zip(string.ascii_uppercase, results, strict=False):
        machine, settings = result["machine"], result["settings"]
        yield (
            f"- **{name}**: {machine['date']}, commit {machine.get('commit', 'unknown')}; {machine['cpu']}, {machine['cores']} cores,"
            f" {machine['memory_gb']} GB, load {machine['load'][0]}; {settings['repeats']} turns of {settings['seconds']:g} s;"
            f" `{result['command']}`."
        )
        yield f"  {_versions(result['records'])}."


def _versions(records: Sequence[Record]) -> str:
    found: dict[str, str] = {}
    for record in records:
        for name, version in (record.get("versions") or {}).items():
            found.setdefault(name, version)
    return (
        ", ".join(f"{name} {version}" for name, version in sorted(found.items()))
        or "Versions are not known"
    )


def markdown(results: Sequence[Record]) -> str:
    """Return the tables: runs, figures by section, aims."""
    records = [record for result in results for record in result["records"]]
    letter = {
        record["case"]: name
        for name, result in zip(string.ascii_uppercase, results, strict=False)
        for record in result["records"]
    }
    lines = ["", *_runs(results)]
    left = [case for case in cases() if case.id in letter and case.kind != "start"]
    for heading, begins in SECTIONS:
        here = [case for case in left if case.id.startswith(begins)]
        left = [case for case in left if case not in here]
        if not here:
            continue
        lines += [
            "",
            f"{heading}:",
            "",
            "| work | who | median | range | × lamindb | × best peer | peak private memory | others | run |",
            "|---|---|--:|--:|--:|--:|--:|--:|---|",
        ]
        lines += [line for case in here for line in _rows(case, records, letter)]
    if any(case.kind == "start" and case.id in letter for case in cases()):
        lines += _starts(records, letter)
    lines += ["", "### Aims", ""]
    disturbed = {r["case"] for r in records if r.get("others", 0) > picture.DISTURBED}
    if disturbed:
        lines += [f"Not judged, for others disturbed them: {', '.join(sorted(disturbed))}.", ""]
    judged = [case for case in cases() if case.id in letter and case.id not in disturbed]
    verdicts = report.judge(judged, records)
    lines += report.targets(verdicts)
    return "\n".join(lines) + "\n\n"


def _words(results: Sequence[Record]) -> str:
    """What the picture says of the runs."""
    found = []
    for result in results:
        machine = result["machine"]
        found.append(
            f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, commit {machine.get('commit', '?')[:9]}"
        )
    versions: dict[str, str] = {}
    for record in (record for result in results for record in result["records"]):
        versions |= record.get("versions") or {}
    peers = ("lamindb-core", "scDataset", "annbatch", "anndata", "zarr", "torch")
    known = ", ".join(f"{name} {versions[name]}" for name in peers if name in versions)
    return "; ".join(dict.fromkeys(found)) + ".\n" + known


def publish(folders: Sequence[Path], docs: Path) -> list[Path]:
    """Merge results into ``benchmark.json``; write the tables and the pictures.

    Parameters
    ----------
    folders
        Results of the benchmark, older ones first.
    docs
        The folder of the documentation.

    Returns
    -------
    list of Path
        What was written.
    """
    data, page = docs / "_static" / "benchmark.json", docs / "performance.md"
    known = json.loads(data.read_text()) if data.exists() else []
    new = [slim(json.loads((folder / "benchmark.json").read_text())) for folder in folders]
    results = merged(known, new)
    data.write_text(json.dumps(results, indent=1) + "\n")
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{page} has no markers: {BEGIN} … {END}")
    page.write_text(before + BEGIN + "\n" + markdown(results) + END + after)
    records = [record for result in results for record in result["records"]]
    return [data, page, *picture.draw(records, _words(_shown(results)), docs / "_static")]


def _shown(results: Sequence[Record]) -> list[Record]:
    """The results that the picture shows something of."""
    records = [record for result in results for record in result["records"]]
    drawn = {panel.case for panel in picture.PANELS if picture.bars(panel, records)}
    mine = [{**r, "records": [x for x in r["records"] if x["case"] in drawn]} for r in results]
    return [result for result in mine if result["records"]]


if __name__ == "__main__":
    for written in publish([Path(folder) for folder in sys.argv[1:]], ROOT / "docs"):
        print(written)
