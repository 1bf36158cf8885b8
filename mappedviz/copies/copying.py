"""Copy stores into the layout that is read fastest at random."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mappedviz.collection.plan import make_plan
from mappedviz.copies.folders import finished, folder_of_copy
from mappedviz.copies.manifests import Done, size_of
from mappedviz.copies.plans import joined_shards, recipe_of_copy, whole_shards
from mappedviz.copies.result import Copy
from mappedviz.copies.shards import Shard, make_shard
from mappedviz.copies.space import check_space
from mappedviz.errors import (
    MappedvizError,
    RecipeError,
    RecipeTypeError,
    StoreError,
    StoreWarning,
)
from mappedviz.formats.remote_options import noted
from mappedviz.recipe.recipe import Recipe
from mappedviz.stores.deadline import seconds_of
from mappedviz.stores.executors import Lost, check_executor, completed
from mappedviz.stores.first_contact import OPEN_TIMEOUT
from mappedviz.stores.opening import open_stores
from mappedviz.stores.paths import expand_paths
from mappedviz.text.addresses import absolute, in_memory, is_url, shown
from mappedviz.text.progress import Progress, reporting

if TYPE_CHECKING:
    from mappedviz._types import PathLike
    from mappedviz.formats.new_stores import StoreFormat
    from mappedviz.stores.paths import StoresLike

__all__ = ["CopyCancelledError", "optimize"]

#: Shards that an executor is given at a time: a task holds the labels of its rows.
_IN_FLIGHT = 64


class CopyCancelledError(MappedvizError):
    """A copy was cancelled. Its finished shards are kept for the next call."""


def optimize(
    paths: StoresLike | None,
    out_dir: PathLike,
    recipe: Recipe | None = None,
    executor: Executor | None = None,
    *,
    format: StoreFormat = "zarr",
    keep_dtype: bool = True,
    shuffle: bool = False,
    seed: int = 0,
    shard_size: int | str | None = None,
    store_key: str | None = "store",
    on_error: Literal["raise", "skip"] = "raise",
    overwrite: bool = False,
    progress: Progress = True,
    cancel: threading.Event | None = None,
    open_timeout: float | None = OPEN_TIMEOUT,
    storage_options: Mapping[str, Any] | None = None,
) -> Copy:
    """Copy stores into the layout that is read fastest at random; the originals are not touched.

    Matrices are written uncompressed, by rows (CSC becomes CSR), with indices and counts in the
    smallest types that hold all of them exactly. Random rows of counts are read as fast as from plain
    ``.h5ad`` files, or faster, of about 40 % of their size. The copy is AnnData, for anndata and scanpy, too.
    See :doc:`/optimize`.

    Parameters
    ----------
    paths
        Stores, patterns and directories, as for :class:`~mappedviz.MappedCollection`; None for those of
        the recipe. Remote stores and AnnData objects can be copied with a recipe.
    out_dir
        Folder of the copy, which is made if it is not there. It must not hold stores that are copied.
    recipe
        Without one, each store is copied with all that is in it: obs, var, obsm, layers, raw, uns. With
        one, the rows of its collection are: genes joined, labels under their new names, rows chosen,
        matrices by ``layer_alias``; of obs, the columns that the recipe names.
    executor
        Makes the shards, in place of this process: any executor of :mod:`concurrent.futures` whose
        processes see the folder. See :doc:`/scale`.
    format
        ``"zarr"``: version 2, one file per array, each number back in its own type for whoever reads
        it. ``"h5ad"``: one file per store.
    keep_dtype
        False lets ``.h5ad`` keep counts and indices in smaller types, such as uint8, which they then
        have for whoever reads them. In zarr stores they are kept so, and read in their own types.
    shuffle
        Put the rows of all stores in random order; a recipe is needed.
    seed
        Seed of this order.
    shard_size
        Size of the stores of the copy, with a recipe: rows, or bytes such as ``"2GB"``. Default: about a
        gigabyte.
    store_key
        With a recipe: name of the column of obs that says which store a row comes from; None for none.
    on_error
        ``"skip"`` leaves out stores that cannot be read, with a
        :class:`~mappedviz.errors.StoreWarning` that lists them. With a recipe, those that cannot be opened.
    overwrite
        Replace an earlier copy in the folder that was made of something else. Never replaced are
        files that are not of a copy.
    progress
        Show a bar if it takes long, or a function that is called with the number of shards done and of
        all shards.
    cancel
        Setting this event ends the copy with a
        :class:`~mappedviz.copies.CopyCancelledError`.
    open_timeout, storage_options
        As for :class:`~mappedviz.MappedCollection`.

    Returns
    -------
    Copy
        Paths, sizes and the recipe that reads the copy.

    Raises
    ------
    NoSpaceError
        The disk has less room than is needed, which is looked up first, or becomes full.
    StoreError
        A store cannot be read, or changed while it was copied; something else is in the place of a shard; a
        row of the copy is not the one of its source.
    RecipeError
        The folder holds stores that are copied, or what is asked for contradicts itself.
    CopyCancelledError
        `cancel` was set.

    Notes
    -----
    Each shard is made in a hidden folder, read again and compared with its source row by row, and
    then renamed. A call that was interrupted goes on where it was: shards are known by what they were made of, and
    are not made again while neither they nor their sources change.

    Examples
    --------
    >>> import tempfile
    >>> import mappedviz as mv
    >>> folder = tempfile.TemporaryDirectory()
    >>> recipe = mv.Recipe(paths=[mv.datasets.demo() / "berlin.h5ad"], obs_keys="cell_type")
    >>> copy = mv.optimize(None, folder.name, recipe, shuffle=True, progress=False)
    >>> ds = copy.collection()
    >>> ds.shape, ds.encoders == mv.MappedCollection.from_recipe(recipe).encoders
    ((700, 640), True)
    >>> folder.cleanup()
    """
    begin = time.perf_counter()
    _check_arguments(recipe, executor, format, shuffle=shuffle, shard_size=shard_size)
    out = absolute(out_dir)
    narrow = format == "zarr" or not keep_dtype
    failed: dict[str, StoreError] = {}
    wanted = [absolute(path) for path in expand_paths(_given(paths, recipe, storage_options))]
    _check_folder(out, wanted)
    encoders: dict[str, Any] = {}
    if recipe is None:
        opened = open_stores(
            wanted, lambda _: None, on_error=on_error, timeout=seconds_of(open_timeout)
        )
        stores = [store for store, _ in opened]
        shards = whole_shards(
            stores, out, format, failed if on_error == "skip" else None, narrow=narrow
        )
    else:
        recipe = recipe.replace(paths=wanted)
        skipping = {"on_error": "skip"} if on_error == "skip" else {}
        plan = make_plan(recipe.replace(dtype=None, **skipping), open_timeout=open_timeout)
        stores = list(plan.stores)
        encoders = {key: one.encoder for key, one in plan.obs.items() if one.encoder is not None}
        shards = joined_shards(
            plan,
            out,
            format,
            narrow=narrow,
            order=np.random.default_rng(seed) if shuffle else None,
            shard_size=shard_size,
            store_key=store_key,
        )
    with folder_of_copy(out):
        done = finished(out, shards, overwrite=overwrite)
        todo = [shard for shard in shards if shard.name not in done]
        _check_space(out, todo, twice=format == "h5ad" or shuffle)
        skipped_shards = failed if on_error == "skip" and recipe is None else None
        done |= _made(todo, len(shards), executor, progress, cancel, skipped_shards)
    if failed:
        listed = "\n".join(map(str, failed.values()))
        message = f"left out {len(failed)} of {len(wanted)} stores:\n{listed}"
        warnings.warn(message, StoreWarning, stacklevel=2)
    read = {store.path for store in stores}
    skipped = {path: "could not be opened" for path in wanted if path not in read}
    skipped |= {path: str(error) for path, error in failed.items()}
    kept = tuple(done[shard.name] for shard in shards if shard.name in done)
    if not kept:
        raise StoreError("none of the stores could be copied", remedy="See the warning above.")
    return Copy(
        out,
        kept,
        recipe_of_copy(recipe, [one.path for one in kept], encoders),
        sum(size_of(store.path) for store in stores if os.path.lexists(store.path)),
        time.perf_counter() - begin,
        skipped,
    )


def _check_arguments(
    recipe: Recipe | None,
    executor: Executor | None,
    format: str,
    *,
    shuffle: bool,
    shard_size: int | str | None,
) -> None:
    if executor is not None:
        check_executor(executor)
    if format not in ("zarr", "h5ad"):
        raise RecipeError(f"is {format!r}", key="format", remedy='Give "zarr" or "h5ad".')
    if recipe is not None:
        if not isinstance(recipe, Recipe):
            raise RecipeTypeError(
                f"is a {type(recipe).__name__}", key="recipe", remedy="Give a mappedviz.Recipe."
            )
        return
    for name, given in (("shuffle", shuffle), ("shard_size", shard_size)):
        if given:
            raise RecipeError(
                f"is {given!r}, and stores are copied one by one without a recipe",
                key=name,
                remedy="Give a recipe, such as Recipe(obs_keys=[…]), of which rows are copied.",
            )


def _given(
    paths: StoresLike | None, recipe: Recipe | None, storage_options: Mapping[str, Any] | None
) -> Sequence[str]:
    """The addresses that were given, here or in a recipe."""
    if paths is not None:
        found = Recipe(paths=noted(paths, storage_options)).paths
    else:
        found = () if recipe is None else recipe.paths
        noted(found, storage_options)
    if not found:
        raise RecipeError(
            "names no store", key="paths", remedy="Give paths, or a recipe that has some."
        )
    return found


def _check_folder(out: str, wanted: Sequence[str]) -> None:
    """Refuse a folder in which stores are that are copied, one inside of such a store, and a URL."""
    if is_url(out):
        raise RecipeError(
            f"is {shown(out)}, and copies are written to folders of this machine",
            key="out_dir",
            remedy="Give a folder, and upload it.",
        )
    place = os.path.realpath(out)
    for path in wanted:
        if is_url(path) or in_memory(path):
            continue
        store = os.path.realpath(path)
        if os.path.commonpath([place, store]) in (place, store):
            raise RecipeError(
                f"is {out}, which holds the store {path} that is to be copied, or is inside of it",
                key="out_dir",
                remedy="Give another folder: originals and copies are kept apart.",
            )


def _check_space(out: str, todo: Sequence[Shard], *, twice: bool) -> None:
    if todo:
        # Files on the way are as large as the shard, and with another format or order once more.
        largest = max(shard.expected for shard in todo)
        check_space(out, sum(shard.expected for shard in todo) + largest * twice)


def _made(
    todo: Sequence[Shard],
    n_shards: int,
    executor: Executor | None,
    progress: Progress,
    cancel: threading.Event | None,
    failed: dict[str, StoreError] | None,
) -> dict[str, Done]:
    """Make shards; errors of stores are noted in `failed` where that is given."""

    def stop() -> None:
        if cancel is not None and cancel.is_set():
            raise CopyCancelledError(
                "the copy was cancelled", remedy="Finished shards are kept: call it again."
            )

    results: Iterator[tuple[Shard, Done | MappedvizError | Lost]] = (
        ((shard, make_shard(shard, stop)) for shard in todo)
        if executor is None
        else completed(executor, make_shard, todo, stop=stop, in_flight=_IN_FLIGHT)
    )
    done: dict[str, Done] = {}
    with reporting(n_shards, n_shards - len(todo), progress, "copying stores") as step:
        for shard, result in results:
            if isinstance(result, Lost):
                raise StoreError(
                    f"was not made, because the executor failed ({result.error!r})",
                    store=shard.path,
                    remedy="Call it again with another executor: finished shards are kept.",
                ) from result.error
            if isinstance(result, Done):
                done[shard.name] = result
            elif failed is None or not isinstance(result, StoreError):
                raise result
            else:
                failed[shard.source.addresses[0]] = result
            step()
    return done
