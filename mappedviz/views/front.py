"""What the browser runs: the modules and styles of ``static/``, each joined into one text.

An anywidget takes one ES module and one style sheet. There is no build step: modules are put in
the order of their imports, their ``import`` lines and the word ``export`` are dropped, and what
is left is what a person can read in ``static/``.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
ENTRY = "index.js"
_IMPORT = re.compile(r"""^import\s+(?:\{([^}]*)\}\s+from\s+)?"([^"]+)";\n?""", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|let|function|class)\b)", re.MULTILINE)
_NAME = re.compile(r"^(export )?(?:async )?(?:const|let|function|class) (\w+)", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b(?! default )", re.MULTILINE)


@cache
def module() -> str:
    """Return all ES modules as one, which exports ``{ render }`` as its default."""
    return join_modules(STATIC, ENTRY)


@cache
def style() -> str:
    """Return all style sheets as one, in the order of their names."""
    return "\n".join(
        path.read_text(encoding="utf-8").strip()
        for path in sorted((STATIC / "style").glob("*.css"))
    )


def join_modules(folder: Path, entry: str) -> str:
    """Return a module and all that it imports as one text, each before those that need it.

    Raises
    ------
    ValueError
        A module is missing, imports in a circle, has a name that another one has as well, or
        imports or exports in a way that cannot be joined.
    """
    texts: dict[str, str] = {}
    _collect(folder, entry, texts, ())
    _check_names(texts)
    parts = [f"// == {name} ==\n{_bare(name, text)}" for name, text in texts.items()]
    return "\n".join(parts)


def _collect(folder: Path, name: str, texts: dict[str, str], above: tuple[str, ...]) -> None:
    """Read a module after those it imports."""
    if name in above:
        raise ValueError(f"{' -> '.join([*above, name])}: modules import in a circle.")
    if name in texts:
        return
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ValueError(f"{name} is missing; {above[-1:] or 'it'} needs it.") from error
    for _, path in _IMPORT.findall(text):
        if not path.startswith("."):
            raise ValueError(f"{name} imports {path!r}, which is no module of ours.")
        needed = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        _collect(folder, needed, texts, (*above, name))
    texts[name] = text


def _bare(name: str, text: str) -> str:
    """Return a module without its imports and exports; only the entry's default stays."""
    text = _EXPORT.sub("", _IMPORT.sub("", text))
    if left := _LEFT.search(text):
        line = text[left.start() :].partition("\n")[0]
        raise ValueError(f"{name}: {line!r} cannot be joined with other modules.")
    return text.strip() + "\n"


def _check_names(texts: dict[str, str]) -> None:
    """Refuse names that two modules have, and imported names that no module exports."""
    owners: dict[str, str] = {}
    exported: set[str] = set()
    for name, text in texts.items():
        for exports, found in _NAME.findall(text):
            if found in owners:
                raise ValueError(f"{found} is a name in {owners[found]} and in {name}.")
            owners[found] = name
            if exports:
                exported.add(found)
    for name, text in texts.items():
        for some, _ in _IMPORT.findall(text):
            wanted = {one.strip() for one in some.split(",") if one.strip()}
            if unknown := wanted - exported:
                raise ValueError(f"{name} imports {sorted(unknown)}, which nobody exports.")
