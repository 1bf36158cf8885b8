"""A condition on obs as text, such as ``"n_genes > 200 and tissue not in ['blood']"``.

Recipes come from others, so nothing of the text is executed: it is parsed as Python, and only
comparisons, ``and``, ``or``, ``not``, ``in``, arithmetic, names of columns, and values are taken.
Values are compared as pandas does it.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import RecipeError, RecipeTypeError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Query"]

_KEY = "obs_query"
_EXAMPLE = "Write it as \"n_genes > 200 and tissue not in ['blood'] and not is_doublet\"."
_LONGEST = 10_000  # of a text, which Python's parser would take its time for
_QUOTED = re.compile(r"`([^`]*)`|('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_COUNTED: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class Query:
    """A condition on obs columns.

    Parameters
    ----------
    text
        The condition. A name that is no identifier stands in backticks: ``"`cell type` == 'T'"``.

    Attributes
    ----------
    columns
        The obs columns that it names, in their order.

    Raises
    ------
    RecipeError
        It is no condition of the kind that is taken.

    Examples
    --------
    >>> import pandas as pd
    >>> query = Query("n > 2 and kind not in ['a'] and not bad")
    >>> query.columns
    ('n', 'kind', 'bad')
    >>> columns = {"n": [1, 3, 5], "kind": ["a", "b", None], "bad": [False, False, False]}
    >>> query.mask({name: pd.Series(values) for name, values in columns.items()}, 3)
    array([False,  True,  True])
    """

    text: str
    columns: tuple[str, ...] = field(init=False)
    _tree: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise RecipeTypeError(
                f"is {self.text!r:.100} of type {type(self.text).__name__}",
                key=_KEY,
                remedy=_EXAMPLE,
            )
        if len(self.text) > _LONGEST:
            raise RecipeError(
                f"has {len(self.text):,} characters", key=_KEY, remedy="Use obs_filter= for lists."
            )
        names: dict[str, str] = {}

        def plain(found: re.Match[str]) -> str:
            if found[1] is None:
                return found[0]  # a text
            return names.setdefault(found[1], f"_quoted_{len(names)}_")

        quoted = _QUOTED.sub(plain, self.text)
        try:
            tree = ast.parse(quoted.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise self._refused(f"is no expression ({error})") from error
        back = {inside: name for name, inside in names.items()}
        columns: dict[str, None] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = back.get(node.id, node.id)
        self._check(tree, columns)
        object.__setattr__(self, "columns", tuple(columns))
        object.__setattr__(self, "_tree", tree)
        if not columns:
            raise self._refused("names no column")

    def mask(self, columns: Mapping[str, pd.Series[Any] | None], n: int) -> Array:
        """Return which of `n` rows meet the condition: boolean (n,).

        Parameters
        ----------
        columns
            The columns by name, each (n,); None for one that the store lacks: it has no value then.
        n
            Number of rows.

        Raises
        ------
        RecipeError
            The values cannot be compared so.
        """
        import pandas as pd

        try:
            values = {name: _Absent(n) if one is None else one for name, one in columns.items()}
            found = _truth(self._value(self._tree, values))
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self._refused(f"does not fit the values ({error})") from error
        if not isinstance(found, pd.Series):
            return np.full(n, bool(found))
        return np.asarray(found.astype("boolean").fillna(False), dtype=bool)

    # --- what is taken ------------------------------------------------------------------

    def _refused(self, why: str) -> RecipeError:
        return RecipeError(f"{self.text!r:.200} {why}", key=_KEY, remedy=_EXAMPLE)

    def _check(self, node: ast.expr, columns: dict[str, None]) -> None:
        """Refuse whatever is no part of a condition, and note the columns in their order."""
        match node:
            case ast.BoolOp(values=values):
                parts = values
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                parts = [operand]
            case ast.Compare(left=left, ops=ops, comparators=others) if all(
                type(op) in _COMPARED or isinstance(op, (ast.In, ast.NotIn)) for op in ops
            ):
                for op, other in zip(ops, others, strict=True):
                    if isinstance(op, (ast.In, ast.NotIn)) and not isinstance(
                        other, (ast.List, ast.Tuple, ast.Set)
                    ):
                        raise self._refused("has an `in` without a list of values behind it")
                parts = [left, *others]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _COUNTED:
                parts = [left, right]
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                if not all(_is_value(one) for one in parts):
                    raise self._refused("has a list that holds more than values")
            case ast.Name(id=name):
                columns[name] = None
                return
            case ast.Constant(value=value) if value is None or isinstance(
                value, (str, bool, int, float)
            ):
                return
            case _:
                raise self._refused(
                    f"has {ast.unparse(node)!r:.80}, which is neither a comparison, a column nor a value"
                )
        for part in parts:
            self._check(part, columns)

    # --- what it is worth ---------------------------------------------------------------

    def _value(self, node: ast.expr, columns: Mapping[str, Any]) -> Any:
        match node:
            case ast.BoolOp(op=op, values=values):
                both = operator.and_ if isinstance(op, ast.And) else operator.or_
                return reduce(both, (_truth(self._value(one, columns)) for one in values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                truth = _truth(self._value(operand, columns))
                return ~truth if hasattr(truth, "index") else not truth
            case ast.UnaryOp(operand=operand):
                found = self._value(operand, columns)
                return found if isinstance(found, _Absent) else -found
            case ast.Compare(left=left, ops=ops, comparators=others):
                values = [self._value(one, columns) for one in (left, *others)]
                pairs = zip(values[:-1], ops, values[1:], strict=True)
                return reduce(operator.and_, (_compared(a, op, b) for a, op, b in pairs))
            case ast.BinOp(left=left, op=op, right=right):
                pair = self._value(left, columns), self._value(right, columns)
                absent = next((one for one in pair if isinstance(one, _Absent)), None)
                return _COUNTED[type(op)](*pair) if absent is None else absent
            case ast.List() | ast.Tuple() | ast.Set():
                return [ast.literal_eval(one) for one in node.elts]
            case ast.Name(id=name):
                return columns[name]
            case ast.Constant(value=value):
                return value
        raise AssertionError(node)  # _check let it through


@dataclass(frozen=True)
class _Absent:
    """A column that a store lacks: no row has a value."""

    n: int

    def compared(self, how: ast.cmpop, other: Any) -> pd.Series[Any]:
        """Return what comparing NaN with anything is."""
        import pandas as pd

        equal = other is None  # `x == None`
        unlike = isinstance(how, (ast.NotEq, ast.NotIn))
        is_true = equal != unlike if isinstance(how, (ast.Eq, ast.NotEq)) else unlike
        return pd.Series(np.full(self.n, is_true))

    def truth(self) -> pd.Series[Any]:
        """Return what NaN is where True or False is asked for."""
        import pandas as pd

        return pd.Series(pd.NA, index=range(self.n), dtype="boolean")


def _is_value(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and (
        node.value is None or isinstance(node.value, (str, bool, int, float))
    )


def _compared(left: Any, how: ast.cmpop, right: Any) -> Any:
    import pandas as pd

    for one, other in ((left, right), (right, left)):
        if isinstance(one, _Absent):
            return one.compared(how, other)
    if isinstance(how, (ast.In, ast.NotIn)):
        found = left.isin(right) if isinstance(left, pd.Series) else left in right
        if isinstance(how, ast.In):
            return found
        return ~found if isinstance(found, pd.Series) else not found
    if right is None or left is None:  # `x == None`: has no value
        column = left if right is None else right
        missing = column.isna() if isinstance(column, pd.Series) else column is None
        if isinstance(how, (ast.Eq, ast.NotEq)):
            return missing if isinstance(how, ast.Eq) else ~missing
    return _COMPARED[type(how)](left, right)


def _truth(value: Any) -> Any:
    """A column of True and False, or one of numbers that are 0 or not."""
    import pandas as pd

    if isinstance(value, _Absent):
        return value.truth()
    if not isinstance(value, pd.Series):
        return bool(value)
    if pd.api.types.is_bool_dtype(value.dtype):
        return value
    if pd.api.types.is_numeric_dtype(value.dtype):
        return value.astype("Float64").ne(0)
    present = value.dropna()
    if all(isinstance(one, (bool, np.bool_)) for one in present):
        return value.astype("boolean")
    raise TypeError(f"{value.name!r} holds {present.iloc[0]!r}, which is neither true nor false")
