"""The recipe: everything that a user decided about a collection, as one frozen value.

It travels: made in a notebook, saved as JSON, loaded by a training script.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, TypeAlias, TypeVar

import numpy as np

from mappedviz._types import PathLike, store_suffix
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.labels import Encoder, Label, as_label
from mappedviz.recipe.weights import Scheme, scheme_of
from mappedviz.text.files import write_text

if TYPE_CHECKING:
    from mappedviz.recipe.joins import Duplicates

Join: TypeAlias = Literal["inner", "outer"] | None
SCHEMA = 1
_V = TypeVar("_V")


class FrozenDict(dict[str, _V]):
    """A dict that cannot be changed, so that a recipe holding it is a value."""

    def _frozen(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a recipe cannot be changed; make a new one with recipe.replace(…)")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _frozen

    def __hash__(self) -> int:  # type: ignore[override]  # frozen, hence hashable
        return hash(tuple(sorted((key, repr(value)) for key, value in self.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


_NOTHING: FrozenDict[Any] = FrozenDict()


def store_names(path: PathLike) -> tuple[str, str, str]:
    """The ways to name a store in a recipe: its path, its file name, that without the suffix.

    Examples
    --------
    >>> store_names("/data/pbmc.h5ad")
    ('/data/pbmc.h5ad', 'pbmc.h5ad', 'pbmc')
    """
    text = os.fspath(path)
    name = Path(text).name
    return text, name, name.removesuffix(store_suffix(name))


def choose_for_store(choices: Mapping[str, _V], path: PathLike, default: _V) -> _V:
    """Value of a ``{store: value}`` mapping for a store, by any of its names."""
    for name in (*store_names(path), os.path.abspath(path)):
        if name in choices:
            return choices[name]
    return default


@dataclass(frozen=True, kw_only=True, repr=False)
class Recipe:
    """Decisions about a collection: what is read from which stores, and how they become one.

    Every field but ``paths`` and those below has the meaning and the default of the parameter of
    :class:`~mappedviz.MappedCollection` with the same name. How the machine reads
    (``parallel``, ``cache_bytes``, …) is not part of a recipe: it changes no result.

    Attributes
    ----------
    weights_keys, weights_scheme, weights_scaler
        How rows are weighed where a loader is asked for ``weights=True``: see
        :meth:`MappedCollection.get_label_weights <mappedviz.MappedCollection.get_label_weights>`.
    split_by
        The obs key of what must not be on both sides of a split, such as ``"donor"``; None
        splits single rows.
    split_fraction, split_seed
        Share of the rows for validation, and the seed: see
        :meth:`MappedCollection.split <mappedviz.MappedCollection.split>`.

    Raises
    ------
    RecipeError
        The fields contradict each other, or a value is not among the valid ones.
    RecipeTypeError
        A field has the wrong type.

    Examples
    --------
    >>> recipe = Recipe(paths=["a.h5ad", "b.zarr"], obs_keys="cell_type", join="outer")
    >>> recipe
    Recipe(paths=('a.h5ad', 'b.zarr'), obs_keys=('cell_type',), join='outer')
    >>> Recipe.from_json(recipe.to_json()) == recipe
    True
    >>> recipe.replace(min_stores=2).min_stores
    2
    >>> Recipe(weights_keys="cell_type", weights_scaler=1000, split_by="donor")
    Recipe(weights_keys=('cell_type',), weights_scaler=1000.0, split_by='donor')
    """

    paths: tuple[str, ...] = ()
    layers_keys: tuple[str, ...] = ("X",)
    obs_keys: tuple[str, ...] = ()
    obsm_keys: tuple[str, ...] = ()
    join: Join = "inner"
    encode_labels: bool | tuple[str, ...] = True
    unknown_label: Label | FrozenDict[Label | None] | None = None
    dtype: str | None = None
    obs_filter: FrozenDict[tuple[Label | None, ...]] = _NOTHING
    var_key: str | FrozenDict[str | None] | None = None
    strip_version: bool = False
    duplicates: Duplicates = "error"
    min_stores: int | None = None
    var_names: tuple[str, ...] | None = None
    obs_alias: FrozenDict[tuple[str, ...] | FrozenDict[str]] = _NOTHING
    relabel: FrozenDict[tuple[tuple[Label, Label | None], ...]] = _NOTHING
    encoders: FrozenDict[Encoder] = _NOTHING
    unseen: Literal["error", "ignore"] = "error"
    on_error: Literal["raise", "skip"] = "raise"
    weights_keys: tuple[str, ...] = ()
    weights_scheme: Scheme | None = None
    weights_scaler: float | None = None
    split_by: str | None = None
    split_fraction: float = 0.2
    split_seed: int = 0

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "paths", _paths(self.paths))
        put(self, "layers_keys", _names("layers_keys", self.layers_keys) or ("X",))
        put(self, "obs_keys", _names("obs_keys", self.obs_keys))
        put(self, "obsm_keys", _names("obsm_keys", self.obsm_keys))
        _one_of("join", self.join, ("inner", "outer", None))
        _one_of("duplicates", self.duplicates, ("error", "first", "sum"))
        _one_of("unseen", self.unseen, ("error", "ignore"))
        _one_of("on_error", self.on_error, ("raise", "skip"))
        if not isinstance(self.strip_version, (bool, np.bool_)):
            raise _wrong_type("strip_version", self.strip_version, "True or False")
        self._check_encode_labels()
        self._check_unknown_label()
        self._check_dtype()
        put(self, "obs_filter", _filter(self.obs_filter))
        put(self, "var_key", _var_key(self.var_key))
        put(self, "obs_alias", _alias(self.obs_alias))
        put(self, "relabel", _relabel(self.relabel))
        self._check_encoders()
        self._check_join()
        self._check_collisions()
        self._check_weights()
        self._check_split()

    def _check_encode_labels(self) -> None:
        value = self.encode_labels
        if isinstance(value, (bool, np.bool_)):
            object.__setattr__(self, "encode_labels", bool(value))
            return
        names = _names("encode_labels", value)
        absent = [name for name in names if name not in self.obs_keys]
        if absent:
            raise RecipeError(
                f"names {absent}, not among obs_keys {list(self.obs_keys)}",
                key="encode_labels",
                remedy="All elements of encode_labels should be in obs_keys.",
            )
        object.__setattr__(self, "encode_labels", names or False)

    def _check_unknown_label(self) -> None:
        value = self.unknown_label
        if isinstance(value, Mapping):
            absent = [key for key in value if key not in self.encoded_keys]
            if absent:
                raise RecipeError(
                    f"names {absent}, not among the encoded keys {list(self.encoded_keys)}",
                    key="unknown_label",
                    remedy="All keys of unknown_label should be encoded obs_keys.",
                )
            clean: Any = FrozenDict({key: as_label(label) for key, label in value.items()})
        else:
            clean = as_label(value)
        object.__setattr__(self, "unknown_label", clean)

    def _check_dtype(self) -> None:
        if self.dtype is None:
            return
        try:
            name = np.dtype(_plain_dtype(self.dtype)).newbyteorder("=").name
        except TypeError as error:
            raise RecipeTypeError(
                f"is {self.dtype!r}, which is no type of numbers",
                key="dtype",
                remedy="Use a numpy name such as 'float32'.",
            ) from error
        if np.dtype(name).kind not in "iufb":
            raise RecipeError(
                f"is {name!r}, which is no type of numbers",
                key="dtype",
                remedy="Use a numpy name such as 'float32'.",
            )
        object.__setattr__(self, "dtype", name)

    def _check_encoders(self) -> None:
        given: Any = self.encoders or {}  # before this, what the user gave
        if not isinstance(given, Mapping):
            raise _wrong_type("encoders", given, "a dict of obs key -> Encoder")
        absent = [key for key in given if key not in self.encoded_keys]
        if absent:
            raise RecipeError(
                f"are given for {absent}, not among the encoded keys {list(self.encoded_keys)}",
                key="encoders",
                remedy="Give encoders for encoded obs_keys only.",
            )
        made = {
            key: value if isinstance(value, Encoder) else Encoder(value)
            for key, value in given.items()
        }
        object.__setattr__(self, "encoders", FrozenDict(made))

    def _check_join(self) -> None:
        if self.min_stores is not None:
            if isinstance(self.min_stores, bool) or not isinstance(
                self.min_stores, (int, np.integer)
            ):
                raise _wrong_type("min_stores", self.min_stores, "a whole number of stores")
            if self.min_stores < 1:
                raise RecipeError(
                    f"is {self.min_stores}", key="min_stores", remedy="Use a number from 1 upwards."
                )
            object.__setattr__(self, "min_stores", int(self.min_stores))
        if self.var_names is not None:
            names = _names("var_names", self.var_names)
            if len(set(names)) != len(names) or not names:
                raise RecipeError(
                    f"is empty or names a variable twice ({len(names)} names, "
                    f"{len(set(names))} distinct)",
                    key="var_names",
                    remedy="Name each variable once.",
                )
            object.__setattr__(self, "var_names", names)
        if self.min_stores is not None and self.var_names is not None:
            raise RecipeError(
                "are both given, and each says which variables to keep",
                key="min_stores and var_names",
                remedy="Give one of them.",
            )
        if self.join is None and (self.min_stores is not None or self.var_names is not None):
            raise RecipeError(
                "is None, but min_stores and var_names join the stores",
                key="join",
                remedy="Leave join out.",
            )

    def _check_collisions(self) -> None:
        obsm = [f"obsm_{key}" for key in self.obsm_keys]
        keys = [*self.layers_keys, *obsm, *self.obs_keys, "_store_idx"]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise RecipeError(
                f"would write {twice} twice into one sample",
                key="layers_keys, obsm_keys, obs_keys",
                remedy="Give the obs column another name with obs_alias.",
            )

    def _check_weights(self) -> None:
        put = object.__setattr__
        put(self, "weights_keys", _names("weights_keys", self.weights_keys))
        if self.weights_scaler is not None:
            put(self, "weights_scaler", _number("weights_scaler", self.weights_scaler))
        try:
            scheme_of(self.weights_scheme, self.weights_scaler)
        except RecipeError as error:
            error.key = f"weights_{error.key}"
            raise

    def _check_split(self) -> None:
        if self.split_by is not None and not isinstance(self.split_by, str):
            raise _wrong_type("split_by", self.split_by, "the name of one obs column, or None")
        if self.split_by == "":
            raise RecipeError("is empty", key="split_by", remedy="Name an obs column, or use None.")
        fraction = _number("split_fraction", self.split_fraction)
        if not 0 < fraction < 1:
            raise RecipeError(
                f"is {fraction}",
                key="split_fraction",
                remedy="Give the share of the rows for validation: more than 0, less than 1.",
            )
        object.__setattr__(self, "split_fraction", fraction)
        seed = self.split_seed
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise _wrong_type("split_seed", seed, "a whole number")
        if seed < 0:
            raise RecipeError(f"is {seed}", key="split_seed", remedy="Use a number from 0 upwards.")
        object.__setattr__(self, "split_seed", int(seed))

    @property
    def encoded_keys(self) -> tuple[str, ...]:
        """The obs keys whose labels become integers."""
        if self.encode_labels is True:
            return self.obs_keys
        return self.encode_labels or ()

    def unknown_label_of(self, key: str) -> Label | None:
        """The label of ``key`` that is encoded as -1, if there is one."""
        if isinstance(self.unknown_label, FrozenDict):
            return self.unknown_label.get(key)
        return self.unknown_label if key in self.encoded_keys else None

    def replace(self, **changes: Any) -> Self:
        """A recipe with some fields changed."""
        return replace(self, **changes)

    def __repr__(self) -> str:
        return f"Recipe({', '.join(self.code_of(name) for name in self._changed())})"

    def code_of(self, name: str) -> str:
        """One field as an argument in code.

        Examples
        --------
        >>> Recipe(obs_keys="cell_type").code_of("obs_keys")
        "obs_keys=('cell_type',)"
        """
        value = getattr(self, name)
        if name == "relabel":  # reads better as the dict that it was given as
            value = {key: dict(pairs) for key, pairs in value.items()}
        return f"{name}={_plain(value, code=True)!r}"

    def _changed(self) -> Iterator[str]:
        """The fields that differ from their defaults."""
        return (one.name for one in fields(self) if getattr(self, one.name) != one.default)

    def to_json(self) -> str:
        """JSON text with the fields that differ from the defaults and a schema version."""
        content: dict[str, Any] = {"schema": SCHEMA}
        for name in self._changed():
            content[name] = _plain(getattr(self, name), code=False)
        return json.dumps(content, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The recipe that :meth:`to_json` wrote.

        Raises
        ------
        RecipeError
            The text is not such JSON, is of a newer schema, or has unknown fields.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise RecipeError(
                f"is no JSON ({error})", key="recipe", remedy="Write it with Recipe.to_json()."
            ) from error
        if not isinstance(content, dict) or content.pop("schema", None) != SCHEMA:
            raise RecipeError(
                f"is no recipe of schema {SCHEMA}",
                key="recipe",
                remedy="Write it with Recipe.to_json() of this version.",
            )
        unknown = sorted(set(content) - {field.name for field in fields(cls)})
        if unknown:
            raise RecipeError(
                f"has fields that are not known: {unknown}",
                key="recipe",
                remedy="Remove them, or update mappedviz.",
            )
        if "encoders" in content:
            content["encoders"] = {
                key: Encoder([(label, code) for label, code in pairs])
                for key, pairs in content["encoders"].items()
            }
        return cls(**content)

    def save(self, path: PathLike) -> Path:
        """Write the JSON to a file; an existing file stays whole until the new one is."""
        return write_text(path, self.to_json() + "\n")

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """The recipe that :meth:`save` wrote."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))


