"""`mappedviz optimize`: copy stores into the layout that is read fastest at random."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mappedviz.cli.options import OK, add_storage_options, no_store, subcommand
from mappedviz.cli.terminal import say
from mappedviz.text.display import visible

_EPILOG = """\
examples:
  mappedviz optimize data/*.h5ad -o fast/
  mappedviz optimize --recipe recipe.json -o train/ --shuffle --shard-size 2GB
  mappedviz optimize data/ -o fast/ --workers 8 --on-error skip

Originals are not touched. A call that was interrupted goes on where it was.

exit status:
  0  the copy is finished and was compared with its sources
  2  wrong usage, nothing to read, no room, or a store that cannot be read or written
"""


def add_optimize(commands: Any) -> None:
    """Add the command to those of a parser."""
    command = subcommand(
        commands, "optimize", "copy stores into the layout that is read fastest at random", _EPILOG
    )
    add = command.add_argument
    add("paths", nargs="*", metavar="PATH", help="stores, patterns, or folders that hold stores")
    add_storage_options(command)
    add("-o", "--out", metavar="FOLDER", required=True, help="folder of the copy")
    add("--recipe", metavar="FILE", help="copy the rows of this recipe, joined as it says")
    add("--shuffle", action="store_true", help="with a recipe: put the rows in random order")
    add("--seed", type=int, default=0, help="seed of this order (default: 0)")
    add(
        "--shard-size",
        metavar="SIZE",
        help="with a recipe: rows per store of the copy, or bytes such as 2GB (default: 1GB)",
    )
    add("--format", choices=("zarr", "h5ad"), default="zarr", help="default: zarr")
    add(
        "--small-types",
        action="store_true",
        help="let .h5ad keep counts and indices in smaller types, which they then have for all readers",
    )
    add("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    add(
        "--on-error",
        choices=("raise", "skip"),
        default="raise",
        help="skip leaves out stores that cannot be read (default: raise)",
    )
    add("--overwrite", action="store_true", help="replace an earlier copy in the folder")
    add("-q", "--quiet", action="store_true", help="no progress")
    command.set_defaults(run=_optimize)


def _optimize(options: argparse.Namespace) -> int:
    from mappedviz.copies import optimize
    from mappedviz.recipe.recipe import Recipe

    recipe = Recipe.load(options.recipe) if options.recipe else None
    if not options.paths and not (recipe and recipe.paths):
        raise no_store()
    size = options.shard_size
    with _executor(options.workers) as executor:
        copy = optimize(
            options.paths or None,
            options.out,
            recipe,
            executor,
            format=options.format,
            keep_dtype=not options.small_types,
            shuffle=options.shuffle,
            seed=options.seed,
            shard_size=int(size) if size is not None and size.isdecimal() else size,
            on_error=options.on_error,
            overwrite=options.overwrite,
            progress=not options.quiet,
        )
    for path in copy.paths:
        print(visible(path))
    say(repr(copy))
    if recipe is not None:
        say(f"wrote {copy.recipe.save(Path(copy.out_dir, 'recipe.json'))}")
    sys.stdout.flush()
    return OK


def _executor(workers: int) -> AbstractContextManager[Executor | None]:
    if workers <= 1:
        return nullcontext()
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
