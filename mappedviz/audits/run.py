"""The audit of some stores: scan them, let the engine judge, make the checks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mappedviz._types import PathLike
from mappedviz.audits.checking import checked
from mappedviz.audits.evidence import Evidence
from mappedviz.audits.expectations import Expectations
from mappedviz.audits.judge import judge
from mappedviz.audits.result import Audit
from mappedviz.audits.samples import SAMPLED_ROWS
from mappedviz.audits.scan import Scan, Wants
from mappedviz.audits.scan_files import ScanFiles
from mappedviz.audits.workers import caches_of, not_collecting, scan_stores, stop_if
from mappedviz.formats.remote_options import noted
from mappedviz.recipe.recipe import Recipe
from mappedviz.stores.deadline import seconds_of
from mappedviz.stores.paths import expand_paths

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from mappedviz.audits.cache import ScanCache
    from mappedviz.audits.scan_files import ScansLike
    from mappedviz.errors import StoreError
    from mappedviz.stores.fact_cache import CacheLike
    from mappedviz.stores.paths import StoresLike
    from mappedviz.text.progress import Progress

#: Seconds that an audit gives each store.
STORE_SECONDS = 60.0
_SPLITS = ("split", "fold", "partition", "train_test")


def audit(
    paths: StoresLike | None = None,
    label: str | None = None,
    batch: str | None = None,
    group: str | None = None,
    recipe: Recipe | None = None,
    *,
    split: str | None = None,
    deep: bool = False,
    expect: Expectations | PathLike | None = None,
    progress: Progress = True,
    cancel: threading.Event | None = None,
    workers: int | None = None,
    open_timeout: float | None = None,
    executor: Executor | None = None,
    cache: ScanCache | CacheLike = None,
    scans: ScansLike | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **request: Any,
) -> Audit:
    """Audit stores: what is in them, what is wrong, and whether one may train on them.

    It never raises because of a store: what cannot be read is listed as a finding, and the
    rest goes on. What was read is kept while the files are unchanged: the next audit, and
    :meth:`Audit.collection`, do not read it again. Of AnnData objects, obs, var and a
    sample of all values are compared for that.

    Parameters
    ----------
    paths
        Stores, patterns and directories, or AnnData objects, as for
        :class:`~mappedviz.MappedCollection`; or scans of stores, see
        :func:`~mappedviz.audits.write_scans`, which stand for them. Default: those of the recipe.
    label, batch, group
        Obs keys: of the class, of the batch, and of what must not be on both sides of a split
        (a donor; default: ``split_by`` of the recipe). Without a recipe, label and batch become
        its ``obs_keys``.
    recipe
        What you want to train on. Default: an inner join of X.
    split
        Obs key of a split into train and test; default: a column that is called so. Where the
        recipe says ``split_by``, that is the split that is judged.
    deep
        Read all rows of X, to find cells that are in two stores under different names.
    expect
        What the collection has to be, or a TOML file that says so: what it is not, is a finding. Its
        thresholds are those of the checks.
    progress
        Show a bar if it takes long, or a function that is called with the number of stores
        done and of all stores.
    cancel
        Setting this event ends the audit with :class:`~mappedviz.audits.ScanCancelledError`.
    workers
        Processes that read; 0 reads in this one, without a time limit. Default: as many as are
        worth it, and at least one, which can be ended.
    open_timeout
        Seconds that one store may take before it is given up and listed as unreadable: a damaged
        or crafted HDF5 file can make the library spin for ever. Default: 60, or any time with
        ``deep=True``; ``math.inf`` for any time.
    executor
        Reads the stores, in place of processes that are started here: any executor of
        :mod:`concurrent.futures`, such as ``client.get_executor()`` of a Dask cluster. See :doc:`/scale`.
    cache
        Where what was read of stores that are unchanged is kept: in the memory of this process (see
        :func:`~mappedviz.audits.forget_scans`) and on disk, in this folder, or that of
        ``MAPPEDVIZ_CACHE``, or that of the user. False: not on disk. A
        :class:`~mappedviz.audits.ScanCache`: nowhere but there.
    scans
        Scans that stand for those of the stores that they are of, such as the folder that a recipe was made from in
        the Explorer.
    storage_options
        How URLs are opened: credentials, endpoints, timeouts; see :doc:`/remote`.
    **request
        Fields of the recipe that differ: ``obs_alias=…``, ``join="outer"``, …

    Returns
    -------
    Audit

    Raises
    ------
    RecipeError
        What is asked for contradicts itself, expectations are not understood, or the executor is none.
    ScanCancelledError
        `cancel` was set.

    Examples
    --------
    >>> import mappedviz as mv
    >>> audit = mv.audit(mv.datasets.demo())
    >>> [(finding.id, finding.number) for finding in audit.findings if finding.severity == "error"]
    [('gene-identifiers', 2.0), ('value-scale', 3.0)]
    >>> mv.audit("nowhere.h5ad").fatal
    True
    """
    if expect is not None and not isinstance(expect, Expectations):
        expect = Expectations.load(expect)
    paths = noted(paths, storage_options)
    if recipe is not None:
        noted(recipe.paths, storage_options)
    recipe = _recipe(paths, label, batch, recipe, request)
    if label is None and recipe.encoded_keys:
        label = recipe.encoded_keys[0]
    if group is None and len(recipe.split_keys) == 1:
        group = recipe.split_keys[0]
    with not_collecting():
        files = ScanFiles(recipe.paths, None if scans is None else ScanFiles.of(scans))
    if files.scans:
        recipe = recipe.replace(paths=files.paths)
    failed: dict[str, StoreError] = {}
    wanted = expand_paths(recipe.paths, failed)
    wants = Wants(
        columns=_columns(recipe, [label, batch, group, split, *(expect.obs if expect else ())]),
        matrices=tuple(dict.fromkeys((*recipe.layers_keys, *(expect.matrices if expect else ())))),
        layer_alias=recipe.layer_alias,
        elsewhere=True,
        obsm=recipe.obsm_keys,
        rows=SAMPLED_ROWS,
        deep=deep,
    )
    known: dict[str, Scan] = {path: Scan(path, error=failed[path]) for path in failed}
    known |= files.known(wanted, wants)
    found = iter(
        scan_stores(
            [path for path in wanted if path not in known],
            wants,
            progress=progress,
            cancel=cancel,
            workers=workers,
            timeout=timeout_of(open_timeout, workers, deep),
            executor=executor,
            cache=cache,
        )
    )
    read = [known[path] if path in known else next(found) for path in wanted]
    with not_collecting():
        plan, error = judge(recipe, read)
        if split is None and group is not None:
            split = _split_column(read)
        evidence = Evidence(
            read,
            recipe,
            label=label,
            batch=batch,
            group=group,
            split=split,
            plan=plan,
            error=error,
            vocabulary=caches_of(cache)[0].vocabulary,
            thresholds=expect.thresholds if expect else None,
        )
        outcomes = checked(evidence, expect, cancel)
    stop_if(cancel)  # checks that were left out would look like checks that found nothing
    return Audit(evidence, *outcomes, files if files.scans else None)


def timeout_of(asked: float | None, workers: int | None, deep: bool) -> float | None:
    """Seconds that one store may take; None for any time."""
    if asked is not None:
        return seconds_of(asked)
    return None if deep or workers == 0 else STORE_SECONDS


def _recipe(
    paths: Any,
    label: str | None,
    batch: str | None,
    recipe: Recipe | None,
    request: dict[str, Any],
) -> Recipe:
    if recipe is None:
        keys = [key for key in (label, batch) if key is not None]
        return Recipe(paths=() if paths is None else paths, **{"obs_keys": keys, **request})
    changes = dict(request)
    if paths is not None:
        changes["paths"] = paths
    return recipe.replace(**changes) if changes else recipe


def _columns(recipe: Recipe, keys: Iterable[str | None]) -> frozenset[str]:
    """Names of the obs columns whose rows the audit needs."""
    names: set[str] = set()
    for key in {
        *recipe.obs_keys,
        *recipe.filter_keys,
        *recipe.weights_keys,
        *recipe.keys_of_split(),
        *(key for step in recipe.splits for key in step.keys_of_split()),
        *keys,
    }:
        if key is None:
            continue
        alias = recipe.obs_alias.get(key)
        names.add(key)
        if alias is not None:
            names.update(alias.values() if isinstance(alias, dict) else alias)
    return frozenset(names)


def _split_column(scans: Sequence[Scan]) -> str | None:
    """An obs column that says by its name and its few values that it is a split."""
    for scan in scans:
        for name, facts in scan.obs.items():
            few = facts.labels is not None and 2 <= len(facts.labels) <= 20
            if few and any(word in name.lower() for word in _SPLITS):
                return name
    return None
