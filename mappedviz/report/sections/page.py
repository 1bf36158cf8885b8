"""What only a page says of an audit: when it was made and of which files, and what to do next."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from mappedviz.text.display import cut, listed, visible

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit
    from mappedviz.report.values import Steps

_LONGEST_PATH = 200


def page_facts(audit: Audit, now: datetime | None = None) -> list[str]:
    """Return when a page is made, by which version, and where the stores are.

    Parameters
    ----------
    audit
        The audit to show.
    now
        The time. Default: now.

    Returns
    -------
    list of str
        Date, version and paths.
    """
    made = (datetime.now(UTC) if now is None else now).strftime("%Y-%m-%d %H:%M %Z")
    return [made, f"mappedviz {version('mappedviz')}", paths_words(list(audit.stores["path"]))]


def paths_words(paths: list[str]) -> str:
    """Return where stores are: their folder, where they share one, or else the first of them.

    Examples
    --------
    >>> paths_words(["/data/a.h5ad", "/data/old/b.h5ad"])
    '/data'
    >>> paths_words(["/data/a.h5ad"]), paths_words(["/data/a.h5ad", "/old/b.h5ad"])
    ('/data/a.h5ad', '/data/a.h5ad, /old/b.h5ad')
    """
    if not paths:
        return "none"
    if len(paths) == 1:
        return cut(visible(paths[0]), _LONGEST_PATH)
    shared = []
    for parts in zip(*(path.split("/")[:-1] for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    folder = "/".join(shared)
    return cut(visible(folder), _LONGEST_PATH) if folder else listed(paths, most=3, limit=100)


def next_steps(audit: Audit) -> Steps:
    """Return what to do next, in words and as code: fix, settle, look, train.

    Parameters
    ----------
    audit
        The audit to show.

    Returns
    -------
    sequence of (str, str)
        Words and code; the code of one step goes on where that of the step before ended.
    """
    grave = [finding for finding in audit.findings if finding.severity != "info"]
    fixable = list(dict.fromkeys(finding.id for finding in grave if finding.fix is not None))
    by_hand = list(dict.fromkeys(finding.id for finding in grave if finding.id not in fixable))
    keys = {name: getattr(audit, name, None) for name in ("label", "batch", "group")}
    given = "".join(f", {name}={key!r}" for name, key in keys.items() if key is not None)
    steps = [
        (
            "Start from the recipe at the end of this page.",
            f"import mappedviz as mv\n\naudit = mv.audit(recipe=recipe{given})",
        )
    ]
    if fixable:
        first, *others = fixable
        code = f"recipe = audit.recipe_with([{first!r}])"
        if others:
            code += f"  # also, or instead: {', '.join(map(repr, others[:8]))}"
        steps.append(("Apply the fixes that are right here, and audit again.", code))
    if by_hand:
        words = f"Settle in the stores, or by reading other things of them: {', '.join(by_hand)}."
        steps.append((words, ""))
    steps.append(
        ("Look at it in a notebook, and decide.", f"mv.explore(recipe, label={keys['label']!r})")
    )
    order = "weights=True" if audit.recipe.weights_keys else "shuffle=True"
    if not audit.recipe.weights_keys and keys["label"] is not None:
        order = f"weights={keys['label']!r}"
    train = 'recipe.save("recipe.json")\nds = mv.MappedCollection.from_recipe(recipe)'
    steps.append(
        ("Keep the recipe, and train.", f"{train}\nloader = mv.dataloader(ds, 128, {order})")
    )
    return steps
