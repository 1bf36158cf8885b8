"""Damage stores at random and see what reading them does.

::

    python scripts/fuzz.py --n 2000 --seed 0

Each mutant is a small store in one of many dialects, or a demo store, of which one file was changed:
bits flipped, a block zeroed, cut off, overwritten with random bytes, or with bytes inserted. It is read
in a child process with a deadline: its facts, names, columns, matrices, a collection of it, and an audit.

Nothing may end the child or take much memory, and each exception has to be ours and name the store. A
store over which HDF5 spins for ever is given up at the deadline, and counted. So are values that differ
without an error, by what they are in: formats without checksums let them through. Exits with 1 if anything
else happened.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from mappedviz.errors import MappedvizError, StoreError  # noqa: E402
from mappedviz.stores.deadline import Child, serve  # noqa: E402

DIALECTS = [
    "h5ad",
    "h5ad-0.5",
    "h5ad-0.7",
    "h5ad-gzip",
    "h5ad-gzip-shuffle",
    "h5ad-lzf",
    "h5ad-fletcher32",
    "h5ad-chunked",
    "h5ad-libver-latest",
    "h5ad-userblock",
    "h5ad-csc",
    "h5ad-dense",
    "h5ad-dense-gzip",
    "zarr-v2",
    "zarr-v3",
    "zarr-v3-sharded",
    "zarr-unconsolidated",
    "zarr-0.7",
    "zarr-blosc",
    "zarr-gzip",
    "zarr-lz4",
    "zarr-v3-blosc",
    "zarr-v3-crc32c",
    "zarr-v3-uncompressed",
    "zarr-dense",
    "zarr-zip",
    "zarr-zip-v2-deflated",
]
DEMO = "notebooks/data"
#: Members of these have a CRC-32; what has none is the directory of the archive.
CHECKED = ("zarr-zip", "zarr-zip-v2-deflated")
#: Rows of each matrix that are read.
_ROWS = 100
#: Memory that a child may take, all in all.
_MOST_BYTES = 2 << 30

SAME, REFUSED, DIFFERS, LATE = "same", "refused", "differs", "given up"
UNNAMED, FOREIGN, LARGE, DIED = "unnamed", "foreign", "large", "died"
#: From the best to the worst.
OUTCOMES = (SAME, REFUSED, DIFFERS, LATE, UNNAMED, FOREIGN, LARGE, DIED)
FORBIDDEN = (UNNAMED, FOREIGN, LARGE, DIED)


# --- mutants ----------------------------------------------------------------------------------
def flip(raw: bytearray, rng: random.Random) -> None:
    """Flip one to eight bits."""
    for _ in range(rng.randint(1, 8)):
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)


def zero(raw: bytearray, rng: random.Random) -> None:
    """Zero a block."""
    at, n = rng.randrange(len(raw)), rng.randint(16, 512)
    raw[at : at + n] = bytes(len(raw[at : at + n]))


def cut(raw: bytearray, rng: random.Random) -> None:
    """Cut the end off."""
    del raw[rng.randrange(len(raw)) :]


def overwrite(raw: bytearray, rng: random.Random) -> None:
    """Put random bytes in the place of others."""
    at, n = rng.randrange(len(raw)), rng.randint(1, 64)
    raw[at : at + n] = rng.randbytes(len(raw[at : at + n]))


def insert(raw: bytearray, rng: random.Random) -> None:
    """Insert random bytes."""
    at = rng.randrange(len(raw) + 1)
    raw[at:at] = rng.randbytes(rng.randint(1, 32))


MUTATIONS: dict[str, Callable[[bytearray, random.Random], None]] = {
    "bits flipped": flip,
    "block zeroed": zero,
    "cut off": cut,
    "overwritten": overwrite,
    "bytes inserted": insert,
}


def files_of(store: Path) -> list[Path]:
    """Return the files of a store that have content."""
    every = sorted(store.rglob("*")) if store.is_dir() else [store]
    return [path for path in every if path.is_file() and path.stat().st_size]


def mutate(original: Path, target: Path, mutation: str, rng: random.Random) -> str:
    """Copy a store and damage one file of it; return the name of that file inside the store."""
    if original.is_dir():
        shutil.copytree(original, target)
    else:
        shutil.copyfile(original, target)
    file = rng.choice(files_of(target))
    raw = bytearray(file.read_bytes())
    MUTATIONS[mutation](raw, rng)
    file.write_bytes(raw)
    return file.relative_to(target).as_posix() if target.is_dir() else target.name


# --- in the child -----------------------------------------------------------------------------
def _digest(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.dtype != object:
        content = np.ascontiguousarray(value).tobytes()
        text = repr((value.dtype, value.shape))
    else:
        content = b""
        text = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    return hashlib.blake2b(content + text.encode("utf-8", "surrogatepass")).hexdigest()


def _readings(path: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Elements of a store, and how each is read."""
    import mappedviz as mv

    store = mv.open_store(path)
    facts = store.facts
    rows = np.arange(min(facts.n_obs, _ROWS))
    matrices = {key: (m.shape, str(m.dtype), m.nnz) for key, m in facts.matrices.items()}
    yield "facts", lambda: (facts.n_obs, facts.n_vars, facts.obs_columns, facts.obsm, matrices)
    yield "var names", lambda: store.var_names
    yield "obs names", lambda: store.obs_names
    for name in facts.obs_columns:
        yield f"obs/{name}", lambda name=name: store.obs_column(name).values()
    for key in facts.matrices:
        yield key, lambda key=key: store.read_rows(key, rows)
    yield "collection", lambda: mv.MappedCollection(path, duplicates="first")[rows]["X"]
    yield "audit", lambda: mv.audit(path, progress=False, workers=0, duplicates="first").fatal


