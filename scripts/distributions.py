"""Make the two distributions that are released: ``mappedviz-core`` and ``mappedviz``.

::

    python scripts/distributions.py dist                       # a wheel and an sdist of each
    python scripts/distributions.py --sources build/released   # what these are built from: core/ and whole/

pip has no extras that are there unless they are declined (PEP 771 is a draft), so that a package which is
whole by default and can be had light is two: *core* has all modules, and the torch, pictures and
widgets that it can do without are its extras; the other one has no modules and requires core with all
of them. Both come from the one pyproject.toml, and a clone or an editable installation is one
distribution, ``mappedviz``, with everything in it.
"""

from __future__ import annotations

import argparse
import email
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_VERSION = re.compile(r"(?ms)^\[tool\.hatch\.version\]\n.*?\n\n")
#: Extras of what is optional at run time; ``all`` is these.
OPTIONAL = ("torch", "viz")
#: Extras for working on the package, which its users have no use for.
DEVELOPING = {"bench", "docs", "test"}


def name_of(requirement: str) -> str:
    """Return the name of the package that a requirement is about."""
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return found[0].lower()


def core_pyproject(text: str, version: str) -> str:
    """Return the pyproject.toml of core: another name, and no requirement that an extra has."""
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    optional = {name_of(one) for extra in OPTIONAL for one in extras[extra]}
    begin = text.index("\ndependencies = [")
    end = text.index("\n]", begin)
    kept = [
        line
        for line in text[begin:end].splitlines()
        if not (line.strip().startswith('"') and name_of(line.strip()[1:]) in optional)
    ]
    text = text[:begin] + "\n".join(kept) + text[end:]
    text = text.replace('\nname = "mappedviz"\n', '\nname = "mappedviz-core"\n', 1)
    return _with_version(text, version).replace('"mappedviz[', '"mappedviz-core[')


def whole_pyproject(text: str, version: str) -> str:
    """Return the pyproject.toml of the distribution without modules, which requires core with all."""
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    parts = [
        _with_version(text, version).partition("\ndependencies = [")[0],
        f'dependencies = ["mappedviz-core[all]=={version}"]\n',
        "[project.optional-dependencies]",
        *(
            f'{extra} = ["mappedviz-core[{extra}]=={version}"]'
            for extra in extras
            if extra not in DEVELOPING
        ),
        "",
        # Also here, so that `uvx mappedviz` and `pipx install mappedviz` find it.
        *(found[0] for found in re.finditer(r"(?ms)^\[project\.(scripts|urls)\]\n.*?\n\n", text)),
        "[tool.hatch.build.targets.wheel]\nbypass-selection = true\n",
        '[tool.hatch.build.targets.sdist]\nonly-include = ["README.md", "LICENSE"]\n',
    ]
    return "\n".join(parts)


def readme_of_release(text: str, urls: dict[str, str]) -> str:
    """Return README.md with full addresses: PyPI shows it without the repository around it."""

    def full(found: re.Match[str]) -> str:
        before, path, after = found.groups()
        if path.endswith(".png"):
            source = urls["Source"].replace("//github.com/", "//raw.githubusercontent.com/")
            return f"{before}{source}/main/{path}{after}"
        if page := re.fullmatch(r"docs/([\w-]+)\.md(#.*)?", path):
            return f"{before}{urls['Documentation']}/en/latest/{page[1]}.html{page[2] or ''}{after}"
        return f"{before}{urls['Source']}/blob/main/{path}{after}"

    return re.sub(r"""(\]\(|\bsrc(?:set)?=")(?!\w+:|#)([^)"\s]+)([)"])""", full, text)


def _with_version(text: str, version: str) -> str:
    """Return the text with a version, where it is git's that says it."""
    changed = text.replace('\ndynamic = ["version"]\n', f'\nversion = "{version}"\n', 1)
    assert changed != text
    return _VERSION.sub("", changed)


def hatchling(folder: Path, source: Path, *more: str) -> None:
    """Build what a folder has the source of."""
    call = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *more]
    subprocess.run(call, cwd=source, check=True, stdout=subprocess.DEVNULL)


def write_sources(folder: Path) -> tuple[Path, Path]:
    """Write what both are built from; the folders of core and of the whole."""
    core, whole = folder / "core", folder / "whole"
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        hatchling(place, ROOT, "-t", "sdist")  # what git has, less the demo data
        (archive,) = place.glob("*.tar.gz")
        with tarfile.open(archive) as files:
            files.extractall(place, filter="data")
        (unpacked,) = (path for path in place.iterdir() if path.is_dir())
        message = email.message_from_string((unpacked / "PKG-INFO").read_text(encoding="utf-8"))
        version = message["Version"]
        (unpacked / "PKG-INFO").unlink()
        shutil.rmtree(core, ignore_errors=True)
        shutil.copytree(unpacked, core)
    (core / "pyproject.toml").write_text(core_pyproject(text, version), encoding="utf-8")
    whole.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "LICENSE", whole)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    readme = readme_of_release(readme, tomllib.loads(text)["project"]["urls"])
    for source in (core, whole):
        (source / "README.md").write_text(readme, encoding="utf-8")
    (whole / "pyproject.toml").write_text(whole_pyproject(text, version), encoding="utf-8")
    return core, whole


def build(folder: Path) -> None:
    """Write a wheel and an sdist of each into a folder."""
    with tempfile.TemporaryDirectory() as temporary:
        core, whole = write_sources(Path(temporary))
        for built in ROOT.glob("build/*/_core.*"):  # compiled again only where it changed
            shutil.copytree(built.parent, core / "build" / built.parent.name, dirs_exist_ok=True)
        for source in (core, whole):
            hatchling(folder.absolute(), source)


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description="Make the distributions that are released.")
    parser.add_argument("folder", type=Path, help="where to write them")
    parser.add_argument(
        "--sources", action="store_true", help="only write what they are built from"
    )
    asked = parser.parse_args()
    if asked.sources:
        write_sources(asked.folder)
    else:
        build(asked.folder)


if __name__ == "__main__":
    main()
