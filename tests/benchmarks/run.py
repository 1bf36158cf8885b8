"""Run the benchmark: peers and ours in turn, each in a process of its own, one table at the end.

::

    tests/benchmarks/make_peer_envs.sh ENVS                    # once; needs a package index
    python tests/benchmarks/run.py --data DIR --envs ENVS      # the headlines, half an hour
    python tests/benchmarks/run.py --data DIR --envs ENVS --all
    python tests/benchmarks/run.py --data DIR --only random-plain,block-*
    python tests/benchmarks/run.py --data DIR --before CHECKOUT --peers mappedviz  # before and after
    python tests/benchmarks/run.py generate --data DIR         # only make the files (7 GB)
    python tests/benchmarks/run.py --smoke                     # a minute: does everything run?

Figures are cells a second, medians over the repeats. The page cache is warm: every file is read
once before each measurement. Quote ratios of one run, not figures of two: machines drift.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import fnmatch
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.benchmarks import generate, report
from tests.benchmarks.cases import OURS, Case, Contender, cases
from tests.benchmarks.peers import PEERS, Peer, ask, others_for

Record = dict[str, Any]
BEFORE = "before"


def say(text: str) -> None:
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


@dataclasses.dataclass
class Plan:
    """Everything that the command line decides."""

    data: Path
    envs: Path | None
    shape: generate.Shape
    repeats: int
    seconds: float
    only: tuple[str, ...]
    peers: tuple[str, ...]
    small_stores: int
    label_rows: int
    block: int
    buffer: int
    quiet: float | None = None
    touch: float = 0.0
    before: Path | None = None
    every: bool = True
    who: tuple[str, ...] = ()

    @property
    def warm(self) -> generate.Shape:
        """The collection of the warm-up."""
        return generate.PRESETS["tiny"]

    def wants(self, case: Case) -> bool:
        """Whether ``--only`` names the case, or all are wanted, or it is one of the headlines."""
        if self.only:
            return any(fnmatch.fnmatch(case.id, one) for one in self.only)
        return self.every or case.headline

    def contenders(self, case: Case) -> list[Contender]:
        """Those of the case that ``--peers`` and ``--who`` name, and ours of before beside ours."""
        found = []
        for one in case.contenders:
            if self.peers and one.peer not in self.peers:
                continue
            if self.who and not any(fnmatch.fnmatch(one.name, name) for name in self.who):
                continue
            found.append(one)
            if self.before is not None and one.peer == OURS:
                label = f"{one.name}, before"
                found.append(dataclasses.replace(one, peer=BEFORE, label=label))
        return found

    def peer(self, contender: Contender) -> Peer:
        """Who is asked."""
        if contender.peer == BEFORE:
            return dataclasses.replace(PEERS[OURS], checkout=self.before)
        return PEERS[contender.peer]


def _annbatch_copy(plan: Plan, shape: generate.Shape) -> list[str]:
    """annbatch's own copy of the collection, made by its own tool where it is missing."""
    target = plan.data / shape.key / "annbatch.zarr"
    if not target.exists():
        say(f"making {target}")
        job = {
            "id": "convert",
            "kind": "convert",
            "paths": generate.collection(plan.data, shape, "plain", say),
            "target": str(target),
            "rows": shape.stores * shape.cells,
            "options": {},
        }
        [result] = ask(PEERS["annbatch"], [job], plan.envs, timeout=3_600)["results"]
        if "error" in result:
            say(f"annbatch's copy failed: {result['error']}")
    return [str(target)]


def _paths(plan: Plan, case: Case, contender: Contender, shape: generate.Shape) -> list[str]:
    if contender.job.get("data") == "annbatch":
        return _annbatch_copy(plan, shape)
    return generate.collection(plan.data, shape, case.format, say)


