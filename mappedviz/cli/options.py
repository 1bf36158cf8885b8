"""What the commands share: exit statuses, options, and the audit that they ask for."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mappedviz._types import SEVERITIES, store_suffix
from mappedviz.errors import RecipeError
from mappedviz.text.addresses import has_secrets

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit

OK, FOUND, USAGE, INTERRUPTED = 0, 1, 2, 130
FAILING = SEVERITIES[:-1]


def subcommand(commands: Any, name: str, does: str, epilog: str) -> argparse.ArgumentParser:
    """Add a command without options, and return its parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=does,
        description=f"{does[0].upper()}{does[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return command


def command_on_stores(commands: Any, name: str, does: str, epilog: str) -> argparse.ArgumentParser:
    """Add a command that takes stores and the keys of an audit, and return its parser."""
    command = subcommand(commands, name, does, epilog)
    command.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help=".h5ad files, .zarr and .zarr.zip stores, patterns, or folders that hold them",
    )
    command.add_argument("--label", metavar="KEY", help="column of obs that a model is to learn")
    command.add_argument("--batch", metavar="KEY", help="column of obs that names the batch")
    command.add_argument(
        "--group", metavar="KEY", help="column of obs that must not be split, such as donor"
    )
    command.add_argument(
        "--obs-query",
        metavar="TEXT",
        help="only cells that meet this condition on obs: \"n_genes > 200 and tissue != 'blood'\"",
    )
    command.add_argument(
        "--var-map",
        metavar="MAP",
        help="map names of genes: symbol->ensembl, ensembl->symbol, 'human: symbol->symbol', …",
    )
    command.add_argument(
        "--recipe",
        metavar="FILE",
        help="start from this recipe; its paths are used if none are given",
    )
    add_storage_options(command)
    command.add_argument(
        "--deep", action="store_true", help="also compare the cells themselves over the stores"
    )
    command.add_argument("-q", "--quiet", action="store_true", help="no progress")
    return command


def add_storage_options(command: argparse.ArgumentParser) -> None:
    """Add the option that says how URLs are opened; the command line itself is no place for secrets."""
    command.add_argument(
        "--storage-options",
        metavar="FILE",
        help="JSON file that says how URLs are opened (default: the environment)",
    )


def note_storage_options(options: argparse.Namespace) -> None:
    """Take the queries of URLs and the file of options to where stores are opened.

    Raises
    ------
    RecipeError
        The file holds no JSON object.
    """
    named = getattr(options, "storage_options", None)
    if not hasattr(options, "paths"):
        return
    given = None
    if named is not None:
        with suppress(ValueError):
            given = json.loads(Path(named).read_text(encoding="utf-8"))
        if not isinstance(given, dict):
            raise RecipeError(
                f"{named} holds no JSON object",
                key="--storage-options",
                remedy='Write it as {"key": "…", "secret": "…"}.',
            )
    if given is not None or any(map(has_secrets, options.paths)):
        from mappedviz.formats.remote_options import noted

        options.paths = noted(options.paths, given)


def paths_as_paths(arguments: list[str]) -> list[str]:
    """Return arguments in which a store named ``-rf.h5ad`` is the path ``./-rf.h5ad``."""
    done: list[str] = []
    for i, one in enumerate(arguments):
        if one == "--":
            return done + arguments[i:]
        store = one.startswith("-") and not one.startswith("--") and len(one) > 2
        if store and (store_suffix(one) or os.path.lexists(one)):
            one = f"./{one}"
        done.append(one)
    return done


def no_store() -> RecipeError:
    """Return the error that no store was named."""
    return RecipeError(
        "names no store", key="PATH", remedy="Name files, patterns or folders; see --help."
    )


def audit_of(options: argparse.Namespace, **more: Any) -> Audit:
    """Return the audit that the options ask for; `more` is for :func:`mappedviz.audit`."""
    from mappedviz.audits import audit
    from mappedviz.recipe.recipe import Recipe

    recipe = Recipe.load(options.recipe) if options.recipe else None
    paths = options.paths or (list(recipe.paths) if recipe else [])
    if not paths:
        raise no_store()
    for name in ("obs_query", "var_map"):
        if (given := getattr(options, name)) is not None:
            more[name] = given  # in place of the recipe's
    return audit(
        paths,
        label=options.label,
        batch=options.batch,
        group=options.group,
        recipe=recipe,
        deep=options.deep,
        progress=not options.quiet,
        **more,
    )
