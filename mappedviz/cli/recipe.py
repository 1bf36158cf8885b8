"""`mappedviz recipe`: write the recipe for a training script."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mappedviz.cli.options import FOUND, OK, audit_of, command_on_stores
from mappedviz.cli.terminal import say
from mappedviz.errors import RecipeError
from mappedviz.text.display import listed

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit
    from mappedviz.recipe.recipe import Recipe

_EPILOG = """\
examples:
  mappedviz recipe data/*.h5ad --label cell_type -o recipe.json
  mappedviz recipe data/ --label cell_type --fix ID --fix ID -o recipe.json

The ids of the fixes stand in brackets in the output of `mappedviz audit`.

exit status:
  0  the recipe was written
  1  the recipe was written, and training with it would still fail
  2  wrong usage, nothing to read, or a file that cannot be written
"""


def add_recipe(commands: Any) -> None:
    """Add the command to those of a parser."""
    recipe = command_on_stores(
        commands, "recipe", "write the recipe for a training script", _EPILOG
    )
    recipe.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to write it (default: print it)"
    )
    recipe.add_argument(
        "--fix",
        metavar="ID",
        action="append",
        default=[],
        help="apply the fix of a finding; may be given several times",
    )
    recipe.set_defaults(run=_recipe)


def _recipe(options: argparse.Namespace) -> int:
    audit = audit_of(options)
    recipe = _fixed(audit, options.fix)
    if options.output == "-":
        print(recipe.to_json())
    else:
        say(f"wrote {recipe.save(options.output)}")
    written = _judged(recipe, options) if options.fix else audit
    fatal = [finding for finding in written.findings if finding.severity == "fatal"]
    for finding in fatal:
        say(f"{finding.severity} [{finding.id}] {finding.message}")
    return FOUND if fatal else OK


def _fixed(audit: Audit, fixes: Sequence[str]) -> Recipe:
    known = {finding.id for finding in audit.findings if finding.fix is not None}
    unknown = [fix for fix in fixes if fix not in known]
    if unknown:
        raise RecipeError(
            f"names {listed(unknown)}, and no finding with a fix has that id",
            key="--fix",
            remedy=f"Choose from: {', '.join(sorted(known)) or 'none, nothing can be fixed here'}.",
        )
    return audit.recipe_with(fixes)


def _judged(recipe: Recipe, options: argparse.Namespace) -> Audit:
    """Return the audit of a recipe with fixes: what was read of the stores is not read again."""
    from mappedviz.audits import audit

    return audit(
        recipe.paths,
        label=options.label,
        batch=options.batch,
        group=options.group,
        recipe=recipe,
        progress=False,
    )
