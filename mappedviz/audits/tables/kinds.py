"""Labels and the kinds of cells that they may mean, by the Cell Ontology."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mappedviz.audits.tables.frames import plain_text
from mappedviz.ontology import HOWS, roll_up, suggest

if TYPE_CHECKING:
    import pandas as pd

    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.ontology.rolling import Level


def kinds_table(
    labels: LabelTable, level: Level | None = None, most: int | None = None
) -> pd.DataFrame:
    """Terms of the Cell Ontology that labels may mean, the most frequent label first.

    Parameters
    ----------
    labels
        The labels.
    level
        Roll terms up to a level: see :func:`mappedviz.ontology.roll_up`.
    most
        Only so many labels, the most frequent ones; default: all.

    Returns
    -------
    DataFrame
        One row per label and term: ``label``, ``n`` cells, ``n_stores``, and as
        :func:`mappedviz.ontology.suggest` has it ``id``, ``name``, ``how``, ``score``; ``becomes``, the name of the
        term or of the one above it at the level, None if there is none or several fit; and all that
        fit, ``candidates``.

    Examples
    --------
    >>> import numpy as np
    >>> from mappedviz.audits import LabelTable
    >>> table = LabelTable.of("k", ["a"], [(["NK", "CD4_T", "7"], np.array([3, 5, 1]), 0)])
    >>> kinds_table(table, ["lymphocyte"])[["label", "n", "name", "becomes"]].to_numpy().tolist()
    [['CD4_T', 5, 'CD4-positive, alpha-beta T cell', 'lymphocyte'],
     ['NK', 3, 'natural killer cell', 'lymphocyte'], ['7', 1, None, None]]
    """
    import pandas as pd

    total = labels.total.sort_values(ascending=False, kind="stable").iloc[:most]
    table = suggest(total.index)
    table.insert(1, "n", table["label"].map(total))
    table.insert(2, "n_stores", table["label"].map(labels.n_stores))
    of_label: dict[Any, tuple[Any, ...]] = {}
    if level is None:
        for label, name in zip(table["label"], table["name"], strict=True):
            of_label[label] = (*of_label.get(label, ()), *([] if name is None else [name]))
    else:
        rolled = roll_up(total.index, level, HOWS)
        of_label = dict(zip(rolled["label"], rolled["candidates"], strict=True))
    fitting = [of_label[label] for label in table["label"]]
    one = [names[0] if len(names) == 1 else None for names in fitting]
    table["becomes"] = pd.Series(one, dtype=object, index=table.index)
    table["candidates"] = pd.Series(fitting, dtype=object, index=table.index)
    return plain_text(table)
