"""Labels: merge, encode, count. Pure functions over integer codes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Self, TypeAlias, TypeVar, cast

import numpy as np

from mappedviz._types import Array
from mappedviz.errors import MissingKeyError, RecipeError

Label: TypeAlias = str | int | float | bool
_L = TypeVar("_L")
_INFINITY = "__float__"


def as_label(value: Any) -> Label | None:
    """A label as a native scalar; None for each spelling of a missing one.

    NaN, None, ``pd.NA`` and ``pd.NaT`` are missing; the string ``"nan"`` is a label.

    Examples
    --------
    >>> as_label(np.int64(3)), as_label(float("nan")), as_label("nan")
    (3, None, 'nan')
    """
    if type(value) is str:  # nearly all are, and there may be a million
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return value if value == value else None
    if str(value) in ("<NA>", "NaT"):  # pd.NA refuses comparison; pandas need not be imported
        return None
    raise RecipeError(
        f"{value!r} of type {type(value).__name__} is no label",
        remedy="Labels are strings, numbers and booleans.",
    )


def sort_labels(labels: Iterable[Label]) -> list[Label]:
    """Distinct labels in one total order: numbers and booleans by value, then strings.

    ``1``, ``1.0`` and True are one label, as they are one key of a dict; ``1`` and ``"1"`` are two.
    Labels that are not all of one type are spelled as :func:`canonical` does it, so that no
    spelling depends on which one came first.

    Examples
    --------
    >>> sort_labels(["b", 10, 2, "10", "a", 2])
    [2, 10, '10', 'a', 'b']
    >>> sort_labels([2.0, 1.0]), sort_labels([2.0, 1]), sort_labels([True, 0.5])
    ([1.0, 2.0], [1, 2], [0.5, 1])
    """
    distinct: dict[Label, Label] = {}
    kinds = set()
    for label in labels:
        distinct.setdefault(label, label)
        kinds.add(type(label))
    numbers = sorted(label for label in distinct if not isinstance(label, str))
    if len(kinds - {str}) > 1:
        numbers = [canonical(number) for number in numbers]
    return [*numbers, *sorted(label for label in distinct if isinstance(label, str))]


def canonical(label: _L) -> _L:
    """The spelling that equal labels share: an integer if one is equal to it.

    Examples
    --------
    >>> canonical(1.0), canonical(True), canonical(0.5), canonical("1.0"), canonical(("a", 2.0))
    (1, 1, 0.5, '1.0', ('a', 2))
    """
    if isinstance(label, tuple):
        return cast(_L, tuple(canonical(one) for one in label))
    if isinstance(label, bool) or (isinstance(label, float) and label.is_integer()):
        return cast(_L, int(label))
    return label


def code_of_label(label: Any) -> str:
    """Return code for a label: infinity is no literal.

    Examples
    --------
    >>> code_of_label("a"), code_of_label(float("inf"))
    ("'a'", "float('inf')")
    """
    return f"float('{label}')" if _is_infinite(label) else repr(label)


def number_for_json(label: Any) -> Any:
    """Return a label as JSON has it: there is no infinity, and readers stop at one."""
    return {_INFINITY: str(label)} if _is_infinite(label) else label


def number_of_json(read: dict[str, Any]) -> Any:
    """Return what :func:`number_for_json` had: a hook for :func:`json.loads`."""
    return float(read[_INFINITY]) if set(read) == {_INFINITY} else read


def _is_infinite(label: Any) -> bool:
    return isinstance(label, float) and label in (np.inf, -np.inf)


def smallest_int(n: int) -> np.dtype[Any]:
    """The smallest signed integer type that holds -1 … n - 1."""
    return np.min_scalar_type(-max(n, 1))


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of all rows: codes into sorted categories.

    Attributes
    ----------
    codes
        Smallest signed integers (n_rows,); -1 where a row has no label.
    categories
        The labels that the codes point to, sorted, unused ones included.
    """

    codes: Array
    categories: tuple[Label, ...]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def merge(cls, parts: Sequence[tuple[Array, Sequence[Any]] | int]) -> Labels:
        """Merge the labels of several stores.

        Parameters
        ----------
        parts
            Per store its codes and categories, or its number of rows where it has none.
            A category that is missing (None, NaN) is no category: its rows get -1.

        Examples
        --------
        >>> merged = Labels.merge([(np.array([0, 1]), ["T", "B"]), 1, (np.array([0]), ["NK"])])
        >>> merged.codes, merged.categories
        (array([ 2,  0, -1,  1], dtype=int8), ('B', 'NK', 'T'))
        """
        native = [
            [] if isinstance(part, int) else [as_label(label) for label in part[1]]
            for part in parts
        ]
        categories = sort_labels(label for part in native for label in part if label is not None)
        code_of: dict[Hashable, int] = {label: code for code, label in enumerate(categories)}
        dtype = smallest_int(len(categories))
        merged = []
        for part, labels in zip(parts, native, strict=True):
            if isinstance(part, int):
                merged.append(np.full(part, -1, dtype=dtype))
                continue
            # One more entry than categories: code -1 picks the last one, which is -1.
            table = np.array(
                [-1 if label is None else code_of[label] for label in labels] + [-1], dtype=dtype
            )
            merged.append(table[part[0]])
        codes = np.concatenate(merged) if merged else np.empty(0, dtype=dtype)
        return cls(codes, tuple(categories))

    @classmethod
    def combine(cls, several: Sequence[Labels], separator: str = "__") -> Labels:
        """Labels of several keys as one: row i is the labels of row i, joined as text.

        A row that misses one of them has no label. Rows have the same label if and only if they
        have the same labels of all keys: where two combinations would give the same text, both are
        spelled as tuples.

        Examples
        --------
        >>> a = Labels(np.array([0, 1, -1]), ("B", "T"))
        >>> b = Labels(np.array([0, 0, 0]), ("x",))
        >>> Labels.combine([a, b]).categories
        ('B__x', 'T__x')
        >>> a, b = Labels(np.array([0, 1]), ("a", "a__b")), Labels(np.array([0, 1]), ("b__c", "c"))
        >>> Labels.combine([a, b]).categories
        ("('a', 'b__c')", "('a__b', 'c')")
        """
        if len(several) == 1:
            return several[0]
        codes, tuples = combinations(several)
        texts = [separator.join(map(str, one)) for one in tuples]
        while len(set(texts)) < len(texts):
            found = Counter(texts)
            texts = [
                repr(one) if found[text] > 1 else text
                for one, text in zip(tuples, texts, strict=True)
            ]
        return cls.merge([(codes, texts)])

    def counts(self) -> Array:
        """Rows per category, int64 (n_categories,)."""
        return np.bincount(self.codes.astype(np.int64) + 1, minlength=len(self.categories) + 1)[1:]

    @property
    def n_missing(self) -> int:
        """Rows without a label."""
        return int((self.codes < 0).sum())

    def values(self) -> Array:
        """Labels (n_rows,), NaN if missing: numbers where one type holds all labels, else objects."""
        missing = self.codes < 0
        some = bool(missing.any())
        categories = _label_array(self.categories, missing=some)
        if not some:
            return categories[self.codes] if len(categories) else categories[:0]
        if not len(categories):
            return np.full(len(self.codes), np.nan)
        values = categories[self.codes]
        values[missing] = np.nan
        return values

    def fill_missing(self, label: Label) -> Labels:
        """The same rows, those without a label together with those that have this one.

        Examples
        --------
        >>> labels = Labels(np.array([0, -1, 1]), ("B", "T"))
        >>> labels.fill_missing("T").codes, labels.fill_missing("A").categories
        (array([0, 1, 1], dtype=int8), ('A', 'B', 'T'))
        """
        if not self.n_missing:
            return self
        n = len(self.categories)
        codes = np.where(self.codes < 0, n, self.codes.astype(np.int64))
        return Labels.merge([(codes, [*self.categories, label])])

    def relabel(self, mapping: Mapping[Any, Any]) -> Labels:
        """The same rows with some labels renamed; a label renamed to None is missing.

        Examples
        --------
        >>> labels = Labels(np.array([0, 1, 2]), ("CD4 T", "CD4_T", "junk"))
        >>> labels.relabel({"CD4_T": "CD4 T", "junk": None}).codes
        array([ 0,  0, -1], dtype=int8)
        """
        return Labels.merge([(self.codes, [mapping.get(c, c) for c in self.categories])])