def make_job(plan: Plan, case: Case, contender: Contender) -> Record:
    """The job that the adapter gets."""
    shape, warm = plan.shape, plan.warm
    job: Record = {
        "id": f"{case.id}:{contender.name}",
        "kind": case.kind,
        "label": generate.LABEL,
        "join": "inner",
        "order": "random",
        "output": "dense",
        "batch": 128,
        "block": plan.block,
        "buffer": plan.buffer,
        "seed": 0,
        "seconds": plan.seconds,
        "limit": max(60.0, 10 * plan.seconds),
        "touch": int(plan.touch * 1e9),
        **case.job,
        **contender.job,
        "options": contender.options,
    }
    job["seconds"] *= job.pop("longer", 1)
    if case.data == "many":
        job["paths"] = generate.many_small(plan.data, plan.small_stores, case.format, say)
        job["rows"] = 100 * plan.small_stores
    elif case.data == "labels":
        job["paths"] = generate.long_labels(plan.data, plan.label_rows, say=say)
        job["rows"] = plan.label_rows
    else:
        job["paths"] = _paths(plan, case, contender, shape)
        job["rows"] = shape.stores * shape.cells
    job["warm_paths"] = _paths(plan, case, contender, warm)
    job["warm_rows"] = warm.stores * warm.cells
    job["warm_nnz"] = warm.nnz * warm.shared / warm.genes
    if job.get("unjoined"):
        job["warm_columns"], job["warm_nnz"] = warm.genes, warm.nnz
    elif job["join"] == "outer":
        job["warm_columns"], job["warm_nnz"] = warm.union, warm.nnz
    else:
        job["warm_columns"] = warm.shared
    return job


def _warm_page_cache(paths: Iterable[str]) -> None:
    buffer = bytearray(2**24)
    for path in paths:
        root = Path(path)
        for file in (f for f in root.rglob("*") if f.is_file()) if root.is_dir() else (root,):
            with file.open("rb", buffering=0) as stream:
                while stream.readinto(buffer):
                    pass


def _measure(plan: Plan, contender: Contender, job: Record) -> Record:
    """One measurement; with ``--quiet`` made again while others disturb it, five times at most."""
    if plan.quiet is None:
        _warm_page_cache(job["paths"])
        return ask(plan.peer(contender), [job], plan.envs)
    best: Record = {}
    for _ in range(5):
        for _ in range(60):
            if others_for(2.0) <= plan.quiet:
                break
        _warm_page_cache(job["paths"])
        answer = ask(plan.peer(contender), [job], plan.envs)
        [result] = answer["results"]
        if "error" in result:
            return answer
        if not best or result["others"] < best["results"][0]["others"]:
            best = answer
        if result["others"] <= plan.quiet:
            break
        say(f"    disturbed: others use {result['others']:.1f} processors")
    return best


def run_case(plan: Plan, case: Case) -> list[Record]:
    """All contenders in turn, as many times as wanted; one record each."""
    jobs = {c.name: make_job(plan, case, c) for c in plan.contenders(case)}
    records: dict[str, Record] = {
        c.name: {"case": case.id, "contender": c.name, "peer": c.peer, "runs": []}
        for c in plan.contenders(case)
    }
    for turn in range(plan.repeats):
        for contender in plan.contenders(case):
            record = records[contender.name]
            if "error" in record:
                continue  # it would fail again
            answer = _measure(plan, contender, jobs[contender.name])
            [result] = answer["results"]
            record["versions"] = answer["versions"]
            if "error" in result:
                record["error"] = result["error"]
                record["trace"] = result.get("trace", "")
            else:
                record["runs"].append(result)
            say(
                f"{turn + 1}/{plan.repeats} {case.id:24} {contender.name:30} {report.brief(result)}"
            )
    return [report.summarise(record) for record in records.values()]


def machine() -> Record:
    """What the figures were taken on."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else ():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.platform(),
        "cpu": model or platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gb": round(memory / 1e9, 1),
        "load": [round(x, 2) for x in os.getloadavg()],
        "python": platform.python_version(),
        "commit": _commit(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
    }


def _commit() -> str:
    """The commit that is measured, with a + where files were changed since."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.check_output([*git, "rev-parse", "--short=9", "HEAD"], text=True)
        changed = subprocess.check_output([*git, "status", "--porcelain"], text=True)
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return "unknown"
    return head.strip() + ("+" if changed.strip() else "")


def smoke(folder: Path) -> int:
    """Every case of ours on a tiny collection in one process; returns the number that failed."""
    plan = Plan(
        data=folder,
        envs=None,
        shape=generate.PRESETS["tiny"],
        repeats=1,
        seconds=0.05,
        only=(),
        peers=(OURS, "limit"),
        small_stores=6,
        label_rows=4_000,
        block=16,
        buffer=128,
    )
    failed = 0
    for peer in plan.peers:
        jobs = [
            {**make_job(plan, case, contender), "limit": 60.0}
            for case in cases()
            for contender in case.contenders
            if contender.peer == peer
        ]
        answer = ask(PEERS[peer], jobs, None, timeout=800)
        for result in answer["results"]:
            failed += "error" in result
            print(
                f"{'FAIL' if 'error' in result else 'ok':4} {result['id']}: {report.brief(result)}"
            )
            if "error" in result:
                print("     " + "\n     ".join(result.get("trace", "").splitlines()[-6:]))
    return failed


