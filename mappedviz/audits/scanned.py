"""A store that was scanned before, elsewhere or earlier: its record answers in place of its file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mappedviz.collection.sources import GivenStore, KnownStore
from mappedviz.errors import AbsentStoreError, StoreError
from mappedviz.stores.store import Store, no_var_column
from mappedviz.text.addresses import is_url

if TYPE_CHECKING:
    from mappedviz.formats.columns import Column
    from mappedviz.recipe.names import Names

__all__ = ["ScannedStore"]


class ScannedStore(KnownStore):
    """A store whose columns are recalled from its record; the file is read for what that has not.

    Parameters
    ----------
    store
        The store, of which no file needs to be there.
    recall
        Returns an obs column of the record by name; None if the record has it not. It raises StoreError if
        the column is damaged.
    afar
        Whether the record stands for the store: its file may be absent, or another one by now.
    """

    def __init__(
        self, store: Store, recall: Callable[[str], Column | None], *, afar: bool = False
    ) -> None:
        super().__init__(store)
        self._recall = recall
        self._afar = afar

    @contextmanager
    def opened(self) -> Iterator[GivenStore]:
        """See :meth:`StoreSource.opened`."""
        if self._afar:
            yield self
        else:
            with super().opened() as store:
                yield store

    def var_names(self, column: str | None = None, *, raw: bool = False) -> Names:
        """See :meth:`GivenStore.var_names`."""
        if self._afar and not self.knows_names(column, raw=raw):
            frame = "raw.var" if raw else "var"
            has = self.store.facts.var_columns
            if column is not None and not raw and column not in has:
                raise no_var_column(self.store.path, frame, column, has)
            self._check_here("var_key", f"the {frame} column {column!r}")
        return super().var_names(column, raw=raw)

    def obs_columns(self, names: Iterable[str]) -> dict[str, Column]:
        """See :meth:`GivenStore.obs_columns`."""
        wanted = list(names)
        for name in wanted:
            damage = None
            try:
                self.recall(name)
            except StoreError as error:
                damage = error
            if self._afar and name in self.store.facts.obs_columns and not self.knows_column(name):
                self._check_here(f"obs/{name}", "this column", damage)
        return super().obs_columns(wanted)

    def recall(self, name: str) -> None:
        """Keep an obs column for :meth:`obs_columns`, if the record has it.

        Raises
        ------
        StoreError
            It is damaged there.
        """
        if not self.knows_column(name) and (column := self._recall(name)) is not None:
            self.keep_column(name, column)

    def at_hand(self) -> ScannedStore:
        """Return the store with its file: what the file has now is compared with the record."""
        if not self._afar:
            return self
        there = Store.known(self.store.path, self.store.facts, self.store.stamp)
        found = _Returned(there, self._recall)
        found.share(self)
        return found

    def _check_here(self, key: str, lacking: str, damage: StoreError | None = None) -> None:
        """Raise StoreError if the file is not the one that was scanned: that of a damaged scan, if it is one."""
        refused = damage or StoreError(
            f"has a scan without {lacking}, and is not here as it was scanned",
            store=self.store.path,
            key=key,
            remedy="Scan it again with `--column`, or audit where the store is.",
        )
        if is_url(
            self.store.path
        ):  # a scan of somebody else does not make this machine ask a server
            raise refused
        try:
            Store.known(self.store.path, self.store.facts, self.store.stamp).check_unchanged()
        except StoreError as error:
            raise refused from error


class _Returned(ScannedStore):
    """A store that was known by its scan, and that is to be read now."""

    @contextmanager
    def opened(self) -> Iterator[GivenStore]:
        """See :meth:`StoreSource.opened`."""
        try:
            self.store.check_unchanged()
        except StoreError as error:
            there = os.path.lexists(self.store.path)
            kind = StoreError if there else AbsentStoreError
            raise kind(
                "has changed since it was scanned" if there else "is not here, only its scan",
                store=self.store.path,
                remedy="Scan it again." if there else "Read it where it is.",
            ) from error
        yield self
