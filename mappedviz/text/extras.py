"""What an extra brings, and the error where it is missing.

The engine works without torch, matplotlib and widgets. What needs one of them imports it inside
:func:`optional_packages`, which says how to get it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mappedviz.errors import MissingPackageError

#: Extra -> the modules that it brings, of those that are imported here.
EXTRAS = {
    "completion": ("shtab",),
    "torch": ("torch",),
    "viz": ("anywidget", "jinja2", "markupsafe", "matplotlib", "rich", "tqdm", "traitlets"),
    "scvi": ("lightning", "scvi"),
}
_EXTRA_OF = {module: extra for extra, modules in EXTRAS.items() for module in modules}
_FOR = {
    "completion": "completion in a shell needs",
    "torch": "loaders and tensors need",
    "viz": "figures, pages and widgets need",
    "scvi": "mappedviz.scvi needs scvi-tools, and with it",
}


@contextmanager
def optional_packages() -> Iterator[None]:
    """Import what an extra brings; where it is missing, the error says which extra that is.

    Raises
    ------
    MissingPackageError
        A package that an extra brings is not installed. What no extra brings is raised as it is.

    Examples
    --------
    >>> with optional_packages():
    ...     raise ModuleNotFoundError("No module named 'torch'", name="torch.utils")
    Traceback (most recent call last):
    mappedviz.errors.MissingPackageError: loaders and tensors need torch, which is not installed. Run: pip install "mappedviz[torch]"
    """
    try:
        yield
    except MissingPackageError:
        raise
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        extra = _EXTRA_OF.get(module)
        if extra is None:
            raise
        raise missing(module, extra) from error


def missing(module: str, extra: str) -> MissingPackageError:
    """Return the error that a module, which an extra brings, is not there."""
    error = MissingPackageError(
        f"{_FOR[extra]} {module}, which is not installed",
        remedy=f'Run: pip install "{distribution()}[{extra}]"',
    )
    error.name = module
    return error


def distribution() -> str:
    """Return the name of the distribution that is installed: the whole one, or the engine alone."""
    from importlib.metadata import PackageNotFoundError, version

    for name in ("mappedviz", "mappedviz-core"):
        try:
            version(name)
        except PackageNotFoundError:
            continue
        return name
    return "mappedviz"


def installed_version() -> str:
    """Return the version that is installed, which is that of git's last tag."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution())
    except PackageNotFoundError:  # a folder with the sources, on the path of a Python
        return "0+unknown"