def _write(
    plan: Plan, chosen: Sequence[Case], records: list[Record], about: Record, out: Path | None
) -> str:
    """The report of what has been measured; after each case, so that a run may be stopped."""
    done = [case for case in chosen if any(record["case"] == case.id for record in records)]
    formats = sorted({c.format for c in done if c.data == "main"}, key=generate.FORMATS.index)
    result = {
        **about,
        "shape": dataclasses.asdict(plan.shape),
        "collection": generate.write_facts(plan.data, plan.shape, formats),
        "settings": {"repeats": plan.repeats, "seconds": plan.seconds, "block": plan.block}
        | {"buffer": plan.buffer, "touch": plan.touch},
        "records": records,
        "targets": report.judge(done, records),
    }
    text = report.markdown(done, result)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "benchmark.json").write_text(json.dumps(result, indent=1) + "\n")
        (out / "benchmark.md").write_text(text)
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("action", nargs="?", choices=("run", "generate", "list"), default="run")
    add("--data", type=Path, help="folder of the collections, kept between runs")
    add("--envs", type=Path, help="folder that make_peer_envs.sh filled; without it only ours runs")
    add("--preset", choices=tuple(generate.PRESETS), default="full")
    add("--cells", type=int, help="cells of each store, instead of the preset's")
    add("--only", default="", help="cases, comma separated, * allowed; `list` lists them")
    add("--all", action="store_true", help="every case, about two hours, not the headlines alone")
    add("--peers", default="", help="contenders, comma separated (default: all there are)")
    add("--who", action="append", default=[], help="one contender, * allowed; may be repeated")
    add("--formats", default="", help="generate: which formats (default: all)")
    add("--repeats", type=int, default=3)
    add("--seconds", type=float, default=3.0, help="length of one measurement")
    add("--block", type=int, default=64, help="rows of a block of the peers' block shuffles")
    add("--buffer", type=int, default=16_384, help="rows of all shuffle buffers")
    add(
        "--before",
        type=Path,
        metavar="CHECKOUT",
        help="another checkout of mappedviz, with its .venv: it takes turns with this one",
    )
    add(
        "--quiet",
        type=float,
        metavar="X",
        help="wait until others use at most X processors, and repeat what they disturb",
    )
    add(
        "--touch",
        type=float,
        default=0.0,
        metavar="GB",
        help="memory used and freed just before each clock starts: for virtual machines whose host"
        " takes free memory away",
    )
    add("--out", type=Path, help="write DIR/benchmark.json and DIR/benchmark.md")
    add("--smoke", action="store_true", help="tiny, ours only: does every case run?")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.action == "list":
        for case in cases():
            print(f"{case.id:24} {case.title}: {'; '.join(c.name for c in case.contenders)}")
        return 0
    if args.smoke:
        if args.data:
            return int(smoke(args.data) > 0)
        with tempfile.TemporaryDirectory() as folder:
            return int(smoke(Path(folder)) > 0)
    if args.data is None:
        parser.error("--data DIR is needed: where the collections are made and kept")
    shape = generate.PRESETS[args.preset]
    if args.cells:
        shape = dataclasses.replace(shape, cells=args.cells)
    small = args.preset != "full" or shape.cells < 10_000
    if args.action == "generate":
        formats = args.formats.split(",") if args.formats else generate.FORMATS
        for format in formats:
            generate.collection(args.data, shape, format, say)
        print(json.dumps(generate.write_facts(args.data, shape, formats), indent=1))
        return 0
    plan = Plan(
        data=args.data,
        envs=args.envs,
        shape=shape,
        repeats=args.repeats,
        seconds=args.seconds,
        only=tuple(args.only.split(",")) if args.only else (),
        peers=tuple(args.peers.split(",")) if args.peers else (),
        small_stores=20 if small else 200,
        label_rows=100_000 if small else 2_000_000,
        block=args.block,
        buffer=args.buffer,
        quiet=args.quiet,
        touch=args.touch,
        before=args.before,
        every=args.all,
        who=tuple(args.who),
    )
    found = machine()
    if found["load"][0] > 0.5:
        say(f"warning: the machine is not quiet (load {found['load'][0]}): quote ratios only")
    records: list[Record] = []
    chosen = [case for case in cases() if plan.wants(case)]
    if not chosen:
        parser.error(f"--only {args.only}: no such case; `list` lists them")
    command = "python -m tests.benchmarks " + shlex.join(argv or sys.argv[1:])
    text = ""
    for case in chosen:
        records += run_case(plan, case)
        text = _write(plan, chosen, records, {"machine": found, "command": command}, args.out)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
