"""Render conda/recipe.yaml as rattler-build does, and compare what it requires with pyproject.toml.

Run by scripts/repository.sh in its environment: conda itself is not needed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from rattler_build import Stage0Recipe, VariantConfig

ROOT = Path(__file__).resolve().parent.parent
#: What conda calls otherwise.
NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def requirements(lines: list[str]) -> set[str]:
    """Requirements as conda writes them, sorted out of PyPI's."""
    found = set()
    for line in lines:
        name, bounds = re.fullmatch(r"([\w.-]+)(.*)", line.replace(" ", "")).groups()
        found.add(f"{NAMES.get(name, name)} {bounds}".strip())
    return found


def main() -> None:
    """Say what differs."""
    recipe = Stage0Recipe.from_file(str(ROOT / "conda" / "recipe.yaml"))
    platform = {"c_stdlib": ["sysroot"], "c_stdlib_version": ["2.17"], "python": ["3.11"]}
    rendered = recipe.render(VariantConfig(platform))
    assert len(rendered) >= 2, rendered
    core, whole = recipe.to_dict()["outputs"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    optional = requirements([*extras["torch"], *extras["viz"]])
    wanted = {
        "mappedviz-core": requirements(project["dependencies"]) - optional
        | {f"python {project['requires-python']}"},
        "mappedviz": optional,
    }
    for output in (core, whole):
        name = output["package"]["name"]
        said = {one for one in output["requirements"]["run"] if "pin_subpackage" not in one}
        if said != wanted[name]:
            sys.exit(
                f"conda/recipe.yaml: {name} requires {sorted(said ^ wanted[name])} on one side only"
            )


if __name__ == "__main__":
    main()
