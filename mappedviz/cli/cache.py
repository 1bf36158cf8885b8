"""`mappedviz cache`: what the cache of records has, and less of it."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from mappedviz.cli.options import OK, subcommand
from mappedviz.cli.terminal import say
from mappedviz.errors import RecipeError
from mappedviz.text.display import size, visible
from mappedviz.text.sizes import bytes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mappedviz.stores.cache_room import KeptFile

_EPILOG = """\
examples:
  mappedviz cache info
  mappedviz cache prune --older-than 30 --size 1GB
  mappedviz cache clear --folder /scratch/cache

A store whose record is gone is read once more. The folder is that of MAPPEDVIZ_CACHE, or the user's. It is
kept below MAPPEDVIZ_CACHE_SIZE (5GB), and nothing stays that was not used for 180 days.
"""


def add_cache(commands: Any) -> None:
    """Add the command to those of a parser."""
    cache = subcommand(
        commands, "cache", "say what is in the cache of facts of stores, or remove it", _EPILOG
    )
    actions = cache.add_subparsers(required=True, metavar="ACTION", title="actions")
    info = actions.add_parser("info", help="print the folder, the number of records and their size")
    info.add_argument("--json", action="store_true", help="print it as JSON")
    info.set_defaults(run=_info)
    prune = actions.add_parser(
        "prune", help="remove what was not used for longest (default: what the bounds say)"
    )
    prune.add_argument(
        "--older-than", metavar="DAYS", type=float, help="remove what was not used for so many days"
    )
    prune.add_argument("--size", metavar="SIZE", help="then keep no more than this, such as 500MB")
    prune.set_defaults(run=_prune)
    clear = actions.add_parser("clear", help="remove all records")
    clear.set_defaults(run=_clear)
    for action in (info, prune, clear):
        action.add_argument(
            "--folder", metavar="FOLDER", help="folder of the cache (default: MAPPEDVIZ_CACHE)"
        )


def _info(options: argparse.Namespace) -> int:
    from mappedviz.stores.cache_room import KEPT_DAYS, kept_in, most_bytes
    from mappedviz.stores.fact_cache import FactCache

    folder = FactCache.of(options.folder).folder
    kept = kept_in(folder) if folder else []
    most = most_bytes()
    found: dict[str, Any] = {
        "folder": folder,
        "records": sum(one.is_record for one in kept),
        "bytes": _total(kept),
        "most_bytes": None if most == float("inf") else int(most),
        "most_days": KEPT_DAYS,
        "used_first": _day(kept[0].used) if kept else None,
    }
    if options.json:
        print(json.dumps(found, indent=2))
        return OK
    bound = "any size" if found["most_bytes"] is None else size(most)
    print(f"folder:    {visible(folder) if folder else 'none (MAPPEDVIZ_CACHE is off)'}")
    print(f"records:   {found['records']:,}")
    print(f"bytes:     {found['bytes']:,} ({size(found['bytes'])})")
    print(f"at most:   {bound}, not used for {KEPT_DAYS} days")
    print(f"oldest:    {found['used_first'] or '–'}")
    return OK


def _prune(options: argparse.Namespace) -> int:
    from mappedviz.stores.cache_room import KEPT_DAYS, most_bytes, prune
    from mappedviz.stores.fact_cache import FactCache

    days, down_to = options.older_than, None
    if options.size is not None:
        down_to = bytes_of(options.size)
        if down_to is None:
            raise RecipeError(
                f"is {options.size!r}", key="--size", remedy='Give bytes, such as "500MB".'
            )
    if days is not None and not days >= 0:
        raise RecipeError(f"is {days:g}", key="--older-than", remedy="Give a number of days.")
    if days is None and down_to is None:
        days, down_to = KEPT_DAYS, most_bytes()
    folder = FactCache.of(options.folder).folder
    _say_gone(prune(folder, older_than=days, down_to=down_to) if folder else [])
    return OK


def _clear(options: argparse.Namespace) -> int:
    from mappedviz.stores.fact_cache import FactCache

    _say_gone(FactCache.of(options.folder).clear())
    return OK


def _say_gone(files: Sequence[KeptFile]) -> None:
    say(f"removed {len(files):,} files, {size(_total(files))}")


def _total(files: Sequence[KeptFile]) -> int:
    return sum(one.nbytes for one in files)


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
