"""Opening many stores: one after the other, within a time each, with those left out named."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TypeVar

from mappedviz._types import PathLike
from mappedviz.errors import MappedvizError, StoreError, StoreWarning
from mappedviz.formats.remote_options import noted
from mappedviz.recipe.in_memory import given_object, is_anndata
from mappedviz.stores.children import Caller
from mappedviz.stores.deadline import NotStartedError, seconds_of
from mappedviz.stores.store import Store, open_store
from mappedviz.text.addresses import absolute, in_memory

if TYPE_CHECKING:
    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz.stores.facts import StoreFacts

__all__ = ["check_store", "open_stores", "unopenable"]

_T = TypeVar("_T")


def check_store(path: PathLike | AnnData, timeout: float | None = 5.0) -> StoreFacts:
    """Touch a store in a child process, which is ended if the store makes it hang or crash.

    Its metadata, names, obs columns and the first row of each matrix are read.

    Parameters
    ----------
    path
        A store. Of an AnnData object, its facts are read in this process.
    timeout
        Seconds that it may take, None for any time; the start of the child does not count.

    Returns
    -------
    StoreFacts
        What the store contains.

    Raises
    ------
    StoreError
        It cannot be read, does not open in time, or ends the process that opens it.
    NotStartedError
        The system starts no child process.
    RecipeError
        `timeout` is no time.

    Examples
    --------
    >>> from mappedviz.datasets import demo
    >>> check_store(demo() / "berlin.h5ad", timeout=60).n_obs
    700
    """
    full = absolute(given_object(path) if is_anndata(path) else noted(path))
    if in_memory(full):
        return open_store(full).facts
    caller = Caller(seconds_of(timeout, "timeout"))
    try:
        found = caller.call(full, _touched, full)
    finally:
        caller.close()
    if isinstance(found, BaseException):
        raise found
    return found


def _touched(path: str) -> StoreFacts | MappedvizError:
    try:
        with Store.opened(path) as store:
            store.read_var_names()
            _ = store.obs_names
            for name in store.facts.obs_columns:
                store.obs_column(name)
        if store.facts.n_obs:
            for key in store.facts.matrices:
                store.read_rows(key, [0])
        return store.facts
    except MappedvizError as error:
        return error.with_traceback(None)
    except Exception as error:
        return StoreError(f"cannot be read ({type(error).__name__}: {error})", store=path)


def open_stores(
    paths: Iterable[PathLike],
    then: Callable[[Store], _T],
    *,
    on_error: Literal["raise", "skip"] = "raise",
    timeout: float | None = None,
    failed: Mapping[str, StoreError] | None = None,
) -> list[tuple[Store, _T]]:
    """Open stores one after the other and do something with each while its file is open.

    Parameters
    ----------
    paths
        Paths of stores.
    then
        Called with each store inside its session; its result is returned.
    on_error
        ``"skip"`` leaves a store that cannot be opened out, with a :class:`StoreWarning` that
        lists all of them at the end.
    timeout
        Seconds that one store may take. A crafted or damaged HDF5 file can make the library
        spin forever, and nothing inside the process can stop it; with a timeout each store is
        first opened in a child process, which can be ended.
    failed
        Paths that are known to be no stores, and why: see :func:`expand_paths`.

    Returns
    -------
    list of (Store, result)

    Raises
    ------
    RecipeError
        `timeout` is no time.
    """
    wanted = [os.fspath(path) for path in noted(paths)]
    trouble = dict(failed or {})
    timeout = seconds_of(timeout, "timeout")
    if timeout is not None:
        trouble |= unopenable([path for path in wanted if path not in trouble], timeout)
    opened: list[tuple[Store, _T]] = []
    skipped: list[str] = []
    for path in wanted:
        try:
            if path in trouble:
                raise trouble[path]
            with Store.opened(path) as store:
                opened.append((store, then(store)))
        except StoreError as error:
            if on_error == "raise":
                raise
            skipped.append(str(error))
    if skipped:
        warnings.warn(
            f"left out {len(skipped)} of {len(wanted)} stores:\n" + "\n".join(skipped),
            StoreWarning,
            stacklevel=3,
        )
    return opened


def unopenable(paths: Iterable[str], timeout: float) -> dict[str, StoreError]:
    """Return the paths of stores that could not be opened in time, or killed the process, and why.

    Each store is opened in a child process; one that raises an error of its own is not listed.
    """
    trouble: dict[str, StoreError] = {}
    caller = Caller(timeout)
    try:
        for path in dict.fromkeys(paths):
            if in_memory(path):  # it opens in no time, and in this process alone
                continue
            try:
                caller.call(path, _open, path)
            except StoreError as error:
                trouble[path] = error
    except NotStartedError as error:
        warnings.warn(str(error), StoreWarning, stacklevel=2)
    finally:
        caller.close()
    return trouble


def _open(path: str) -> None:
    # The parent meets the same error and reports it.
    with suppress(Exception), Store.opened(path) as store:
        store.read_var_names()
        for name in store.facts.obs_columns:
            store.obs_column(name)
