"""What came out of copying stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mappedviz.text.display import size
from mappedviz.text.rendering import renderer_of

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.copies.manifests import Done
    from mappedviz.recipe.recipe import Recipe

__all__ = ["Copy"]


@dataclass(frozen=True, repr=False)
class Copy:
    """A finished copy of stores: where it is, how large, and how to read it.

    Attributes
    ----------
    out_dir
        Its folder.
    shards
        Its stores: ``path``, ``n_obs``, ``nbytes``, ``seconds``, ``digest`` of the hashes of all rows, and
        ``again`` for those that an earlier call had finished.
    recipe
        The recipe that reads it. What was applied is not in it any more: filters, joined genes, new
        names of labels, aliases; labels keep their codes.
    source_bytes
        Bytes of the stores that were copied, on disk.
    seconds
        How long it took.
    skipped
        The stores that were left out, and why (``on_error="skip"``).

    Examples
    --------
    >>> import tempfile
    >>> import mappedviz as mv
    >>> folder = tempfile.TemporaryDirectory()
    >>> copy = mv.optimize(mv.datasets.demo() / "berlin.h5ad", folder.name, progress=False)
    >>> copy.n_obs, len(copy.paths), copy.collection().shape
    (700, 1, (700, 640))
    >>> folder.cleanup()
    """

    out_dir: str
    shards: tuple[Done, ...]
    recipe: Recipe
    source_bytes: int
    seconds: float
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        """Paths of its stores."""
        return [shard.path for shard in self.shards]

    @property
    def n_obs(self) -> int:
        """Number of rows."""
        return sum(shard.n_obs for shard in self.shards)

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return sum(shard.nbytes for shard in self.shards)

    def collection(self, **how: Any) -> MappedCollection:
        """Return the copy as a collection.

        Parameters
        ----------
        **how
            As for :meth:`MappedCollection.from_recipe <mappedviz.MappedCollection.from_recipe>`.
        """
        from mappedviz.collection.mapped_collection import MappedCollection

        return MappedCollection.from_recipe(self.recipe, **how)

    def __repr__(self) -> str:
        n = len(self.shards)
        again = sum(shard.again for shard in self.shards)
        before = f", {again} of them made before" if again else ""
        skipped = f", {len(self.skipped)} left out" if self.skipped else ""
        return (
            f"Copy of {n:,} {'store' if n == 1 else 'stores'} in {self.out_dir}: "
            f"{self.n_obs:,} rows, {size(self.nbytes)} of {size(self.source_bytes)}, "
            f"{self.seconds:.1f} s{before}{skipped}"
        )

    def _repr_html_(self) -> str:
        return renderer_of(self).fragment(self)
