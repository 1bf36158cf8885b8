"""From records to one table: medians, ratios, targets met or not."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from .cases import OURS, Case, Target

Record = dict[str, Any]
TIMES = ("spent", "opened", "again", "first", "hundredth")
MEASURES = ("rate", *TIMES, "cpu", "anonymous", "resident", "grown", "others")


def summarise(record: Record) -> Record:
    """Medians of the runs, added to the record."""
    for run in record["runs"]:
        if "base" in run:
            run["grown"] = max(0, run["anonymous"] - run["base"])
    for measure in MEASURES:
        values = [run[measure] for run in record["runs"] if measure in run]
        if values:
            record[measure] = statistics.median(values)
            record[f"{measure}_range"] = [min(values), max(values)]
    return record


def ratio(one: Record, other: Record, measure: str) -> tuple[float, float, float]:
    """Return how many times as good one is as the other: median, least and most over the turns.

    Both ran in each turn, one after the other: a ratio holds where the machine's speed drifts.
    """
    ours, theirs = ([run.get(measure) for run in r.get("runs", ())] for r in (one, other))
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a and b]
    pairs = pairs or [(one[measure], other[measure])]
    each = [a / b if measure == "rate" else b / a for a, b in pairs]
    return statistics.median(each), min(each), max(each)


def number(value: float) -> str:
    """Three significant figures, thousands separated."""
    if value >= 1000:
        digits = max(0, len(str(int(value))) - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def amount(measure: str, value: float) -> str:
    """A value with its unit."""
    if measure == "rate":
        return number(value)
    if measure in TIMES:
        return f"{number(value * 1e3)} ms" if value < 10 else f"{number(value)} s"
    return f"{value / 1e6:,.0f} MB"


def brief(result: Record) -> str:
    """One result in a line."""
    if "error" in result:
        return f"error: {result['error'][:160]}"
    text = f"{number(result['rate'])} cells/s" if "rate" in result else f"{result['spent']:.3f} s"
    text += f", {result.get('anonymous', result.get('ru_maxrss', 0)) / 1e6:,.0f} MB"
    if result.get("others", 0) > 0.2:
        text += f", others use {result['others']:.1f} processors"
    return text


def _value(records: Sequence[Record], case: str, contender: str, measure: str) -> float | None:
    for record in records:
        if record["case"] == case and record["contender"] == contender:
            return record.get(measure)
    return None


def _judge_one(case: Case, target: Target, records: Sequence[Record]) -> Record:
    ours = _value(records, case.id, target.ours, target.measure)
    bound: float | None = target.factor
    names = []
    if target.against:
        found = []
        for reference in target.against:
            other, _, contender = reference.rpartition(":")
            value = _value(records, other or case.id, contender, target.measure)
            names.append(contender + (f" ({other})" if other else ""))
            if value is not None:
                found.append(value)
        best = (max if target.at_least else min)(found) if found else None
        bound = None if best is None else target.factor * best
    known = ours is not None and bound is not None
    return {
        "case": case.id,
        "title": case.title,
        "ours": target.ours,
        "measure": target.measure,
        "factor": target.factor,
        "against": names,
        "value": ours,
        "bound": bound,
        "ratio": ours / bound * target.factor if known and target.against else None,
        "met": (ours >= bound if target.at_least else ours <= bound) if known else None,
    }


def judge(cases: Sequence[Case], records: Sequence[Record]) -> list[Record]:
    """Every target of the cases, with what was reached."""
    return [_judge_one(case, target, records) for case in cases for target in case.targets]


def _target_words(verdict: Record) -> str:
    measure = verdict["measure"]
    sign = "≥" if measure == "rate" else "≤"
    if verdict["case"].startswith("start-"):
        sign = f"{'first' if measure == 'first' else 'tenth'} batch {sign}"
    if verdict["against"]:
        return f"{sign} {verdict['factor']:g} × {' or '.join(verdict['against'])}"
    return f"{sign} {amount(measure, verdict['factor'])}"


def targets(verdicts: Sequence[Record]) -> list[str]:
    """Return the lines of the table of targets."""
    lines = ["| target | of | wanted | reached | ratio | met |", "|---|---|---|--:|--:|---|"]
    for verdict in verdicts:
        value, reached = verdict["value"], verdict["ratio"]
        met = {True: "yes", False: "**no**", None: "–"}[verdict["met"]]
        lines.append(
            f"| {verdict['title']} | {verdict['ours']} | {_target_words(verdict)} |"
            f" {'–' if value is None else amount(verdict['measure'], value)} |"
            f" {'' if reached is None else f'{reached:.3g}'} | {met} |"
        )
    return lines


def markdown(cases: Sequence[Case], result: Record) -> str:
    """The report: the machine, the table of figures, the table of targets."""
    records, machine, shape = result["records"], result["machine"], result["shape"]
    lines = [
        (
            f"{machine['date']}; {machine['cpu']}, {machine['cores']} cores,"
            f" {machine['memory_gb']} GB, load {machine['load'][0]}; Python {machine['python']};"
            f" {shape['stores']} stores × {shape['cells']:,} cells × {shape['genes']:,} genes."
        ),
        "",
        f"Command: `{result['command']}`",
        "",
        (
            "Cells a second (times and memory where named), medians; × lamindb and × the best peer in"
            " the same run. Others: processors that the rest of the machine kept busy meanwhile (median);"
            " figures with more than 0.2 are too low."
        ),
        "",
        "| work | who | median | range | × lamindb | × best peer | peak private memory | others |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for case in cases:
        mine = [r for r in records if r["case"] == case.id]
        measure = "rate" if any("rate" in r for r in mine) else "spent"
        lamindb = _value(mine, case.id, "lamindb", measure)
        others = [r[measure] for r in mine if r["peer"] not in (OURS, "limit") and measure in r]
        best = (max if measure == "rate" else min)(others) if others else None
        for k, record in enumerate(mine):
            title = case.title if k == 0 else ""
            if measure not in record:
                why = record.get("error", "not measured").replace("|", "/")[:80]
                lines.append(f"| {title} | {record['contender']} | – {why} | | | | | |")
                continue
            value = record[measure]
            low, high = record[f"{measure}_range"]

            def times(other: float | None, value: float = value, measure: str = measure) -> str:
                if other is None:
                    return ""
                return f"{(value / other if measure == 'rate' else other / value):.3g}"

            bold = "**" if record["peer"] == OURS else ""
            lines.append(
                f"| {title} | {record['contender']} | {bold}{amount(measure, value)}{bold} |"
                f" {amount(measure, low)}–{amount(measure, high)} | {times(lamindb)} |"
                f" {times(best)} | {amount('anonymous', record.get('anonymous', 0))} |"
                f" {record.get('others', 0):.1f} |"
            )
    lines += ["", *targets(result["targets"])]
    versions: dict[str, dict[str, str]] = {}
    for record in records:
        if record.get("versions"):
            versions[record["peer"]] = record["versions"]
    lines += ["", "Versions:"]
    for peer, known in versions.items():
        lines.append(f"- {peer}: " + ", ".join(f"{k} {v}" for k, v in known.items()))
    lines += ["", "Files:"]
    for format, fact in result["collection"].items():
        lines.append(
            f"- {format}: {fact['rows']:,} rows, {fact['nnz_mean']:g} non-zeros a row (5–95 %:"
            f" {fact['nnz_5_95'][0]}–{fact['nnz_5_95'][1]}), {fact['gigabytes']} GB,"
            f" {fact['rows_per_chunk']} rows a chunk"
        )
    return "\n".join(lines) + "\n"
