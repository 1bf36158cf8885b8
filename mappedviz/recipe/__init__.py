"""What the user decided, as values: the recipe, labels, weights, joins, splits.

It may import errors, types and text; it knows no file and no torch. A new join rule, split or
weighting is a function on these values, in the module of its noun.
"""

from __future__ import annotations

from mappedviz.recipe.frozen import FrozenDict
from mappedviz.recipe.joins import Duplicates, RowMap, VarJoin, VarNames
from mappedviz.recipe.labels import Encoder, Label, Labels
from mappedviz.recipe.recipe import SCHEMA, Join, Recipe
from mappedviz.recipe.splits import split_groups, split_rows
from mappedviz.recipe.store_paths import choose_for_store, store_names
from mappedviz.recipe.weights import Scheme, class_weights, row_weights

__all__ = [
    "SCHEMA",
    "Duplicates",
    "Encoder",
    "FrozenDict",
    "Join",
    "Label",
    "Labels",
    "Recipe",
    "RowMap",
    "Scheme",
    "VarJoin",
    "VarNames",
    "choose_for_store",
    "class_weights",
    "row_weights",
    "split_groups",
    "split_rows",
    "store_names",
]
