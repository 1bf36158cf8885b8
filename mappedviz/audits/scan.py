"""What is known of one store that was read once: facts, names, obs columns, samples of rows.

A scan is plain data. Errors are part of it: a bad store does no harm to the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mappedviz._types import Array
from mappedviz.audits.samples import SAMPLED_ROWS, MatrixSample
from mappedviz.audits.where_counts import where_counts_may_be
from mappedviz.collection.matrices import RAW, Aliased, facts_of, slot_of
from mappedviz.errors import MappedvizError
from mappedviz.recipe.frozen import FrozenDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mappedviz.audits.columns import ObsFacts
    from mappedviz.collection.sources import KnownStore
    from mappedviz.formats.matrices import MatrixFacts
    from mappedviz.recipe.aliases import Aliases
    from mappedviz.recipe.names import Names
    from mappedviz.stores.store import Store

_NO_ALIAS: Aliases = FrozenDict()


class ScanCancelledError(MappedvizError):
    """A scan was cancelled through its event."""


@dataclass(frozen=True)
class Wants:
    """Elements to read of a store beyond its facts.

    Attributes
    ----------
    columns
        Obs columns whose rows are kept; of others only counts are.
    matrices
        Matrices that are sampled, by their keys in a recipe.
    layer_alias
        Which matrix a key is where, as of a recipe.
    elsewhere
        Whether other matrices are sampled of a store in which one of these holds no counts.
    obsm
        Elements of obsm that are sampled.
    rows
        Rows to sample of each; 0 for none.
    obs_names
        Whether the names of the observations are read.
    deep
        Whether all rows of X are read, for a hash of each.
    every_column
        Whether the rows of all obs columns of few values are kept.
    every_matrix
        Whether all matrices and elements of obsm are sampled.
    """

    columns: frozenset[str] = frozenset()
    matrices: tuple[str, ...] = ("X",)
    layer_alias: Aliases = _NO_ALIAS
    elsewhere: bool = False
    obsm: tuple[str, ...] = ()
    rows: int = SAMPLED_ROWS
    obs_names: bool = True
    deep: bool = False
    every_column: bool = False
    every_matrix: bool = False

    def slots(self, store: Store) -> tuple[str, ...]:
        """The matrices that are sampled of a store."""
        has = store.facts.matrices
        found = (slot_of(self, key, store.path, has) for key in self.matrices)
        asked = dict.fromkeys(slot for slot in found if slot is not None)
        return (*(asked | dict.fromkeys(has)),) if self.every_matrix else (*asked,)

    def obsm_of(self, store: Store) -> tuple[str, ...]:
        """The elements of obsm that are sampled of a store."""
        return tuple(store.facts.obsm) if self.every_matrix else self.obsm


@dataclass(eq=False)
class Scan:
    """Everything that was read of one store.

    Attributes
    ----------
    path
        As it was given.
    known
        The store, which answers questions about names and columns from memory; None if it could
        not be opened.
    error
        Why it could not be opened.
    names
        The index of var, and under their names the text columns of var that may identify a
        variable.
    obs
        The obs columns.
    filtered
        Variables that CELLxGENE's column says are filtered out of X; None if there is no such column.
    raw_names
        As ``names``, of the var of raw, if raw.X was asked for.
    samples
        Samples of matrices.
    elsewhere
        Samples of other matrices, where one of these holds no counts, if that was asked for.
    obsm_finite
        Elements of obsm -> whether no sampled value of them is NaN or infinite.
    obs_hashes
        uint64 (n_obs,) of the names of the observations.
    row_hashes
        uint64 (n_obs,) of the rows of X, if asked for.
    source
        What the store says about where it comes from: names in ``uns``.
    nbytes
        Size on disk.
    contradictions
        Keys, what contradicts each other there, and whether that does harm.
    broken
        Elements that could not be read: key -> error.
    whole
        Of an AnnData object: the scan that this one is a part of, which lives as long.
    evidence
        What tells the content of a directory from others, before it was read; see
        :func:`~mappedviz.stores.evidence.evidence_of`. None if it was not asked for.
    """

    path: str
    known: KnownStore | None = None
    error: Exception | None = None
    names: dict[str | None, Names] = field(default_factory=dict)
    filtered: int | None = None
    raw_names: dict[str | None, Names] = field(default_factory=dict)
    obs: dict[str, ObsFacts] = field(default_factory=dict)
    samples: dict[str, MatrixSample] = field(default_factory=dict)
    elsewhere: dict[str, MatrixSample] = field(default_factory=dict)
    obsm_finite: dict[str, bool] = field(default_factory=dict)
    obs_hashes: Array | None = None
    row_hashes: Array | None = None
    source: tuple[str, ...] = ()
    nbytes: int | None = None
    contradictions: tuple[tuple[str, str, bool], ...] = ()
    broken: dict[str, Exception] = field(default_factory=dict)
    whole: Scan | None = field(default=None, repr=False)
    evidence: str | None = None

    @property
    def store(self) -> Store | None:
        """The store; None if it could not be opened."""
        return None if self.known is None else self.known.store

    @property
    def n_obs(self) -> int:
        """Rows of the store; 0 if it could not be opened."""
        return 0 if self.known is None else self.known.store.facts.n_obs

    @property
    def n_columns(self) -> int:
        """Obs columns that the store answers from memory."""
        return 0 if self.known is None else self.known.n_columns

    def slot(self, recipe: Aliased, key: str) -> str | None:
        """The matrix that a recipe reads for a key; None if there is none."""
        if self.known is None:
            return None
        store = self.known.store
        return slot_of(recipe, key, store.path, store.facts.matrices)

    def matrix(self, recipe: Aliased, key: str) -> MatrixFacts | None:
        """The facts of the matrix that a recipe reads for a key."""
        return None if self.known is None else facts_of(recipe, key, self.known.store)

    def sample(self, recipe: Aliased, key: str) -> MatrixSample | None:
        """The sample of the matrix that a recipe reads for a key; None if there is none."""
        slot = self.slot(recipe, key)
        return None if slot is None else self.samples.get(slot)

    def others(self, wants: Wants) -> list[str]:
        """Matrices that are not asked for and may hold counts, where what is asked for holds none."""
        if self.store is None or not (wants.elsewhere and wants.rows):
            return []
        samples = [self.sample(wants, key) for key in wants.matrices]
        if all(sample is not None and sample.scale == "counts" for sample in samples):
            return []
        asked = wants.slots(self.store)
        return where_counts_may_be(name for name in self.store.facts.matrices if name not in asked)

    def remember(self) -> None:
        """Let the store answer from memory what was read of it."""
        if self.known is None:
            return
        for raw, every in ((False, self.names), (True, self.raw_names)):
            for column, names in every.items():
                self.known.keep_names(column, names, raw=raw)
        for key, error in self.broken.items():
            if key == "var_names" or key.startswith("var/"):
                self.known.keep_names(None if key == "var_names" else key[4:], error)
            elif _kind(key) == RAW_VAR:
                self.known.keep_names(key.removeprefix(RAW_VAR)[1:] or None, error, raw=True)
            elif key.startswith("obs/"):
                self.known.keep_column(key[4:], error)

    def only(self, wants: Wants, path: str) -> Scan:
        """The scan as it would be if nothing but this had ever been asked for, under this path."""
        store = self.store
        slots = wants.matrices if store is None else wants.slots(store)
        read = slots if wants.rows else ()
        matrices = (*read, "X") if wants.deep else read
        obsm = wants.obsm if wants.rows else ()
        broken = self.broken and self._broken(wants, RAW in slots, matrices, obsm)
        return replace(
            self,
            path=path,
            names=dict(self.names),
            raw_names=dict(self.raw_names) if RAW in slots else {},
            samples={key: self.samples[key] for key in read if key in self.samples},
            elsewhere={key: self.samples[key] for key in self.others(wants) if key in self.samples},
            obsm_finite={key: self.obsm_finite[key] for key in obsm if key in self.obsm_finite},
            obs_hashes=self.obs_hashes if wants.obs_names else None,
            row_hashes=self.row_hashes if wants.deep else None,
            broken=dict(broken),
        )

    def _broken(
        self, wants: Wants, raw: bool, matrices: Iterable[str], obsm: Iterable[str]
    ) -> dict[str, Exception]:
        """Errors of what is wanted, in the order in which it is read."""
        elements = (*_ELEMENTS, *matrices, *(f"obsm/{key}" for key in obsm))
        if raw:
            elements = (*elements, RAW_VAR)
        if not wants.obs_names:
            elements = tuple(key for key in elements if key != "obs_names")
        rank = {key: i for i, key in enumerate(elements)}
        found = sorted(self.broken.items(), key=lambda item: rank.get(_kind(item[0]), -1))
        return {key: error for key, error in found if _kind(key) in rank}


RAW_VAR = "raw/var"
_ELEMENTS = ("var", "obs", "obs_names", "uns")


def _kind(key: str) -> str:
    """The kind of an element that may be broken, or the matrix that it is."""
    if key == "var_names" or key.startswith("var/"):
        return "var"
    if key.startswith(RAW_VAR):
        return RAW_VAR
    return "obs" if key.startswith("obs/") else key
