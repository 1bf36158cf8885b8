"""`mappedviz info`: what a bug report has to say about the machine and what is installed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mappedviz.cli.options import OK, subcommand
from mappedviz.text.extras import distribution

_EPILOG = """\
examples:
  mappedviz info
  mappedviz info >> report.txt

Nothing is sent anywhere; the folder of your home is written as ~.
"""
#: What is required, with or without an extra, and what is often used beside it.
REQUIRED = ("anndata", "deflate", "h5py", "numcodecs", "numpy", "pandas", "platformdirs", "scipy", "zarr")  # fmt: skip
OPTIONAL = (
    "accelerate", "anywidget", "distributed", "fsspec", "hdf5plugin", "ipywidgets", "jinja2", "jupyterlab",
    "lightning", "markupsafe", "matplotlib", "rich", "scvi-tools", "shtab", "torch", "torchdata", "tqdm", "traitlets",
    "transformers",
)  # fmt: skip
#: Instructions of processors that decide which loops are used, and how fast they are.
_INSTRUCTIONS = ("avx2", "avx512f", "bmi2", "f16c", "fma", "asimd", "sve")


def add_info(commands: Any) -> None:
    """Add the command to those of a parser."""
    info = subcommand(
        commands, "info", "print versions, the machine and the settings, for a bug report", _EPILOG
    )
    info.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> int:
    for name, value in information():
        print(f"{name + ':':<15} {value}")
    return OK


def information() -> Iterator[tuple[str, str]]:
    """Yield what a bug report has to say: names and values.

    Yields
    ------
    tuple of str
        A name, and what there is to say of it.

    Examples
    --------
    >>> said = dict(information())
    >>> said["compiled core"].startswith("interface")
    True
    """
    import mappedviz

    yield (
        "mappedviz",
        f"{mappedviz.__version__} ({distribution()}) in {_folder(mappedviz.__file__)}",
    )
    implementation = platform.python_implementation()
    yield "python", f"{platform.python_version()} ({implementation}) {_home(sys.executable)}"
    yield "platform", platform.platform()
    yield "processors", _processors()
    yield "compiled core", _core()
    yield "HDF5", _hdf5()
    for name in REQUIRED:
        yield name, _version(name) or "NOT INSTALLED"
    optional = {name: _version(name) for name in OPTIONAL}
    found = [f"{name} {number}" for name, number in optional.items() if number]
    yield "also installed", ", ".join(found) or "nothing that is optional"
    yield "not installed", ", ".join(name for name, number in optional.items() if not number) or "–"
    settings = [
        f"{name}={_home(value)}"
        for name, value in sorted(os.environ.items())
        if name.startswith("MAPPEDVIZ_")
    ]
    yield "settings", ", ".join(settings) or "none in the environment"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _core() -> str:
    from mappedviz import native
    from mappedviz.errors import CoreError

    library = native.path()
    try:
        native.function("abi")
        return f"interface {native.ABI}, {library.stat().st_size / 1024:.0f} kB, {_home(library)}"
    except CoreError as error:
        return f"NOT USABLE: {_home(error)}"


def _hdf5() -> str:
    from mappedviz.formats.versions import hdf5_version

    try:
        return hdf5_version()
    except ImportError as error:
        return f"NOT USABLE: {error}"


def _processors() -> str:
    from mappedviz.formats.processors import processors

    text = f"{processors()} of {os.cpu_count()}, {platform.machine()}"
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return text
    flags = {
        word
        for line in cpuinfo.splitlines()
        if line.lower().startswith(("flags", "features"))
        for word in line.split()
    }
    return f"{text}, with {' '.join(one for one in _INSTRUCTIONS if one in flags) or 'none of the instructions that matter'}"


def _folder(file: str | None) -> str:
    return _home(Path(file or "").parent)


def _home(text: object) -> str:
    """Return a text without the name of whose home it is."""
    home = str(Path("~").expanduser())
    return str(text).replace(home, "~") if len(home) > 1 else str(text)