def _plain(value: Any, *, code: bool) -> Any:
    """Frozen containers as plain ones: for a repr that is code, or for JSON."""
    if isinstance(value, Encoder):
        return dict(value) if code else [[label, number] for label, number in value.items()]
    if isinstance(value, dict):
        return {key: _plain(item, code=code) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [_plain(item, code=code) for item in value]
        return tuple(items) if code else items
    return value


def _plain_dtype(dtype: Any) -> Any:
    """'torch.float32' and torch's own dtypes by their numpy name."""
    text = str(dtype)
    return text.removeprefix("torch.") if text.startswith("torch.") else dtype


def _names(key: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Iterable) or isinstance(value, (bytes, Mapping)):
        raise _wrong_type(key, value, "a string or a list of strings")
    names = list(value)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise _wrong_type(key, wrong[0], "a string or a list of strings")
    return tuple(dict.fromkeys(str(name) for name in names)) if key != "var_names" else tuple(names)


def _number(key: str, value: Any) -> float:
    wrong = isinstance(value, (bool, np.bool_))
    if wrong or not isinstance(value, (int, float, np.integer, np.floating)):
        raise _wrong_type(key, value, "a number")
    if not np.isfinite(value):
        raise RecipeError(f"is {value}", key=key, remedy="Give a finite number.")
    return float(value)


def _paths(value: Any) -> tuple[str, ...]:
    if isinstance(value, (str, os.PathLike)):
        value = [value]
    if not isinstance(value, Iterable) or isinstance(value, (bytes, Mapping)):
        raise _wrong_type("paths", value, "paths of stores")
    paths = []
    for path in value:
        if not isinstance(path, (str, os.PathLike)):
            raise _wrong_type("paths", path, "a string or a Path")
        text = os.fspath(path)
        if not isinstance(text, str) or not text:
            raise _wrong_type("paths", path, "a non-empty string or a Path")
        paths.append(text)
    return tuple(paths)


def _one_of(key: str, value: Any, valid: tuple[Any, ...]) -> None:
    if not isinstance(value, (str, type(None))) or value not in valid:
        raise RecipeError(
            f"is {value!r}",
            key=key,
            remedy=f"Use one of {', '.join(repr(choice) for choice in valid)}.",
        )


def _filter(value: Any) -> FrozenDict[tuple[Label | None, ...]]:
    if value is None:
        return FrozenDict()
    if not isinstance(value, Mapping):
        raise _wrong_type("obs_filter", value, "a dict of obs column -> value or values")
    clean = {}
    for column, wanted in value.items():
        if not isinstance(column, str):
            raise _wrong_type("obs_filter", column, "names of obs columns as strings")
        several = isinstance(wanted, Iterable) and not isinstance(wanted, (str, bytes))
        clean[column] = tuple(
            dict.fromkeys(as_label(one) for one in (wanted if several else [wanted]))
        )
    return FrozenDict(clean)


def _var_key(value: Any) -> str | FrozenDict[str | None] | None:
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, Mapping) or not all(
        isinstance(store, str) and (column is None or isinstance(column, str))
        for store, column in value.items()
    ):
        raise _wrong_type(
            "var_key", value, "a var column, or a dict of store -> var column or None"
        )
    return FrozenDict(value)


