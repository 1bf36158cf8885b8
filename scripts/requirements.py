"""Print what mappedviz and its extras require, without some of it.

::

    python scripts/requirements.py --extras test --without torch mypy

For an environment that goes without a package that cannot be had there, as pip has no such option.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def name_of(requirement: str) -> str:
    """Return the normalised name of the package that a requirement is about."""
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def requirements(extras: list[str], without: list[str]) -> list[str]:
    """Return the requirements of the package and of some extras, without those named."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = list(project["dependencies"])
    for extra in extras:
        every += project["optional-dependencies"][extra]
    unknown = {name_of(one) for one in without} - {name_of(one) for one in every}
    if unknown:
        raise SystemExit(f"nothing here requires {', '.join(sorted(unknown))}")
    return [one for one in every if name_of(one) not in {name_of(name) for name in without}]


def main() -> None:
    """Run as a command."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extras", default="", help="comma separated")
    parser.add_argument("--without", nargs="*", default=[], help="names of packages")
    asked = parser.parse_args()
    print("\n".join(requirements([e for e in asked.extras.split(",") if e], asked.without)))


if __name__ == "__main__":
    main()