def read(path: str) -> tuple[dict[str, str], list[tuple[str, str]], int]:
    """Return digests by element, errors as pairs of a kind and a text, and the memory taken."""
    found: dict[str, str] = {}
    errors: list[tuple[str, str]] = []
    name = Path(path).name

    def note(element: str, error: Exception) -> None:
        if not isinstance(error, MappedvizError):
            errors.append(
                (FOREIGN, f"{element}: {''.join(traceback.format_exception(error)[-4:])}")
            )
        elif name not in str(error):
            errors.append((UNNAMED, f"{element}: {type(error).__name__}: {error}"))
        else:
            errors.append((REFUSED, f"{element}: {error}"))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for element, reading in _readings(path):
                try:
                    found[element] = _digest(reading())
                except Exception as error:
                    note(element, error)
        except Exception as error:
            note("opening", error)
    return found, errors, _most_memory()


def _most_memory() -> int:
    """Return the most bytes of memory that this process had at one time."""
    # Not ru_maxrss: it counts what the process that started this one had.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if "VmHWM" in line)


def serve_readings() -> None:
    """Read stores for the process that started this one."""
    serve(read)


# --- in the parent ----------------------------------------------------------------------------
@dataclass
class Table:
    """Outcomes by mutation and by dialect, differences by what they are in, and what may not be.

    Attributes
    ----------
    mutations, dialects
        Names -> outcomes -> number.
    differences
        Where values differ without an error -> number.
    failures
        What may not happen: a text each.
    """

    mutations: dict[str, Counter[str]] = field(default_factory=dict)
    dialects: dict[str, Counter[str]] = field(default_factory=dict)
    differences: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, dialect: str, mutation: str, outcome: str) -> None:
        """Count one mutant."""
        self.dialects.setdefault(dialect, Counter())[outcome] += 1
        self.mutations.setdefault(mutation, Counter())[outcome] += 1

    def text(self) -> str:
        """Return the table as Markdown."""
        lines = [f"| | {' | '.join(OUTCOMES)} |", "|---|" + "--:|" * len(OUTCOMES)]
        every = sum(self.mutations.values(), Counter())
        for rows in ({name: self.mutations[name] for name in MUTATIONS if name in self.mutations},
                     self.dialects, {"all": every}):  # fmt: skip
            for name, counts in rows.items():
                lines.append(f"| {name} | {' | '.join(str(counts[o] or '') for o in OUTCOMES)} |")
        lines += ["", "Differences without an error, by what they are in:", ""]
        lines += [f"- {what}: {n}" for what, n in self.differences.most_common()]
        return "\n".join(lines)


class Reader:
    """Reads stores in a child process, which is replaced when a store has ended it."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.child: Child | None = None

    def __call__(self, path: Path) -> tuple[dict[str, str], list[tuple[str, str]], int]:
        """Return what :func:`read` returns, with the child's end as an error."""
        if self.child is None or self.child.ended:
            program = (
                f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]; "
                "import fuzz; fuzz.serve_readings()"
            )
            self.child = Child(program)
        try:
            answer: tuple[dict[str, str], list[tuple[str, str]], int] = self.child.ask(
                str(path), timeout=self.deadline
            )
        except StoreError as error:
            kind = LATE if "did not open within" in str(error) else DIED
            return {}, [(kind, str(error))], 0
        if answer[2] > _MOST_BYTES:
            answer[1].append((LARGE, f"took {answer[2] >> 20} MiB"))
            self.child.end()
        return answer

    def end(self) -> None:
        """End the child."""
        if self.child is not None:
            self.child.end()