def _alias(value: Any) -> FrozenDict[tuple[str, ...] | FrozenDict[str]]:
    if value is None:
        return FrozenDict()
    if not isinstance(value, Mapping):
        raise _wrong_type("obs_alias", value, "a dict of key -> {store: column} or candidates")
    clean: dict[str, tuple[str, ...] | FrozenDict[str]] = {}
    for key, choice in value.items():
        if isinstance(choice, Mapping):
            if not all(isinstance(part, str) for pair in choice.items() for part in pair):
                raise _wrong_type("obs_alias", choice, "a dict of store -> obs column")
            clean[key] = FrozenDict(choice)
        else:
            clean[key] = _names("obs_alias", choice)
    return FrozenDict(clean)


def _relabel(value: Any) -> FrozenDict[tuple[tuple[Label, Label | None], ...]]:
    if value is None:
        return FrozenDict()
    if not isinstance(value, Mapping):
        raise _wrong_type("relabel", value, "a dict of key -> {old: new}")
    clean = {}
    for key, renames in value.items():
        if not isinstance(renames, (Mapping, list, tuple)):
            raise _wrong_type("relabel", renames, "a dict of old label -> new label")
        pairs = []
        for old, new in dict(renames).items():
            label = as_label(old)
            if label is None:
                raise RecipeError(
                    "renames the missing label, which is no label",
                    key=f"relabel[{key!r}]",
                    remedy="Use unknown_label, or obs_filter to drop these rows.",
                )
            pairs.append((label, as_label(new)))
        clean[key] = tuple(pairs)
    return FrozenDict(clean)


def _wrong_type(key: str, value: Any, wanted: str) -> RecipeTypeError:
    return RecipeTypeError(
        f"is {value!r} of type {type(value).__name__}", key=key, remedy=f"Give {wanted}."
    )
