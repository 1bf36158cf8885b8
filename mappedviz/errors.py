"""One hierarchy of errors; each is also the builtin that a caller would catch."""

from __future__ import annotations

from typing import Any


class MappedvizError(Exception):
    """Base of every error that mappedviz raises on purpose.

    Parameters
    ----------
    message
        What was found, in one sentence.
    store
        Path of the store that it was found in, if one store is to blame.
    key
        Key inside the store (``"obs/cell_type"``) or the name of the parameter.
    remedy
        One thing to do about it.

    Examples
    --------
    >>> from mappedviz.errors import StoreError
    >>> str(StoreError("is not an HDF5 file", store="a.h5ad", remedy="Download it again."))
    'a.h5ad: is not an HDF5 file. Download it again.'
    """

    def __init__(
        self,
        message: str,
        *,
        store: Any = None,
        key: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message = message
        self.store = None if store is None else str(store)
        self.key = key
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.store, self.key) if part)
        text = f"{where}: {self.message}" if where else self.message
        if self.remedy:
            text = f"{text.rstrip('.')}. {self.remedy}"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive the default pickling of exceptions,
        # and errors do travel: from worker processes to the parent.
        return _rebuild, (type(self), self.message, self.store, self.key, self.remedy)


def _rebuild(
    cls: type[MappedvizError],
    message: str,
    store: str | None,
    key: str | None,
    remedy: str | None,
) -> MappedvizError:
    return cls(message, store=store, key=key, remedy=remedy)


class StoreError(MappedvizError, OSError):
    """A store cannot be read: missing, truncated, foreign or changed while open."""


class AbsentStoreError(StoreError, FileNotFoundError):
    """There is nothing at the path of a store."""


class ElementError(StoreError, ValueError):
    """An element inside a readable store is malformed: wrong lengths, codes, indices, encoding."""


class MissingKeyError(MappedvizError, KeyError):
    """A key is in no store, or a label has no code."""

    __str__ = MappedvizError.__str__  # KeyError would show the repr of the message


class JoinError(MappedvizError, ValueError):
    """The variables of the stores cannot be joined as asked."""


class RecipeError(MappedvizError, ValueError):
    """A request contradicts itself or is not understood."""


class RecipeTypeError(RecipeError, TypeError):
    """A parameter of the request has the wrong type."""


class ClosedError(MappedvizError, ValueError, RuntimeError):
    """A collection was read after it had been closed."""


class CoreError(MappedvizError, ImportError):
    """The compiled core is missing, does not load, or belongs to another version."""

    __str__ = MappedvizError.__str__  # ImportError has one of its own


class MissingPackageError(MappedvizError, ModuleNotFoundError):
    """A package that an extra brings is not installed; the remedy names the extra."""

    __str__ = MappedvizError.__str__  # ImportError has one of its own


class NoSpaceError(MappedvizError, OSError):
    """There is less room on a disk than is needed, or none is left."""


class StoreWarning(UserWarning):
    """A store was left out, or something in it was read differently than written."""
