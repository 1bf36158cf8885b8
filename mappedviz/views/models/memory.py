"""Results of an audit that are kept as long as the audit is."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from mappedviz.audits.result import Audit

P = ParamSpec("P")
T = TypeVar("T")


def of_audit(
    make: Callable[Concatenate[Audit, P], T],
) -> Callable[Concatenate[Audit, P], T]:
    """Mark a function of an audit and hashable values that is called for every change of a page.

    Its result belongs to all who call it, so it must not be changed.
    """
    known: WeakKeyDictionary[Any, dict[Any, T]] = WeakKeyDictionary()

    @wraps(make)
    def remembered(audit: Audit, /, *args: P.args, **kwargs: P.kwargs) -> T:
        of_this = known.setdefault(audit, {})
        key = (args, tuple(sorted(kwargs.items())))
        if key not in of_this:
            of_this[key] = make(audit, *args, **kwargs)
        return of_this[key]

    return remembered
