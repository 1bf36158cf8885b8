"""The bars of the Explorer: prints a table; asserts nothing.

Run it with ``python -m tests.benchmarks.explorer``; it needs Chromium (``scripts/chromium.sh``). Rows "in Lab"
are from a click or a changed trait to what it changes on the page of a real JupyterLab; the others ask Python
for what it would send. ``--only python`` or ``--only browser`` measures a part. "Before" is what the Explorer
of stock ipywidgets needed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.browser.many import write_stores

ROOT = Path(__file__).resolve().parents[2]
FEW = str(ROOT / "notebooks" / "data")


class Measured(NamedTuple):
    """One figure: what it is of, what it may be, what it is, and details."""

    what: str
    bar: str
    value: float
    unit: str = "ms"
    limit: float | None = None
    note: str = ""
    before: str = ""

    def row(self) -> str:
        """Return a row of the table."""
        amount = f"{self.value:,.0f} {self.unit}".strip()
        if self.unit == "s":
            amount = f"{self.value:.2f} s"
        if self.unit == "kB":
            amount = f"{self.value:,.1f} kB"
        met = "" if self.limit is None else ("yes" if self.value <= self.limit else "**no**")
        details = f" ({self.note})" if self.note else ""
        return f"| {self.what} | {self.bar} | {amount}{details} | {met} | {self.before or '–'} |"


HEAD = "| what | bar | measured | met | before |\n|---|---|---|---|---|"


def collections(place: Path) -> dict[int, str]:
    """Collections of 5, 60 and 1,000 stores, by their number."""
    found = {5: FEW}
    for n in (60, 1000):
        folder = place / f"stores-{n}"
        if not folder.is_dir():
            folder.mkdir(parents=True)
            write_stores(folder, n)
        found[n] = str(folder)
    return found


def in_a_process(part: str, place: Path) -> Iterable[Measured]:
    """What a part measures in a process of its own."""
    command = [sys.executable, "-m", f"tests.benchmarks.{part}", str(place)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env)
    if run.returncode:
        raise RuntimeError(run.stderr[-4000:])
    return [Measured(*one) for one in json.loads(run.stdout.splitlines()[-1])]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="where the stores lie, and are written if not")
    parser.add_argument("--only", choices=("python", "browser"), help="measure a part only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = options.data or Path(temporary)
        collections(place)
        print(HEAD, flush=True)
        for part in ("python", "browser"):
            if options.only in (None, part):
                for one in in_a_process(f"explorer_{part}", place):
                    print(one.row(), flush=True)
        print(
            f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors."
        )


if __name__ == "__main__":
    main()