def combinations(several: Sequence[Labels]) -> tuple[Array, list[tuple[Label, ...]]]:
    """The combinations of labels that rows have: codes (n_rows,), and the tuples that they point to.

    A row that misses one of the labels has code -1. The tuples are in the order of their labels.

    Examples
    --------
    >>> a = Labels(np.array([0, 1, -1, 0]), ("B", "T"))
    >>> b = Labels(np.array([0, 0, 0, 0]), ("x", "unused"))
    >>> combinations([a, b])
    (array([ 0,  1, -1,  0]), [('B', 'x'), ('T', 'x')])
    """
    codes = several[0].codes.astype(np.int64)
    tuples: list[tuple[Label, ...]] = [(label,) for label in several[0].categories]
    for labels in several[1:]:
        n = len(labels.categories)
        pair = np.where((codes < 0) | (labels.codes < 0), -1, codes * n + labels.codes)
        used, codes = np.unique(pair, return_inverse=True)
        if len(used) and used[0] == -1:
            used, codes = used[1:], codes - 1
        tuples = [(*tuples[one // n], labels.categories[one % n]) for one in used.tolist()]
    return codes, tuples


def _label_array(categories: Sequence[Label], *, missing: bool = False) -> Array:
    """Labels as an array; objects where numbers of one type would not hold them."""
    kinds = {type(label) for label in categories}
    if (kinds and kinds <= {int, float}) or kinds == {bool}:
        as_floats = missing or float in kinds
        if not as_floats:
            with suppress(OverflowError):
                array = np.array(categories)
                if array.dtype.kind in "iub":  # int64 and uint64 together become floats
                    return array
        elif kinds != {bool} and all(_is_float(label) for label in categories):
            return np.array(categories, dtype=np.float64)
    array = np.empty(len(categories), dtype=object)
    array[:] = categories
    return array


def _is_float(number: Any) -> bool:
    try:
        return bool(float(number) == number)
    except OverflowError:
        return False


class Encoder(dict[Label, int]):
    """A frozen mapping label -> code, as a dict that cannot be changed.

    Codes are 0 … n-1; the unknown label, if there is one, is -1. Encoders made from the
    same labels are identical in every process, whatever its hash seed.

    Parameters
    ----------
    codes
        Label -> code.

    Raises
    ------
    RecipeError
        The codes are not 0 … n-1 (each once) and at most -1.

    Examples
    --------
    >>> encoder = Encoder.from_categories(["T", "B", "unknown"], unknown_label="unknown")
    >>> dict(encoder), encoder.classes
    ({'unknown': -1, 'B': 0, 'T': 1}, ('B', 'T'))
    >>> Encoder.from_json(encoder.to_json()) == encoder
    True
    """

    def __init__(self, codes: Mapping[Any, int] | Iterable[tuple[Any, int]]) -> None:
        pairs = dict(codes)
        clean: dict[Label, int] = {}
        for label, code in pairs.items():
            native = as_label(label)
            if native is None or isinstance(code, bool) or not isinstance(code, (int, np.integer)):
                raise RecipeError(
                    f"maps {label!r} to {code!r}",
                    key="encoders",
                    remedy="Map labels to integers; a missing label needs no code.",
                )
            clean[native] = int(code)
        positive = sorted(code for code in clean.values() if code != -1)
        if positive != list(range(len(positive))):
            raise RecipeError(
                f"has the codes {positive[:10]}, not each of 0 … {len(positive) - 1} once",
                key="encoders",
                remedy="Give every class its own code from 0 upwards, and -1 to unknown labels.",
            )
        super().__init__(clean)

    @classmethod
    def from_categories(
        cls, categories: Iterable[Any], unknown_label: Any | None = None
    ) -> Encoder:
        """Sorted categories -> 0 … n-1; ``unknown_label``, if it is one of them, -> -1."""
        native = (as_label(label) for label in categories)
        labels = sort_labels(label for label in native if label is not None)
        unknown = as_label(unknown_label)
        codes: dict[Label, int] = {}
        if unknown is not None and unknown in labels:
            labels.remove(unknown)
            codes[unknown] = -1
        codes.update({label: code for code, label in enumerate(labels)})
        return cls(codes)

    @property
    def classes(self) -> tuple[Label, ...]:
        """The labels of the codes 0 … n-1, in order."""
        return tuple(
            sorted((label for label, code in self.items() if code >= 0), key=self.__getitem__)
        )

    def table(
        self,
        categories: Sequence[Label],
        *,
        unseen: Literal["error", "ignore"] = "error",
        key: str = "",
    ) -> Array:
        """Codes of categories (n + 1,) in the smallest type; the last entry, -1, is 'missing'.

        Raises
        ------
        MissingKeyError
            A category has no code and ``unseen`` is ``"error"``.
        """
        new = [label for label in categories if label not in self]
        if new and unseen == "error":
            raise MissingKeyError(
                f"{len(new)} labels have no code in the encoder: {new[:5]}",
                key=key,
                remedy='Relabel them, or give unseen="ignore" to code them -1.',
            )
        codes = [self.get(label, -1) for label in categories] + [-1]
        return np.array(codes, dtype=smallest_int(len(self)))

    def to_json(self) -> str:
        """JSON text; labels keep their type."""
        pairs = [[number_for_json(label), code] for label, code in self.items()]
        return json.dumps({"schema": 1, "codes": pairs}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The encoder that :meth:`to_json` wrote.

        Raises
        ------
        RecipeError
            The text is not such JSON.
        """
        try:
            value = json.loads(text, object_hook=number_of_json)
            if value["schema"] != 1:
                raise ValueError(f"schema {value['schema']}")
            return cls([(label, code) for label, code in value["codes"]])
        except (ValueError, TypeError, KeyError) as error:
            raise RecipeError(
                f"is no encoder in JSON ({error})",
                key="encoders",
                remedy="Write it with Encoder.to_json().",
            ) from error

    def __repr__(self) -> str:
        pairs = ", ".join(f"{code_of_label(label)}: {code}" for label, code in self.items())
        return f"Encoder({{{pairs}}})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    def __hash__(self) -> int:  # type: ignore[override]  # frozen, hence hashable
        return hash(frozenset(self.items()))

    def _frozen(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("an Encoder cannot be changed; make a new one from dict(encoder)")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _frozen
