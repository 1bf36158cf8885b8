"""Say no where the engine's tests leave more than a few of its branches out.

Reads the data that ``pytest --cov`` left.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from coverage import Coverage

LEAST = 95.0  # per cent of lines and branches together
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("recipe", "formats", "gather", "stores", "collection")


def engine() -> list[str]:
    """Patterns of the engine's files."""
    return [f"*/mappedviz/{package}/*" for package in PACKAGES]


def main() -> int:
    """Print the engine's coverage; 1 if it is below the bound."""
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    percent = coverage.report(include=engine(), file=io.StringIO())
    print(f"branch coverage of the engine: {percent:.1f} % (at least {LEAST:.0f} %)")
    return 0 if percent >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
