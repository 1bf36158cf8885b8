"""The demo: a collection of five stores with the faults that collections have."""

from __future__ import annotations

from pathlib import Path

from mappedviz._types import PathLike
from mappedviz.datasets.folders import written_once
from mappedviz.errors import StoreError
from mappedviz.text.folders import cache_folder

#: Goes up when what is written changes: a folder of an earlier version stays what it is.
_FOLDER = "demo-1"


def demo(path: PathLike | None = None) -> Path:
    """Write a small collection of five stores to a folder, once, and return the folder.

    The cells are made up: 2,236 blood cells of four laboratories, with counts of 640 human genes.
    They need no download; the first call takes about a second.

    ====================== ====== ============================== ==================== ===================
    store                  cells  genes are named by             counts are in        labels are in
    ====================== ====== ============================== ==================== ===================
    ``berlin.h5ad``        700    symbols                        ``X``                ``cell_type``
    ``berlin_pilot.zarr``  36     symbols                        ``X``                ``cell_type``
    ``boston.zarr``        500    symbols                        ``layers["counts"]`` ``celltype``
    ``kyoto.h5ad``         500    Ensembl identifiers, versioned ``raw.X``            ``annotation``
    ``oxford.h5ad``        500    symbols of some years ago      ``X``                ``CellType``
    ====================== ====== ============================== ==================== ===================

    Each store spells the cell types in a way of its own; a sequencing run of Oxford has none, and its
    cells have several times as many mitochondrial counts; the cells of the pilot are in
    ``berlin.h5ad``, too, under other names.

    Parameters
    ----------
    path
        A folder to make the folder of the collection in. Default: the folder for caches of the
        user, ``~/.cache/mappedviz`` on Linux (or as ``XDG_CACHE_HOME`` says) and
        ``~/Library/Caches/mappedviz`` on macOS.

    Returns
    -------
    Path
        The folder with the five stores; its name has the version of the collection. It is written
        whole or not at all, and again where files are missing.

    Raises
    ------
    StoreError
        The folder cannot be written.

    Examples
    --------
    >>> import mappedviz as mv
    >>> folder = mv.datasets.demo()
    >>> sorted(store.name for store in folder.glob("*.*") if store.suffix != ".json")
    ['berlin.h5ad', 'berlin_pilot.zarr', 'boston.zarr', 'kyoto.h5ad', 'oxford.h5ad']
    >>> mv.MappedCollection(folder / "boston.zarr", obs_keys="celltype").shape
    (500, 640)
    """
    from mappedviz.datasets.laboratories import write_stores

    folder = (cache_folder() if path is None else Path(path)) / _FOLDER
    try:
        return written_once(folder, write_stores)
    except OSError as error:
        raise StoreError(
            f"the demo collection cannot be written here ({error.strerror or error})",
            store=folder,
            remedy="Say where it may be: demo(path=…).",
        ) from error
