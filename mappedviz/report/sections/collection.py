"""A collection as plain values: its stores, what is joined, and its labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mappedviz.collection.matrices import slot_and_facts
from mappedviz.report.values import (
    ORANGE,
    REPR_ROWS,
    Cell,
    Content,
    Section,
    Table,
    highest,
    left_out,
    number_cell,
)
from mappedviz.text.display import cut, listed, names, shown, visible

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.recipe.recipe import Recipe
    from mappedviz.stores.store import Store


def collection_content(ds: MappedCollection) -> Content:
    """Return what is shown of a collection; nothing is read from the files."""
    counts, shapes = ds.n_obs_list, ds.original_shapes
    top_obs, top_vars = highest(counts), highest([shape[1] for shape in shapes])
    several = names([store.name for store in ds.stores[:REPR_ROWS]], 48)
    rows = [
        [
            Cell(name, title=cut(visible(store.path), 100)),
            number_cell(n_obs, top_obs),
            number_cell(n_vars, top_vars, ORANGE),
            Cell(_layer_words(store, ds.recipe)),
            Cell(store.kind),
        ]
        for name, store, (n_obs, n_vars) in zip(several, ds.stores, shapes, strict=False)
    ]
    tables = [
        Table(
            ("store", "cells", "genes", "read from", "kind"),
            rows,
            note=left_out(len(ds.stores), REPR_ROWS, "stores", "ds.stores"),
        )
    ]
    tables += [_encoder_table(key, encoder) for key, encoder in ds.encoders.items()]
    joined = "each its own" if ds.n_vars is None else f"{ds.n_vars:,}"
    n = len(ds.stores)
    whole = "" if ds.part_of is None else f" of {ds.part_of:,}"
    verdict = (
        f"MappedCollection of {n:,} {'store' if n == 1 else 'stores'}: "
        f"{ds.n_obs:,}{whole} cells × {joined} genes"
    )
    return Content(
        verdict=verdict,
        summary=f"join={ds.recipe.join!r}, layers_keys={listed(ds.layers_keys)}"
        + (f", obs_keys={listed(ds.obs_keys)}" if ds.obs_keys else ""),
        sections=[Section("stores", "Stores", tables=tables)],
        code=repr(ds.recipe),
    )


def _layer_words(store: Store, recipe: Recipe) -> str:
    found = []
    for key in recipe.layers_keys[:3]:
        slot, facts = slot_and_facts(recipe, key, store)
        words = "absent" if facts is None else f"{facts.kind} {facts.dtype} {facts.codec}"
        where = "" if slot is None or slot == key else f" ({shown(slot, 24)})"
        found.append(f"{shown(key, 24)}{where}: {words}")
    return "; ".join(found)


def _encoder_table(key: str, encoder: Mapping[Any, int]) -> Table:
    classes = sorted(encoder.items(), key=lambda pair: pair[1])
    some = classes[:25]
    rows = [
        [Cell(str(code), number=True), Cell(name)]
        for name, (_, code) in zip(names([label for label, _ in some], 60), some, strict=True)
    ]
    return Table(
        ("code", "label"),
        rows,
        title=f"{shown(key)}: {sum(code >= 0 for _, code in classes):,} classes",
        note=left_out(len(classes), 25, "labels", f"ds.encoders[{shown(key)!r}]"),
        folded=True,
    )
