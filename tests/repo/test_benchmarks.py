"""The benchmark runs, its files are what it says they are, and its verdicts follow its figures.

Nothing here measures: that is ``python -m tests.benchmarks``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from tests.benchmarks import generate, picture, publish, report
from tests.benchmarks.cases import Case, Contender, Target, cases

ROOT = Path(__file__).resolve().parents[2]
TINY = generate.PRESETS["tiny"]


@pytest.mark.slow
def test_every_case_of_ours_runs() -> None:
    """`--smoke`: each case on a tiny collection, batches checked for shape, density and labels."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "benchmarks" / "run.py"), "--smoke"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]


@pytest.mark.parametrize("format", generate.FORMATS)
def test_formats_hold_the_same_store(format: str, tmp_path: Path) -> None:
    """Every format is the same store again, and is not made twice."""
    [first, *_] = generate.collection(tmp_path, TINY, format)
    stamp = Path(first).stat().st_mtime_ns
    read = ad.read_h5ad(first) if first.endswith(".h5ad") else ad.read_zarr(first)
    made = generate.make_store(TINY, 0)
    assert np.array_equal(read.X.toarray(), made.X.toarray())
    assert list(read.var_names) == list(made.var_names)
    assert list(read.obs[generate.LABEL]) == list(made.obs[generate.LABEL])
    assert generate.collection(tmp_path, TINY, format)[0] == first
    assert Path(first).stat().st_mtime_ns == stamp


def test_collection_is_as_described() -> None:
    """Genes shared, density, types and skew are those of the shape."""
    shape = generate.Shape(stores=3, cells=400, genes=1_000, shared=900, nnz=77, classes=6)
    names = [set(generate.gene_names(shape, i)) for i in range(3)]
    assert len(set.intersection(*names)) == shape.shared
    assert len(set.union(*names)) == shape.union
    x = generate.counts(shape, 1)
    assert x.dtype == np.float32
    assert x.indices.dtype == np.int32
    assert x.has_canonical_format
    assert x.nnz / shape.cells == pytest.approx(shape.nnz, rel=0.1)
    assert np.all(x.data >= 1)
    assert np.array_equal(x.data, np.floor(x.data))
    sizes = generate.observations(shape, 1)[generate.LABEL].value_counts()
    assert sizes.max() > 5 * sizes.min()


def record(case: str, contender: str, **values: float) -> dict[str, object]:
    """A record of one measurement."""
    peer = "mappedviz" if contender.startswith("mappedviz") else contender
    run = {"rate": 1.0, **values}
    return report.summarise({"case": case, "contender": contender, "peer": peer, "runs": [run]})


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(2, ("lamindb",)), True),
        (Target(2, ("lamindb", "scdataset")), False),  # the best of several counts
        (Target(0.5, ("other:scdataset",)), True),
        (Target(1, ("absent",)), None),
        (Target(100), True),
        (Target(101), False),
        (Target(1, ("lamindb",), measure="spent"), False),
        (Target(3, measure="spent"), True),
        (Target(1, ours="mappedviz, two"), None),
    ],
)
def test_verdicts(target: Target, met: bool | None) -> None:
    """A rate must reach its bound, a time must stay under it; what was not measured is unknown."""
    records = [
        record("a", "mappedviz", rate=100.0, spent=3.0),
        record("a", "lamindb", rate=40.0, spent=2.0),
        record("a", "scdataset", rate=60.0, spent=9.0),
        record("other", "scdataset", rate=200.0),
    ]
    case = Case("a", "work", "batches", "plain", (Contender("mappedviz"),), (target,))
    [verdict] = report.judge([case], records)
    assert verdict["met"] is met


def test_targets_name_contenders_that_exist() -> None:
    """A target that names nobody would be reported as not measured for ever."""
    every = {case.id: {c.name for c in case.contenders} for case in cases()}
    for case in cases():
        for target in case.targets:
            assert target.ours in every[case.id], case.id
            for reference in target.against:
                other, _, name = reference.rpartition(":")
                assert name in every[other or case.id], (case.id, reference)
        assert len({c.name for c in case.contenders}) == len(case.contenders), case.id


def result(*records: dict[str, object], **more: object) -> dict[str, object]:
    """What one run of the benchmark writes."""
    machine = {"date": "2026-01-01", "cpu": "a", "cores": 2, "memory_gb": 8, "load": [0.0]}
    settings = {"repeats": 2, "seconds": 3.0}
    return {"machine": machine, "command": "b", "settings": settings, "records": [*records], **more}


def test_ratios_are_those_of_turns() -> None:
    """A machine that is half as fast in the second turn leaves the ratio as it is."""
    one, other = ({"runs": [{"rate": r} for r in rates]} for rates in ((40, 20), (10, 5)))
    assert report.ratio(one, other, "rate") == (4, 4, 4)
    slow, quick = ({"runs": [{"spent": s} for s in times]} for times in ((2, 6), (1, 2)))
    assert report.ratio(quick, slow, "spent") == (2.5, 2, 3)
    assert report.ratio({"rate": 6}, {"rate": 3, "runs": []}, "rate") == (2, 2, 2)


def test_what_was_measured_again_replaces_what_is_known() -> None:
    """The other cases stay those of the run that measured them."""
    old = result(record("a", "lamindb", rate=1.0), record("b", "lamindb", rate=2.0))
    new = result(record("b", "lamindb", rate=3.0))
    found = publish.merged([old], [new])
    assert [[r["case"] for r in one["records"]] for one in found] == [["a"], ["b"]]
    assert found[1]["records"][0]["rate"] == 3.0
    assert publish.merged(found, [old]) == [old]


def test_the_page_has_what_the_data_say(tmp_path: Path) -> None:
    """Tables and pictures are made of the data that are kept; nobody writes figures by hand."""
    (tmp_path / "_static").mkdir()
    for name in ("performance.md", "_static/benchmark.json"):
        (tmp_path / name).write_bytes((ROOT / "docs" / name).read_bytes())
    written = publish.publish([], tmp_path)
    assert [path.name for path in written[2:]] == ["bench-light.png", "bench-dark.png"]
    for name in ("performance.md", "_static/benchmark.json"):
        assert (tmp_path / name).read_text() == (ROOT / "docs" / name).read_text(), name


def test_pictures_name_cases_and_contenders_that_exist() -> None:
    """A panel of nothing would be left out without a word."""
    every = {case.id: {c.name for c in case.contenders} for case in cases()}
    for panel in picture.PANELS:
        names = every[panel.case]
        assert {name for name, _ in panel.ours} <= names
        assert not panel.limit or panel.limit in names
        assert {*panel.against, *panel.against.values()} <= names
        assert any(name.startswith(begin.strip("=")) for name in names for _, begin in panel.peers)


def test_what_was_disturbed_is_not_drawn() -> None:
    """Its ratios stay in the tables, beside how many processors others kept busy."""
    panel = picture.PANELS[0]
    names = (panel.ours[0][0], "lamindb")
    for others, n in ((0.1, 2), (1.7, 0)):
        records = [record(panel.case, name, rate=1.0, others=others) for name in names]
        assert len(picture.bars(panel, records)) == n
