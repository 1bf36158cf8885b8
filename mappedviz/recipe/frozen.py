"""A dict that is a value."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

_V = TypeVar("_V")


class FrozenDict(dict[str, _V]):
    """A dict that cannot be changed, so that whatever holds it is a value."""

    def _frozen(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this value cannot be changed; make a new one with replace(…)")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _frozen

    def __hash__(self) -> int:  # type: ignore[override]  # frozen, hence hashable
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)
