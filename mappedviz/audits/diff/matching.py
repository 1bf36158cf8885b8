"""Which store, and which finding, of one audit is which of another."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from mappedviz.text.addresses import base_name

if TYPE_CHECKING:
    from mappedviz.audits.digests import StoreDigests
    from mappedviz.audits.findings import Finding

_T = TypeVar("_T")

#: Display name -> path and digests.
Stores: TypeAlias = "Mapping[str, tuple[str, StoreDigests | None]]"

#: Checks whose words hold a time that was measured: another one is not a change.
_MEASURED = ("layout",)


def matched_stores(old: Stores, new: Stores) -> list[tuple[str | None, str | None]]:
    """Return pairs of display names: the same path, else the same name, else the same contents.

    Stores without a partner are beside None.

    Examples
    --------
    >>> old = {"a.h5ad": ("/1/a.h5ad", None), "b.h5ad": ("/1/b.h5ad", None)}
    >>> new = {"a.h5ad": ("/2/a.h5ad", None), "c.h5ad": ("/2/c.h5ad", None)}
    >>> matched_stores(old, new)
    [('a.h5ad', 'a.h5ad'), ('b.h5ad', None), (None, 'c.h5ad')]
    """

    def contents(name: str, stores: Stores) -> Hashable:
        digests = stores[name][1]
        if digests is None or digests.cells is None:
            return None
        return digests

    keys: list[Callable[[str, Stores], Hashable]] = [
        lambda name, stores: stores[name][0],
        lambda name, stores: name,
        lambda name, stores: base_name(stores[name][0]),
        contents,
    ]
    partner: dict[str, str] = {}
    for key in keys:
        left = _once((key(name, old), name) for name in old if name not in partner)
        taken = set(partner.values())
        right = _once((key(name, new), name) for name in new if name not in taken)
        partner |= {name: right[one] for one, name in left.items() if one in right}
    found = set(partner.values())
    gone: list[tuple[str | None, str | None]] = [(name, partner.get(name)) for name in old]
    return gone + [(None, name) for name in new if name not in found]


def _once(pairs: Iterator[tuple[Hashable, _T]]) -> dict[Hashable, _T]:
    """Keys that occur once, with their value; None is no key."""
    found: dict[Hashable, list[_T]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: some[0] for key, some in found.items() if len(some) == 1 and key is not None}


def matched_findings(
    old: Sequence[Finding], new: Sequence[Finding], renamed: Mapping[str, str]
) -> list[tuple[Finding | None, Finding | None]]:
    """Return pairs of findings that differ: of one check, the same stores or what is left of both.

    Parameters
    ----------
    old, new
        The findings of both audits.
    renamed
        Display name of a store in the new audit -> that in the old one.
    """

    def stores(finding: Finding, *, is_new: bool) -> frozenset[str]:
        return frozenset(renamed.get(one, one) if is_new else one for one in finding.stores)

    def same_stores(a: Finding, b: Finding) -> bool:
        return stores(a, is_new=False) == stores(b, is_new=True)

    def equal(a: Finding, b: Finding) -> bool:
        return _words(a) == _words(b) and same_stores(a, b)

    def alike(a: Finding, b: Finding) -> bool:
        return True

    left, right = list(old), list(new)
    pairs: list[tuple[Finding | None, Finding | None]] = []
    for same in (equal, same_stores, alike):
        by_id: dict[str, list[Finding]] = {}
        for one in right:
            by_id.setdefault(one.id, []).append(one)
        for a in list(left):
            b = next((one for one in by_id.get(a.id, ()) if same(a, one)), None)
            if b is not None:
                by_id[a.id].remove(b)
                left.remove(a)
                right.remove(b)
                if not equal(a, b):
                    pairs.append((a, b))
    return pairs + [(one, None) for one in left] + [(None, one) for one in right]


def _words(finding: Finding) -> Hashable:
    measured = finding.id in _MEASURED
    return finding.id, finding.severity, None if measured else finding.message
