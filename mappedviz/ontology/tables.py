"""Labels and the terms that they may mean, as tables and as new names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mappedviz.errors import RecipeError
from mappedviz.ontology.matching import HOWS, How, matches
from mappedviz.ontology.rolling import Level, rolled, targets
from mappedviz.ontology.terms import terms

if TYPE_CHECKING:
    import pandas as pd

#: What is taken for sure enough to be a new name, if a person says so.
SURE: tuple[How, ...] = ("identifier", "exact", "synonym", "plural", "tokens")


def suggest(labels: Iterable[Any]) -> pd.DataFrame:
    """Terms of the Cell Ontology that labels may mean.

    It suggests only: nothing is renamed, and a person says what is right.

    Parameters
    ----------
    labels
        Labels; each is looked up once.

    Returns
    -------
    DataFrame
        One row per label and term: ``label``, ``id``, ``name``, ``how``, ``score``. A label that may as
        well mean several terms has a row for each; one that is not recognised has no id, and the
        score 0. ``how`` is ``"identifier"``, ``"exact"`` or ``"synonym"`` (but for the case),
        ``"plural"`` (but for plural, hyphens, underscores), ``"tokens"`` (the same words, abbreviations
        written out, in any order), or ``"broader"`` (without markers that no term has).

    Examples
    --------
    >>> import mappedviz as mv
    >>> table = mv.ontology.suggest(["CL:0000236", "NK cells", "CD4 T cells", "CD56+ NK", "cluster 7"])
    >>> table[["name", "how", "score"]].to_numpy().tolist()[:4]
    [['B cell', 'identifier', 1.0], ['natural killer cell', 'plural', 0.9],
     ['CD4-positive, alpha-beta T cell', 'tokens', 0.75], ['natural killer cell', 'broader', 0.5]]
    >>> table.iloc[4].to_dict()
    {'label': 'cluster 7', 'id': None, 'name': None, 'how': '', 'score': 0.0}
    """
    import pandas as pd

    of = terms().of
    rows: list[tuple[Any, ...]] = []
    for label in _distinct(labels):
        found = matches(label) if isinstance(label, str) else ()
        rows += [(label, one.id, of[one.id].name, one.how, one.score) for one in found]
        if not found:
            rows.append((label, None, None, "", 0.0))
    # As objects at once: text of pandas 3 would have NaN in the place of None.
    frame = pd.DataFrame(rows, columns=["label", "id", "name", "how", "score"], dtype=object)
    return frame.astype({"score": "float64"})


def relabel(
    labels: Iterable[Any],
    only: Sequence[str] = SURE,
    *,
    level: Level | None = None,
    to: Literal["name", "id"] = "name",
) -> dict[str, str]:
    """New names of labels, for ``relabel=`` of a recipe.

    Labels that may mean several terms, and those that are called so already, are left out.

    Parameters
    ----------
    labels
        Labels.
    only
        Ways of recognising that count: see :func:`suggest`. Default: all but ``"broader"``.
    level
        Roll the terms up to a level: see :func:`roll_up`.
    to
        The name or the identifier of the term.

    Raises
    ------
    RecipeError
        There is no such way, or no such level.

    Examples
    --------
    >>> import mappedviz as mv
    >>> mv.ontology.relabel(["CD4_T", "CD8 T cells", "B cell", "0"], level=["T cell", "B cell"])
    {'CD4_T': 'T cell', 'CD8 T cells': 'T cell'}
    >>> mv.ontology.relabel(["Treg", "CD4_T"], only=["synonym"], to="id")
    {'Treg': 'CL:0000815'}
    """
    unknown = [one for one in only if one not in HOWS]
    if unknown:
        raise RecipeError(
            f"has {unknown[0]!r}", key="only", remedy=f"Use some of {', '.join(HOWS)}."
        )
    if to not in ("name", "id"):
        raise RecipeError(f"is {to!r}", key="to", remedy="Use 'name' or 'id'.")
    of = terms().of
    wanted = None if level is None else targets(level)
    found: dict[str, str] = {}
    for label in _distinct(labels):
        term = _one_term(label, only)
        if term is not None and wanted is not None:
            above = rolled(term, wanted)
            term = above[0] if len(above) == 1 else None
        if term is not None:
            new = term if to == "id" else of[term].name
            if new != label:
                found[label] = new
    return found


def roll_up(labels: Iterable[Any], level: Level, only: Sequence[str] = HOWS) -> pd.DataFrame:
    """The terms above labels at a level, for classes that are comparable.

    Parameters
    ----------
    labels
        Labels.
    level
        Names or identifiers of the terms to roll up to; ``"class"`` or ``"subclass"``, two lists
        of CELLxGENE; or a depth: 1 for what comes right below "cell". Where terms of the level are
        above each other, the nearest is taken.
    only
        Ways of recognising that count: see :func:`suggest`.

    Returns
    -------
    DataFrame
        One row per label: ``label``, ``id`` and ``name`` of its term, ``becomes_id`` and ``becomes``, and
        ``candidates``: all names of the level that fit. If there are several, none is chosen.

    Raises
    ------
    MissingKeyError
        There is no such term.

    Examples
    --------
    >>> import mappedviz as mv
    >>> table = mv.ontology.roll_up(["CD4_T", "CD14+ Monocytes", "pDC"], ["T cell", "monocyte"])
    >>> table[["label", "becomes"]].to_numpy().tolist()
    [['CD4_T', 'T cell'], ['CD14+ Monocytes', 'monocyte'], ['pDC', None]]
    >>> mv.ontology.roll_up(["monocyte"], ["phagocyte", "myeloid cell"])["candidates"].tolist()
    [('myeloid cell', 'phagocyte')]
    """
    import pandas as pd

    of, wanted, rows = terms().of, targets(level), []
    for label in _distinct(labels):
        term = _one_term(label, only)
        above = () if term is None else rolled(term, wanted)
        one = above[0] if len(above) == 1 else None
        name, becomes = (None if each is None else of[each].name for each in (term, one))
        rows.append((label, term, name, one, becomes, tuple(sorted(of[a].name for a in above))))
    columns = ["label", "id", "name", "becomes_id", "becomes", "candidates"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def ancestors(term: str) -> pd.DataFrame:
    """The terms above one, nearest first: DataFrame id, name, distance.

    Parameters
    ----------
    term
        Identifier, name or synonym.

    Raises
    ------
    MissingKeyError
        There is no such term.

    Examples
    --------
    >>> import mappedviz as mv
    >>> mv.ontology.ancestors("T cell")["name"].tolist()[:2]
    ['lymphocyte', 'mononuclear leukocyte']
    """
    import pandas as pd

    every = terms()
    above = every.above(every.named(term))
    rows = [(name, every.of[name].name, far) for name, far in above.items()]
    return pd.DataFrame(rows, columns=["id", "name", "distance"])


def _one_term(label: Any, only: Sequence[str]) -> str | None:
    """The one term that a label means, if it is recognised in one of some ways."""
    found = matches(label) if isinstance(label, str) else ()
    return found[0].id if len(found) == 1 and found[0].how in only else None


def _distinct(labels: Iterable[Any]) -> list[Any]:
    """Labels in their order, each once, missing ones left out."""
    several = [labels] if isinstance(labels, str) else labels
    return [one for one in dict.fromkeys(several) if one is not None and one == one]
