"""Say no where the engine's tests leave more than a few of its branches out.

Reads the data that ``pytest --cov`` left. The engine is what the import contract "engine" in
pyproject.toml lists.
"""

from __future__ import annotations

import io
import sys
import tomllib
from pathlib import Path

from coverage import Coverage

LEAST = 95.0  # per cent of lines and branches together
ROOT = Path(__file__).resolve().parent.parent


def engine() -> list[str]:
    """Patterns of the engine's files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (contract,) = [contract for contract in contracts if contract["id"] == "engine"]
    return [f"*/{name.replace('.', '/')}.py" for name in contract["source_modules"]]


def main() -> int:
    """Print the engine's coverage; 1 if it is below the bound."""
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    percent = coverage.report(include=engine(), file=io.StringIO())
    print(f"branch coverage of the engine: {percent:.1f} % (at least {LEAST:.0f} %)")
    return 0 if percent >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