def originals(folder: Path, dialects: list[str], *, demo: bool) -> dict[str, Path]:
    """Write a small store per dialect; the demo stores are taken as they are."""
    from mappedviz.testing import coded_anndata
    from tests.stores import STORE_KINDS

    found = {}
    for name in dialects:
        adata = coded_anndata(0, 40, n_vars=30, plain=True)
        found[name] = STORE_KINDS[name](adata, folder / name)
    stores = ROOT / DEMO
    for path in sorted(stores.iterdir()) if demo and stores.is_dir() else ():
        if path.name.endswith((".h5ad", ".zarr", ".zarr.zip")):
            found[f"demo {path.name}"] = path
    return found


def _kind(element: str, dialect: str) -> str:
    """What a difference is in, and why nothing noticed it."""
    kinds = {"facts": "metadata", "var names": "names", "obs names": "names"}
    what = kinds.get(element, "labels" if element.startswith("obs/") else "values")
    zipped = dialect in CHECKED or dialect.endswith(".zip")
    return f"{what} ({'the directory of a zip has' if zipped else 'there is'} no checksum)"


def fuzz(
    n: int,
    seed: int = 0,
    *,
    dialects: list[str] | None = None,
    deadline: float = 30.0,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Table:
    """Read `n` mutants and return what happened.

    Parameters
    ----------
    n, seed
        Number of mutants, and what their damage is drawn from.
    dialects
        Names of dialects; default: :data:`DIALECTS` and the demo stores.
    deadline
        Seconds per mutant.
    keep
        Folder for mutants with which something happened that may not, and for those given up.
    say
        Called with a text now and then.
    """
    table, reader = Table(), Reader(deadline)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores = originals(folder, dialects or DIALECTS, demo=dialects is None)
        good = {}
        for dialect, path in stores.items():
            good[dialect], errors, _ = reader(path)
            if errors:
                raise RuntimeError(f"{dialect} is not read undamaged: {errors[0]}")
        for i in range(n):
            rng = random.Random(f"{seed} {i}")
            dialect, mutation = list(stores)[i % len(stores)], rng.choice(list(MUTATIONS))
            target = folder / f"mutant{i}-{stores[dialect].name}"
            file = mutate(stores[dialect], target, mutation, rng)
            found, errors, _ = reader(target)
            outcome = _judge(table, dialect, good[dialect], found, errors)
            table.add(dialect, mutation, outcome)
            if outcome in FORBIDDEN:
                texts = "\n".join(text for kind, text in errors if kind in FORBIDDEN)
                table.failures.append(f"{dialect}, {mutation}, mutant {i}, {file}: {texts}")
                say(table.failures[-1])
            if keep is not None and outcome in (*FORBIDDEN, LATE):
                keep.mkdir(parents=True, exist_ok=True)
                shutil.move(target, keep / target.name)
            elif target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink()
            if (i + 1) % 100 == 0:
                say(f"{i + 1} of {n}, {len(table.failures)} failures")
    reader.end()
    return table


def _judge(
    table: Table,
    dialect: str,
    good: dict[str, str],
    found: dict[str, str],
    errors: list[tuple[str, str]],
) -> str:
    """Return the outcome of a mutant; differences are counted by what they are in."""
    worst = max((kind for kind, _ in errors), key=OUTCOMES.index, default=SAME)
    if worst in (*FORBIDDEN, LATE):
        return worst
    compared = {element: digest for element, digest in good.items() if element != "audit"}
    differ = {e for e, digest in compared.items() if found.get(e, digest) != digest}
    if not errors:  # else the loss was said
        differ |= compared.keys() - found.keys()
    for what in {_kind(element, dialect) for element in differ}:
        table.differences[what] += 1
    return DIFFERS if differ else worst


def main() -> int:
    """Run as a command."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000, help="number of mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deadline", type=float, default=30.0, help="seconds per mutant")
    parser.add_argument("--dialect", action="append", help="only these; default: all")
    parser.add_argument("--keep", type=Path, help="folder for mutants that do what they may not")
    options = parser.parse_args()
    table = fuzz(
        options.n,
        options.seed,
        dialects=options.dialect,
        deadline=options.deadline,
        keep=options.keep,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )
    print(table.text())
    print(f"\n{len(table.failures)} failures")
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
