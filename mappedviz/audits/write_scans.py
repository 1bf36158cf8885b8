"""Many stores become scans in files: one task of a workflow per store, or all of them on one executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mappedviz._types import store_suffix
from mappedviz.audits.run import timeout_of
from mappedviz.audits.scan import Scan, Wants
from mappedviz.audits.scan_files import SUFFIX, file_of, write_scan
from mappedviz.audits.workers import read_stores, stop_if
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.stores.executors import check_executor
from mappedviz.stores.paths import expand_paths
from mappedviz.text.addresses import in_memory
from mappedviz.text.progress import reporting

if TYPE_CHECKING:
    import threading
    from concurrent.futures import Executor

    from mappedviz._types import PathLike
    from mappedviz.errors import StoreError
    from mappedviz.text.progress import Progress

__all__ = ["write_scans"]


def write_scans(
    paths: PathLike | Iterable[PathLike],
    out: PathLike,
    *,
    columns: Iterable[str] = (),
    deep: bool = False,
    progress: Progress = True,
    cancel: threading.Event | None = None,
    workers: int | None = None,
    open_timeout: float | None = None,
    executor: Executor | None = None,
    written: Callable[[Path, Exception | None], None] = lambda *_: None,
) -> list[Path]:
    """Read stores, and write for each a small file from which an audit can be made without the data.

    ``mappedviz.audit("scans/", …)`` then says what it says of the stores. A scan holds what any audit may
    ask for: facts, names of genes, hashes of names of cells, samples of all matrices, counts of values in obs,
    and of each obs column of at most 2,000 values its rows. It does not hold expression of cells
    beyond these samples, and no other obs columns but those in `columns`. A store that cannot be read
    becomes a scan that says why.

    Parameters
    ----------
    paths
        Stores, patterns and directories.
    out
        A folder, which is made; or a file called ``….scan``, for one store.
    columns
        Obs columns of many values that are kept as well, such as those of an ``obs_query``.
    deep, progress, cancel, workers, open_timeout, executor
        See :func:`~mappedviz.audit`.
    written
        Called with each file that was written, and why the store could not be read, or None.

    Returns
    -------
    list of Path
        One file per store, in their order.

    Raises
    ------
    StoreError
        A path leads to no store.
    RecipeError
        `out` is one file, and there are several stores.
    ScanCancelledError
        `cancel` was set; the scans that were written are whole.
    OSError
        A file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import mappedviz as mv
    >>> folder = tempfile.mkdtemp()
    >>> [path.name.split(".")[0] for path in mv.audits.write_scans(mv.datasets.demo(), folder)]
    ['berlin', 'berlin_pilot', 'boston', 'kyoto', 'oxford']
    >>> mv.audit(folder).verdict == mv.audit(mv.datasets.demo()).verdict
    True
    """
    if executor is not None:
        check_executor(executor)
    one = isinstance(paths, str) or hasattr(paths, "__fspath__")
    failed: dict[str, StoreError] = {}
    stores = list(dict.fromkeys(expand_paths([paths] if one else paths, failed)))  # type: ignore[list-item, arg-type]
    for path in stores:
        if in_memory(path):
            raise RecipeTypeError(
                "is an object in memory, which has no scan",
                key="paths",
                remedy="Write it to a file.",
            )
    for path, error in failed.items():
        if not store_suffix(path):  # what is called like a store is a bad one, and has a scan
            raise error
    target = Path(out)
    if target.suffix == SUFFIX and not target.is_dir():
        if len(stores) != 1:
            raise RecipeError(
                f"is one file, for {len(stores)} stores",
                store=target,
                key="out",
                remedy="Name a folder.",
            )
        files = {stores[0]: target}
    else:
        target.mkdir(parents=True, exist_ok=True)
        files = {path: file_of(target, path) for path in stores}
    wants = Wants(columns=frozenset(columns), every_column=True, every_matrix=True, deep=deep)
    with reporting(len(stores), 0, progress) as step:

        def done(scan: Scan) -> None:
            write_scan(files[scan.path], scan)
            written(files[scan.path], scan.error)
            step()

        for path, error in failed.items():
            done(Scan(path, error=error))
        read_stores(
            [path for path in stores if path not in failed],
            wants,
            done,
            workers=workers,
            timeout=timeout_of(open_timeout, workers, deep),
            executor=executor,
            stop=partial(stop_if, cancel),
        )
    return [files[path] for path in stores]
