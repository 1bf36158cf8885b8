"""The recipe: everything that a user decided about a collection, as one frozen value.

It travels: made in a notebook, saved as JSON, loaded by a training script.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np

from mappedviz._types import PathLike
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.recipe.aliases import Aliases, layer_alias_of, obs_alias_of
from mappedviz.recipe.fields import (
    check_one_of,
    code_of,
    code_of_paths,
    dtype_of,
    filter_of,
    found,
    fraction_of,
    holdout_of,
    json_value,
    names_of,
    number_of,
    parts_of,
    paths_of,
    seed_of,
    seen_from_here,
    split_by_of,
    var_key_of,
    wrong_type,
)
from mappedviz.recipe.frozen import FrozenDict
from mappedviz.recipe.in_memory import objects_of, refuse_objects
from mappedviz.recipe.labels import Encoder, Label, as_label, number_of_json
from mappedviz.recipe.query import Query
from mappedviz.recipe.relabels import Renames, plain_renames, relabel_of, renames_in
from mappedviz.recipe.store_paths import BY_KEY, choose_for_store, moved_names
from mappedviz.recipe.var_maps import moved, var_alias_of, var_map_of
from mappedviz.recipe.weights import Scheme, scheme_of
from mappedviz.text.addresses import is_absolute
from mappedviz.text.files import write_text

if TYPE_CHECKING:
    from mappedviz.recipe.joins import Duplicates

Join: TypeAlias = Literal["inner", "outer"] | None
SCHEMA = 1
#: The parts of a split that names none.
PARTS = ("train", "validation")
#: The fields that say how rows are split.
SPLIT_FIELDS = (
    "split_by",
    "split_fraction",
    "split_seed",
    "stratify",
    "split_parts",
    "holdout",
    "part",
    "split_rule",
)
_SINCE_RULE_2 = {"split_rule", "stratify", "split_parts", "holdout", "within", "part"}
_NOTHING: FrozenDict[Any] = FrozenDict()


@dataclass(frozen=True, kw_only=True, repr=False)
class Recipe:
    """Decisions about a collection: what is read from which stores, and how they become one.

    AnnData objects among ``paths`` become addresses (``memory:0``), which mean something in this
    process alone: such a recipe cannot be saved.

    Every field but ``paths`` and those below has the meaning and the default of the parameter of
    :class:`~mappedviz.MappedCollection` with the same name. How the machine reads
    (``parallel``, ``cache_bytes``, …) is not part of a recipe: it changes no result.

    Attributes
    ----------
    weights_keys, weights_scheme, weights_scaler
        How rows are weighed where a loader is asked for ``weights=True``: see
        :meth:`MappedCollection.get_label_weights <mappedviz.MappedCollection.get_label_weights>`.
    split_by
        The obs key of what must not be in several parts of a split, such as ``"donor"``, or several
        keys combined; None splits single rows.
    split_fraction, split_seed, stratify, split_parts, holdout
        Share of the rows for validation, the seed, the keys whose labels should have that share
        each, the names of other parts than training and validation with their shares, and the
        groups that are held out for a part: see
        :meth:`MappedCollection.split <mappedviz.MappedCollection.split>`.
    part
        The part of the split that this recipe describes; None for all rows.
    within
        Where a part was split once more: the splits before, each as a dict of the fields above.
    split_rule
        How the nearest groups are found. 1 is that of recipes that were saved before there
        were two: they keep their rows.

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
    >>> Recipe(split_by="donor", split_parts={"train": 0.8, "test": 0.2}, part="test")
    Recipe(split_by='donor', split_parts={'train': 0.8, 'test': 0.2}, part='test')
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
    obs_query: str | None = None
    var_key: str | FrozenDict[str | None] | None = None
    strip_version: bool = False
    var_map: FrozenDict[str] | None = None
    var_alias: FrozenDict[str] = _NOTHING
    duplicates: Duplicates = "error"
    min_stores: int | None = None
    var_names: tuple[str, ...] | None = None
    layer_alias: Aliases = _NOTHING
    obs_alias: Aliases = _NOTHING
    relabel: FrozenDict[Renames] = _NOTHING
    encoders: FrozenDict[Encoder] = _NOTHING
    unseen: Literal["error", "ignore"] = "error"
    on_error: Literal["raise", "skip"] = "raise"
    weights_keys: tuple[str, ...] = ()
    weights_scheme: Scheme | None = None
    weights_scaler: float | None = None
    split_by: str | tuple[str, ...] | None = None
    split_fraction: float = 0.2
    split_seed: int = 0
    stratify: tuple[str, ...] = ()
    split_parts: tuple[tuple[str, float], ...] = ()
    holdout: FrozenDict[FrozenDict[tuple[Label | None, ...]]] = _NOTHING
    within: tuple[FrozenDict[Any], ...] = ()
    part: str | None = None
    split_rule: int = 2

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "paths", paths_of(self.paths))
        put(self, "_held", objects_of(self.paths))  # no field: they live as long as this recipe
        put(self, "layers_keys", names_of("layers_keys", self.layers_keys) or ("X",))
        put(self, "obs_keys", names_of("obs_keys", self.obs_keys))
        put(self, "obsm_keys", names_of("obsm_keys", self.obsm_keys))
        check_one_of("join", self.join, ("inner", "outer", None))
        check_one_of("duplicates", self.duplicates, ("error", "first", "sum"))
        check_one_of("unseen", self.unseen, ("error", "ignore"))
        check_one_of("on_error", self.on_error, ("raise", "skip"))
        if not isinstance(self.strip_version, (bool, np.bool_)):
            raise wrong_type("strip_version", self.strip_version, "True or False")
        self._check_encode_labels()
        self._check_unknown_label()
        self._check_dtype()
        put(self, "obs_filter", filter_of(self.obs_filter))
        if self.obs_query is not None:
            Query(self.obs_query)  # refuses what is no condition
        put(self, "var_key", var_key_of(self.var_key))
        put(self, "var_map", var_map_of(self.var_map))
        put(self, "var_alias", var_alias_of(self.var_alias))
        put(self, "layer_alias", layer_alias_of(self.layer_alias, self.layers_keys))
        put(self, "obs_alias", obs_alias_of(self.obs_alias))
        put(self, "relabel", relabel_of(self.relabel))
        self._check_encoders()
        self._check_join()
        self._check_collisions()
        self._check_weights()
        self._check_split()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_held"}

    def _check_encode_labels(self) -> None:
        value = self.encode_labels
        if isinstance(value, (bool, np.bool_)):
            object.__setattr__(self, "encode_labels", bool(value))
            return
        names = names_of("encode_labels", value)
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
            name = np.dtype(dtype_of(self.dtype)).newbyteorder("=").name
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
            raise wrong_type("encoders", given, "a dict of obs key -> Encoder")
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
                raise wrong_type("min_stores", self.min_stores, "a whole number of stores")
            if self.min_stores < 1:
                raise RecipeError(
                    f"is {self.min_stores}", key="min_stores", remedy="Use a number from 1 upwards."
                )
            object.__setattr__(self, "min_stores", int(self.min_stores))
        if self.var_names is not None:
            names = names_of("var_names", self.var_names)
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
        put(self, "weights_keys", names_of("weights_keys", self.weights_keys))
        if self.weights_scaler is not None:
            put(self, "weights_scaler", number_of("weights_scaler", self.weights_scaler))
        try:
            scheme_of(self.weights_scheme, self.weights_scaler)
        except RecipeError as error:
            error.key = f"weights_{error.key}"
            raise

    def _check_split(self) -> None:
        put = object.__setattr__
        put(self, "split_by", split_by_of(self.split_by))
        put(self, "split_fraction", fraction_of(self.split_fraction))
        put(self, "split_seed", seed_of(self.split_seed))
        put(self, "stratify", names_of("stratify", self.stratify))
        put(self, "split_parts", parts_of(self.split_parts))
        last = self.split_parts[-1][0] if self.split_parts else PARTS[-1]
        put(self, "holdout", holdout_of(self.holdout, last))
        if self.split_rule not in (1, 2):
            raise RecipeError(
                f"is {self.split_rule!r}",
                key="split_rule",
                remedy="Leave it out; 1 is that of recipes that were saved before there were two.",
            )
        if self.split_parts or self.holdout or len(self.split_keys) > 1:
            put(self, "split_rule", 2)  # the first one has none of these
        named = [name for name, _ in self.split_parts] or PARTS
        if all(name in self.holdout for name in named):
            raise RecipeError(
                "names groups for every part",
                key="holdout",
                remedy="Leave one part without, for the other rows.",
            )
        put(self, "within", tuple(self._step(step) for step in self.within))
        if self.part is not None and self.part not in self.part_names:
            raise RecipeError(
                f"is {self.part!r}",
                key="part",
                remedy=f"Use one of {', '.join(map(repr, self.part_names))}, or None for all rows.",
            )

    def _step(self, given: Any) -> FrozenDict[Any]:
        """One split of ``within``: the fields that differ from their defaults."""
        if not isinstance(given, Mapping) or not set(given) <= set(SPLIT_FIELDS):
            raise wrong_type("within", given, f"dicts of {', '.join(SPLIT_FIELDS)}")
        step = type(self)(**given)
        if step.part is None:
            raise RecipeError("names no part", key="within", remedy="Say which part is split.")
        return step._split()

    def _split(self) -> FrozenDict[Any]:
        changed = set(self._changed())
        return FrozenDict({name: getattr(self, name) for name in SPLIT_FIELDS if name in changed})

    @property
    def split_keys(self) -> tuple[str, ...]:
        """The obs keys of ``split_by``."""
        if isinstance(self.split_by, str):
            return (self.split_by,)
        return self.split_by or ()

    @property
    def part_names(self) -> tuple[str, ...]:
        """The parts of the split in order; the rows without a group are in the first one.

        Examples
        --------
        >>> Recipe().part_names
        ('train', 'validation')
        >>> Recipe(holdout={"test": {"donor": "d1"}}).part_names
        ('train', 'validation', 'test')
        """
        named = [name for name, _ in self.split_parts] or PARTS
        return (*named, *sorted(name for name in self.holdout if name not in named))

    @property
    def splits(self) -> tuple[Self, ...]:
        """The splits that lead to the rows of this recipe, each as a recipe that names the part."""
        defaults = {one.name: one.default for one in fields(self) if one.name in SPLIT_FIELDS}
        steps = [self.replace(within=(), **{**defaults, **step}) for step in self.within]
        return (*steps, *([self.replace(within=())] if self.part is not None else []))

    def keys_of_split(self) -> tuple[str, ...]:
        """The obs keys that the split needs: groups, strata and what is held out."""
        held = [key for keys in self.holdout.values() for key in keys]
        return tuple(dict.fromkeys([*self.split_keys, *self.stratify, *held]))

    def part_split(self, **changes: Any) -> Self:
        """A recipe that splits the rows of this one, which names a part, once more.

        Parameters
        ----------
        **changes
            Fields of the new split. Groups, shares and seed stay; named parts and what is held out
            for them belong to the first split.
        """
        fresh: dict[str, Any] = {"part": None, "split_parts": (), "holdout": FrozenDict()}
        return self.replace(within=(*self.within, self._split()), **{**fresh, **changes})

    @property
    def filter_keys(self) -> tuple[str, ...]:
        """The obs keys that decide which rows are kept: of ``obs_filter`` and ``obs_query``."""
        named = () if self.obs_query is None else Query(self.obs_query).columns
        return tuple(dict.fromkeys([*self.obs_filter, *named]))

    @property
    def encoded_keys(self) -> tuple[str, ...]:
        """The obs keys whose labels become integers."""
        if self.encode_labels is True:
            return self.obs_keys
        return self.encode_labels or ()

    def renames_of(self, key: str, path: PathLike | None = None) -> dict[Label, Label | None]:
        """The new names of the labels of ``key``, by the old ones.

        Parameters
        ----------
        key
            The obs key.
        path
            A store: what holds there. Default: what holds in stores that have no names of their own.

        Examples
        --------
        >>> recipe = Recipe(relabel={"k": {"*": {"T cells": "T"}, "a.h5ad": {"1": "T"}}})
        >>> recipe.renames_of("k"), recipe.renames_of("k", "data/a.h5ad")
        ({'T cells': 'T'}, {'T cells': 'T', '1': 'T'})
        """
        renames: Renames = self.relabel.get(key, ())
        if path is None or not isinstance(renames, FrozenDict):
            return renames_in(renames)
        named = {name: name for name in renames}
        return renames_in(renames, choose_for_store(named, path, None))

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
        if name == "paths":
            return f"paths={code_of_paths(value)}"
        if name == "relabel":  # reads better as the dict that it was given as
            value = {key: plain_renames(renames) for key, renames in value.items()}
        elif name == "split_parts":
            value = dict(value)
        return f"{name}={code_of(value)}"

    def _changed(self) -> Iterator[str]:
        """The fields that differ from their defaults."""
        return (one.name for one in fields(self) if getattr(self, one.name) != one.default)

    def to_json(self) -> str:
        """JSON text with the fields that differ from the defaults and a schema version.

        Raises
        ------
        RecipeError
            Stores are AnnData objects in memory, which no text can name.
        """
        refuse_objects(self.paths)
        content: dict[str, Any] = {"schema": SCHEMA}
        for name in self._changed():
            content[name] = json_value(getattr(self, name))
        if self.split_by is not None:
            content["split_rule"] = self.split_rule  # without it, JSON is of the first rule
        return json.dumps(content, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The recipe that :meth:`to_json` wrote.

        Raises
        ------
        RecipeError
            The text is not such JSON, is of a newer schema, or has unknown fields; or it names
            an AnnData object, which is in the memory of another process.
        """
        try:
            content = json.loads(text, object_hook=number_of_json)
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
        content.pop("paths_from", None)  # says where relative paths start; see load()
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
        if "split_by" in content and not _SINCE_RULE_2 & set(content):
            content["split_rule"] = 1
        made = cls(**content)
        refuse_objects(made.paths)
        return made

    def save(self, path: PathLike) -> Path:
        """Write the JSON to a file; an existing file stays whole until the new one is.

        Relative paths of stores, and of a table of genes, are written as they are seen from the folder
        of the file, so that the file and the stores can be moved together; absolute ones stay absolute.

        Raises
        ------
        RecipeError
            Stores are AnnData objects in memory, which no file can name.
        """
        refuse_objects(self.paths)
        folder = Path(os.path.abspath(path)).parent

        def from_there(one: str) -> str:
            return Path(os.path.relpath(one, folder)).as_posix()

        seen = [one if is_absolute(one) else from_there(one) for one in self.paths]
        var_map = moved(self.var_map, from_there)
        saved = self.replace(paths=seen, var_map=var_map, **self._with_names(from_there))
        content = json.loads(saved.to_json())
        if not all(is_absolute(one) for one in seen) or saved != self:
            content["paths_from"] = "file"
        return write_text(path, json.dumps(content, indent=1) + "\n")

    def _with_names(self, move: Callable[[str], str]) -> dict[str, Any]:
        return moved_names({name: getattr(self, name) for name in ("var_key", *BY_KEY)}, move)

    @classmethod
    def load(cls, path: PathLike, root: PathLike | None = None) -> Self:
        """The recipe that :meth:`save` wrote; its relative paths are made those of this process.

        Parameters
        ----------
        path
            The file.
        root
            Folder that relative paths of stores start from; default: that of the file. (Files of
            :meth:`to_json`, or of earlier versions, do not say where relative paths start: from the
            working directory, or from the folder of the file if there is nothing.)

        Raises
        ------
        OSError
            The file cannot be read.
        RecipeError
            It holds no recipe.
        """
        text = Path(path).read_text(encoding="utf-8")
        recipe = cls.from_json(text)
        known = json.loads(text).get("paths_from") == "file"
        folder = Path(os.path.abspath(path)).parent if root is None else Path(root)

        def from_here(one: str) -> str:
            stays = is_absolute(one) or (root is None and not known and found(one))
            return one if stays else seen_from_here(folder / one)

        var_map, names = moved(recipe.var_map, from_here), recipe._with_names(from_here)
        paths = [from_here(one) for one in recipe.paths]
        return recipe.replace(paths=paths, var_map=var_map, **names)
