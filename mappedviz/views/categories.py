"""The labels: how many cells of each class, in which store, under how many spellings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import ipywidgets as widgets
import traitlets

from mappedviz.audits.findings import changed
from mappedviz.recipe.recipe import store_names
from mappedviz.text.display import MISSING, listed, names, quantity, shown
from mappedviz.views.base import View, handler
from mappedviz.views.charts import Bars, Table
from mappedviz.views.controls import Numbers, button, dropdown, offer, row, sentence
from mappedviz.views.series import Ids, of_series, series_of
from mappedviz.views.state import Several

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.findings import Finding
    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.labels import LabelTable

_MOST_GROUPS = 60
_MOST_KEYS = 300


class CategoriesView(View):
    """Cells of each label, stacked by store; spellings that may mean the same, side by side.

    Parameters
    ----------
    source, label, renderer, bare, active
        As for :class:`~mappedviz.views.base.View`.

    Attributes
    ----------
    key
        The obs key of the class; the first of the recipe's ``obs_keys``.
    top_n
        Classes that have a bar of their own; all others are summed up as "other".
    sort
        ``"count"``, ``"name"`` or ``"stores"``.
    search
        Show only classes that contain this text.
    shares
        Each bar as long as the others: which share of a class is in which store.
    logarithmic
        Lengths as logarithms; bars are not stacked then.
    selected
        Labels that are selected.
    ticked
        Groups of spellings that are ticked, as they are named in ``variants().group``.

    Examples
    --------
    >>> import mappedviz as mv
    >>> view = mv.CategoriesView("notebooks/data/pbmc3k_processed.v3sharded.zarr", label="louvain")
    >>> view.table().iloc[:2, 0].to_dict()
    {'CD4 T cells': 1144, 'CD14+ Monocytes': 480}
    >>> view.selected = ("NK cells", "B cells")
    >>> view.keep_selected()
    >>> dict(view.session.recipe.obs_filter)
    {'louvain': ('NK cells', 'B cells')}
    """

    title = "Labels"
    sections: ClassVar = ("labels",)

    key = traitlets.Unicode("")
    top_n = traitlets.Int(25, min=1, max=150)
    sort = traitlets.Enum(("count", "name", "stores"), "count")
    search = traitlets.Unicode("")
    shares = traitlets.Bool(False)
    logarithmic = traitlets.Bool(False)
    selected = Several()
    ticked = Several()

    def _build(self) -> list[Any]:
        self._ids, self._groups = Ids(), Ids()
        self.numbers = Numbers()
        self.key_control = dropdown("label", "the obs column of the class")
        self.search_control = widgets.Text(
            description="search", placeholder="part of a label", layout={"width": "240px"}
        )
        self.top_control = widgets.BoundedIntText(
            25, 1, 150, description="show", layout={"width": "150px"}
        )
        self.sort_control = dropdown(
            "sort by",
            "order of the bars",
            options=[("cells", "count"), ("name", "name"), ("number of stores", "stores")],
        )
        self.scale_control = widgets.ToggleButtons(
            options=["cells", "shares", "logarithm"], style={"button_width": "auto"}
        )
        self.bars = Bars(title="Cells of each label", unit="cells", selectable="many")
        self.keep = button("Keep only selected", "train on the selected labels", icon="filter")
        self.leave = button("Leave selected out", "train without them", icon="minus-circle")
        self.all = button("All labels again", "forget the filter", icon="times")
        self.name_control = widgets.Text(placeholder="one name for them", layout={"width": "200px"})
        self.rename = button("Rename selected", "read all of them as this label", icon="pencil")
        self.unname = button("Original names again", "forget all new names", icon="times")
        self.variants_title = sentence()
        self.grid = Table(
            title="Spellings that may mean the same",
            selectable="many",
            columns=[
                {"id": "spellings", "label": "spellings", "align": "left"},
                {"id": "becomes", "label": "would become", "align": "left"},
                {"id": "cells", "label": "cells", "align": "right"},
                {"id": "stores", "label": "stores", "align": "left"},
            ],
        )
        self.merge = button(
            "Merge ticked", "read the ticked spellings as the most frequent one", icon="compress"
        )
        self.variants_box = widgets.VBox([self.variants_title, self.grid, row(self.merge)])
        self.absent_text = sentence()
        self.alias_control = dropdown("read it from", "an obs column of those stores")
        self.alias = button("Use this column", "the same key under another name", icon="link")
        self.suggested = button("", "what the audit suggests", icon="magic")
        self.absent_box = widgets.VBox(
            [self.absent_text, row(self.suggested, self.alias_control, self.alias)]
        )
        self._connect()
        return [
            self.numbers,
            row(
                self.key_control,
                self.search_control,
                self.top_control,
                self.sort_control,
                self.scale_control,
            ),
            self.absent_box,
            self.picture(self.bars, self.plot),
            row(self.keep, self.leave, self.all, self.name_control, self.rename, self.unname),
            self.variants_box,
        ]

    def _connect(self) -> None:
        """Let controls change the view and the recipe."""
        for control, name in (
            (self.key_control, "key"),
            (self.search_control, "search"),
            (self.top_control, "top_n"),
            (self.sort_control, "sort"),
        ):
            self.bind(control, name)
        self.scale_control.observe(self._scale_chosen, "value")
        self.bars.observe(self._bars_selected, "selected")
        self.grid.observe(self._grid_selected, "selected")
        for control, method in (
            (self.keep, self.keep_selected),
            (self.leave, self.leave_selected_out),
            (self.all, self.keep_all),
            (self.merge, self.merge_ticked),
            (self.unname, self.forget_names),
        ):
            self.press(control, method)
        self.rename.on_click(self._rename)
        self.alias.on_click(self._alias)
        self.suggested.on_click(self._suggested)

    # --- recipe -> controls ----------------------------------------------------------------

    def _follow(self) -> None:
        self.key = self.session.label or ""
        offer(self.key_control, self._keys(), self.key)

    def _keys(self) -> list[tuple[str, str]]:
        audit = self.session.audit
        options = [] if self.key else [("choose a column", "")]
        if audit is None:
            return options
        schema = audit.obs_schema
        if not len(schema.columns):
            return options
        dtypes = schema.xs("dtype", axis=1, level="what")
        n_stores = dtypes.shape[1]
        # Labels first, then whole numbers; measurements are no labels.
        found: list[tuple[int, int, int, str]] = []
        for place, (column, of_stores) in enumerate(dtypes.iterrows()):
            there = [str(dtype) for dtype in of_stores if isinstance(dtype, str)]
            kind = min((_kind(dtype) for dtype in there), default=9)
            if kind < 9:
                found.append((kind, -len(there), place, str(column)))
        for _, there_in, _, column in sorted(found)[:_MOST_KEYS]:
            where = "" if -there_in == n_stores else f" · in {-there_in:,} of {n_stores:,} stores"
            options.append((shown(column, 40) + where, column))
        return options

    # --- controls -> recipe ----------------------------------------------------------------

    @traitlets.observe("key")
    @handler
    def _key_changed(self, change: Any) -> None:
        if change["new"]:
            self.session.choose_label(change["new"])
            self.ticked = ()
        self.follow()

    @handler
    def _scale_chosen(self, change: Any) -> None:
        with self.setting():
            self.shares = change["new"] == "shares"
            self.logarithmic = change["new"] == "logarithm"
        self.draw()

    @traitlets.observe("top_n", "sort", "search", "shares", "logarithmic")
    @handler
    def _look_changed(self, change: Any) -> None:
        with self.setting():
            if change["name"] in ("shares", "logarithmic") and change["new"]:
                self.logarithmic, self.shares = (
                    change["name"] == "logarithmic",
                    change["name"] == "shares",
                )
            self.top_control.value, self.sort_control.value = self.top_n, self.sort
            self.search_control.value = self.search
            scale = "shares" if self.shares else "logarithm" if self.logarithmic else "cells"
            self.scale_control.value = scale
        self.draw()

    @handler
    def _bars_selected(self, change: Any) -> None:
        self.session.classes = tuple(self._ids.values(change["new"]))

    @traitlets.observe("selected")
    @handler
    def _selected_assigned(self, change: Any) -> None:
        self.session.classes = tuple(change["new"])

    @handler
    def _grid_selected(self, change: Any) -> None:
        self.ticked = tuple(self._groups.values(change["new"]))

    @traitlets.observe("ticked")
    @handler
    def _ticked(self, _: Any) -> None:
        self.merge.disabled = not self.ticked
        with self.setting():
            self.grid.selected = self._groups.known(self.ticked)

    def merge_ticked(self) -> None:
        """Read the ticked spellings as the most frequent of each group: a ``relabel`` of the recipe."""
        self.relabel(self.labels().merging(self.ticked))
        self.ticked = ()

    def relabel(self, renames: dict[Any, Any]) -> None:
        """Add ``{old: new}`` to the ``relabel`` of the key; None means no label.

        What became `old` before becomes `new` now.
        """
        pairs = dict(self.session.recipe.relabel.get(self.key, ()))
        pairs = {old: renames.get(new, new) for old, new in pairs.items()}
        pairs.update(renames)
        pairs = {old: new for old, new in pairs.items() if old != new}
        everything = {key: dict(some) for key, some in self.session.recipe.relabel.items()}
        self.session.edit(relabel={**everything, self.key: pairs})

    def forget_names(self) -> None:
        """Forget all renames of the key."""
        rest = {k: dict(v) for k, v in self.session.recipe.relabel.items() if k != self.key}
        self.session.edit(relabel=rest)

    @handler
    def _rename(self, _: Any) -> None:
        new = self.name_control.value
        if not new or not self.session.classes:
            self.session.tell("Select labels, and type the name that they shall have.", "error")
            return
        self.relabel(dict.fromkeys(self.session.classes, new))
        with self.setting():
            self.name_control.value = ""

    def keep_selected(self) -> None:
        """Keep only rows with the selected labels: an ``obs_filter`` of the recipe."""
        self._filter(list(self.session.classes))

    def leave_selected_out(self) -> None:
        """Keep rows with other labels, and those without one."""
        out, table = set(self.session.classes), self.labels()
        rest: list[Any] = [label for label in table.classes if label not in out]
        if int(table.missing.sum()):
            rest.append(None)
        self._filter(rest)

    def keep_all(self) -> None:
        """Forget the filter of this key."""
        kept = {k: v for k, v in self.session.recipe.obs_filter.items() if k != self.key}
        self.session.edit(obs_filter=kept)

    def _filter(self, labels: list[Any]) -> None:
        if not labels or not self.session.classes:
            self.session.tell("Select labels first; at least one has to stay.", "error")
            return
        self.session.edit(obs_filter={**self.session.recipe.obs_filter, self.key: labels})
        self.session.classes = ()

    @handler
    def _suggested(self, _: Any) -> None:
        fix = self._suggestion(self.audit)
        if fix is not None:
            self.session.recipe = self.audit.recipe_with(fix)

    def _suggestion(self, audit: Audit) -> Finding | None:
        """The finding that knows what the key is called in the other stores."""
        if self.key != audit.label or not self.session.current:
            return None
        for one in audit.findings:
            if one.id == "label-absent" and one.fix is not None:
                return one
        return None

    @handler
    def _alias(self, _: Any) -> None:
        self.read_from(self.alias_control.value)

    def read_from(self, column: str) -> None:
        """In stores without the key, read it from this obs column: an ``obs_alias`` of the recipe."""
        audit, recipe = self.audit, self.session.recipe
        before = recipe.obs_alias.get(self.key)
        if isinstance(before, tuple):
            self.session.edit(obs_alias={**recipe.obs_alias, self.key: (*before, column)})
            return
        choice = dict(before or {})
        schema = audit.obs_schema
        for store in self._without(audit):
            if (store, "dtype") in schema and schema.loc[column, (store, "dtype")] is not None:
                choice[self._name_of(store)] = column
        if not choice:
            self.session.tell(f"No store without {self.key!r} has a column {column!r}.", "error")
            return
        self.session.edit(
            obs_alias=changed(recipe, {"obs_alias": {self.key: choice}}, ()).obs_alias
        )

    def _name_of(self, store: str) -> str:
        paths = [str(path) for path in self.audit.stores["path"]]
        path = self.session.path_of(store)
        short = store_names(path)[1]
        return path if sum(store_names(one)[1] == short for one in paths) > 1 else short

    # --- drawing ---------------------------------------------------------------------------

    def _draw(self, audit: Audit) -> None:
        boxes = (self.absent_box, self.variants_box)
        if not self.key:
            for box in boxes:
                box.layout.display = "none"
            self.numbers.show([])
            self.bars.rows = []
            self.message = "Choose the obs column that holds the class of each cell."
            return
        labels = audit.labels(self.key)
        missing, absent = int(labels.missing.sum()), int(labels.absent.sum())
        self.numbers.show(
            [
                (quantity(len(labels.classes)), "labels"),
                (quantity(labels.n_rows - missing - absent), "labelled cells"),
                (quantity(missing), "without a label"),
                (quantity(absent), "in stores without this column"),
            ]
        )
        self._draw_bars(labels)
        self._draw_variants(labels)
        self._draw_absent(audit, labels)
        filtered = self.key in self.session.recipe.obs_filter
        self.all.layout.display = None if filtered else "none"
        renamed = self.key in self.session.recipe.relabel
        self.unname.layout.display = None if renamed else "none"
        if not labels.classes:
            self.message = f"No cell has a label in {shown(self.key)!r}."

    def _draw_bars(self, labels: LabelTable) -> None:
        top, other, n_other = labels.top(self.top_n, by=self.sort, search=self.search)
        series = series_of(labels.stores)
        if self.logarithmic:
            series = [{"name": "cells", "colour": series_of(["x"])[0]["colour"], "hatch": False}]
        self._ids = Ids(top.index, "c")

        def values(counts: Any) -> list[Any]:
            return (
                [int(counts.sum())] if self.logarithmic else of_series(counts.tolist(), len(series))
            )

        rows = [
            {
                "id": self._ids.of(label),
                "label": text,
                "values": values(counts),
                "text": quantity(counts.sum()),
            }
            for (label, counts), text in zip(top.iterrows(), names(top.index), strict=True)
        ]
        if n_other and not self.search:
            rows.append(
                {
                    "id": "other",
                    "label": f"other ({n_other:,} more)",
                    "values": values(other),
                    "text": quantity(other.sum()),
                }
            )
        nothing = labels.missing + labels.absent
        if int(nothing.sum()) and not self.search:
            rows.append(
                {
                    "id": "missing",
                    "label": MISSING,
                    "values": values(nothing),
                    "text": quantity(nothing.sum()),
                }
            )
        with self.bars.hold_sync():
            self.bars.series = series
            self.bars.mode = "share" if self.shares else "stacked"
            self.bars.log = self.logarithmic
            self.bars.rows = rows

    def _draw_variants(self, labels: LabelTable) -> None:
        variants = labels.variants
        groups = list(dict.fromkeys(variants["group"]))[:_MOST_GROUPS]
        self._groups = Ids(groups, "v")
        self.variants_box.layout.display = None if groups else "none"
        n = variants["group"].nunique()
        self.variants_title.value = (
            f"{n:,} {'groups' if n > 1 else 'group'} of labels may be spellings of one. "
            "Tick those that are."
        )
        rows = []
        for name, some in variants.groupby("group", sort=False):
            if name not in set(groups):
                continue
            stores = list(dict.fromkeys(s for of_label in some["stores"] for s in of_label))
            texts = [
                f"{shown(label, 40)} ({n:,})"
                for label, n in zip(some["label"], some["n"], strict=True)
            ]
            cells = int(some["n"].sum())
            rows.append(
                {
                    "id": self._groups.of(name),
                    "cells": [
                        {"text": " · ".join(texts[:6]), "title": " · ".join(texts)},
                        {"text": shown(some["label"].iloc[0], 40)},
                        {"text": quantity(cells), "value": cells},
                        {"text": listed(stores, most=2, limit=24)},
                    ],
                }
            )
        self.grid.rows = rows
        self.merge.disabled = not self.ticked
        self.grid.selected = self._groups.known(self.ticked)

    def _without(self, audit: Audit) -> list[str]:
        labels = audit.labels(self.key)
        return [str(store) for store, n in labels.absent.items() if n]

    def _draw_absent(self, audit: Audit, labels: LabelTable) -> None:
        without = self._without(audit)
        self.absent_box.layout.display = None if without else "none"
        if not without:
            return
        self.absent_text.value = (
            f"{len(without):,} of {len(labels.stores):,} stores have no obs column "
            f"{shown(self.key, 30)!r}: {listed(without, most=3)}. Is it called differently there?"
        )
        fix = self._suggestion(audit)
        self.suggested.layout.display = None if fix is not None else "none"
        if fix is not None:
            columns = fix.change["obs_alias"][self.key].values()
            self.suggested.description = (
                f"Use {listed(list(dict.fromkeys(columns)), most=3, limit=24)}"
            )
        schema = audit.obs_schema
        counts: dict[str, int] = {}
        for store in without:
            for column, dtype in schema[(store, "dtype")].items():
                if dtype is not None and _kind(str(dtype)) == 0:
                    counts[str(column)] = counts.get(str(column), 0) + 1
        options = [
            (f"{shown(column, 40)} · in {n:,} of them", column)
            for column, n in sorted(counts.items(), key=lambda pair: -pair[1])[:_MOST_KEYS]
        ]
        if options:
            before = self.alias_control.value
            known = {value for _, value in options}
            offer(self.alias_control, options, before if before in known else options[0][1])
        self.alias.disabled = not options

    def _focus(self) -> None:
        self.bars.selected = self._ids.known(self.session.classes)
        self.selected = self.session.classes
        nothing = not self.session.classes
        self.keep.disabled = self.leave.disabled = self.rename.disabled = nothing

    # --- for scripts -----------------------------------------------------------------------

    def labels(self) -> LabelTable:
        """See :class:`mappedviz.audits.LabelTable`."""
        return self.audit.labels(self.key or None)

    def variants(self) -> pd.DataFrame:
        """Spellings that may mean the same: DataFrame group, label, n, stores."""
        return self.labels().variants

    def table(self) -> pd.DataFrame:
        """Cells per class and store, in the order that is shown: DataFrame of int."""
        return self.labels().top(self.top_n, by=self.sort, search=self.search)[0]

    def plot(self, ax: Axes | None = None) -> Axes:
        """See :func:`mappedviz.plots.plot_categories`."""
        from mappedviz.plots import plot_categories

        return plot_categories(self.labels(), ax, top_n=self.top_n, shares=self.shares)

    def code(self) -> str:
        """Return code that makes this table in a script."""
        return self.audit_code(f"audit.labels({self.key!r}).counts")


def _kind(dtype: str) -> Literal[0, 1, 9]:
    """0 for labels, 1 for whole numbers, 9 for what is no label."""
    if dtype.startswith(("category", "string", "str", "object", "bool")):
        return 0
    return 1 if dtype.startswith(("int", "uint")) else 9
