"""The labels: how many cells of each class, in which store, under how many spellings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import traitlets

from mappedviz.audits.findings import changed
from mappedviz.errors import MappedvizError
from mappedviz.recipe.relabels import with_renames
from mappedviz.recipe.store_paths import shortest_names
from mappedviz.views.base import View, csv_of, handler
from mappedviz.views.models import categories as model
from mappedviz.views.models import conditions, kinds, label_bars, spellings
from mappedviz.views.models.label_state import State
from mappedviz.views.state import Several
from mappedviz.views.work import Report, Work

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mappedviz.audits.findings import Finding
    from mappedviz.audits.result import Audit
    from mappedviz.audits.tables.labels import LabelTable
    from mappedviz.views.nodes import Node


# Stores of which labels are counted at once; of more, on a thread.
_AT_ONCE = 100
#: A function that counts, and the keys that it counts.
Pair: TypeAlias = "tuple[Callable[..., Any], str, str]"


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
    by
        Obs key that the bars are stacked by, such as a donor; "" for the store.
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
    >>> view = mv.CategoriesView(mv.datasets.demo() / "boston.zarr", label="celltype")
    >>> view.table().iloc[:2, 0].to_dict()
    {'CD4 T cells': 159, 'CD14+ Monocytes': 79}
    >>> view.selected = ("NK cells", "B cells")
    >>> view.keep_selected()
    >>> dict(view.session.recipe.obs_filter)
    {'celltype': ('NK cells', 'B cells')}
    """

    title = "Labels"
    decides = "Decide which column is the class, what its labels are called, and which are kept."
    sections: ClassVar = ("labels",)
    controls: ClassVar = ("search", "top_n", "sort")
    actions: ClassVar = (
        "keep_selected",
        "leave_selected_out",
        "keep_all",
        "rename_selected",
        "forget_names",
        "merge_ticked",
        "tick_sure",
        "take_kinds",
        "use_suggestion",
        "use_column",
    )
    events: ClassVar = {
        ("key", "value"): "_key_chosen",
        ("scale", "value"): "_scale_chosen",
        ("name", "value"): "_name_typed",
        ("column", "value"): "_column_chosen",
        ("by", "value"): "_by_chosen",
        ("across", "value"): "_across_chosen",
        ("against", "value"): "_against_chosen",
        ("target", "value"): "_target_chosen",
        ("mapping_file", "value"): "_file_opened",
        ("bars", "selected"): "_bars_selected",
        ("grid", "selected"): "_groups_ticked",
        ("kinds_grid", "selected"): "_kinds_ticked",
        ("level", "value"): "_level_chosen",
        ("terms", "value"): "_terms_typed",
        ("query", "value"): "_query_typed",
    }
    drawn: ClassVar = ("bars",)

    key = traitlets.Unicode("")
    top_n = traitlets.Int(25, min=1, max=150)
    sort = traitlets.Enum(("count", "name", "stores"), "count")
    by = traitlets.Unicode("")
    search = traitlets.Unicode("")
    shares = traitlets.Bool(False)
    logarithmic = traitlets.Bool(False)
    selected = Several()
    ticked = Several()

    def _start(self) -> None:
        self._name = ""  # typed into the field for a new name
        self._column = ""  # chosen in place of the key
        self._across, self._against = "", ""  # the rows and the columns of the matrix
        self._target: Any = None  # the spelling that a group becomes
        self._level, self._terms = "", ""  # what kinds of cells are rolled up to
        self._kinds: tuple[kinds.Choice, ...] = ()  # labels and terms that are ticked
        self._query: str | None = None  # a condition that was typed and refused, and why
        self._query_error = ""
        self._work = Work(self.session.lock)
        self._counted: set[Pair] = set()  # of the present audit
        self._waiting = frozenset[str]()

    def _state(self) -> State:
        session = self.session
        return State(
            recipe=session.recipe,
            key=self.key,
            top_n=self.top_n,
            sort=self.sort,
            search=self.search,
            shares=self.shares,
            logarithmic=self.logarithmic,
            classes=session.classes,
            ticked=self.ticked,
            name=self._name,
            column=self._column,
            fix=None if session.audit is None else self._suggestion(session.audit),
            by=self.by if self.by != self.key else "",
            across=self._across,
            against=self._against if self._against != (self._across or self.key) else "",
            target=self._target,
            level=self._level,
            terms=self._terms,
            kinds=self._kinds,
            kinds_order=self.arranged("kinds_grid"),
            query=self._query,
            query_error=self._query_error,
            opened=self._opened,
            waiting=self._waiting,
            arrangement=self.arranged("grid"),
            mapping=self.arranged("mapping"),
        )

    def _body(self, audit: Audit) -> list[Node]:
        self._count_on(audit)
        return model.body(audit, self._state())

    # --- what takes long -------------------------------------------------------------------

    def _pairs(self) -> dict[str, Pair]:
        """The pictures that show one key against another, and these keys."""
        state = self._state()
        wanted: dict[str, Pair] = {}
        if state.by and not state.logarithmic:
            wanted["bars"] = (label_bars.cross, state.key, state.by)
        if "cross" in state.opened:
            wanted["matrix"] = (label_bars.cut_cross, *label_bars.keys_of(state))
        return wanted

    def _count_on(self, audit: Audit) -> None:
        """Count what is shown of many stores on a thread: until then the rest is shown."""
        if len(audit.stores) <= _AT_ONCE or self.renderer == "mpl":
            return
        missing = {name: one for name, one in self._pairs().items() if one not in self._counted}
        self._waiting = frozenset(missing)
        if not missing or self._work.running:
            return
        pair = next(iter(missing.values()))

        def count(_: Report, __: threading.Event) -> None:
            with suppress(MappedvizError):  # which is said where it is drawn
                pair[0](audit, *pair[1:])

        def counted(_: Any) -> None:
            if audit is self.session.audit:
                self._counted.add(pair)
            self.changed()

        self._work.start(count, counted, lambda _: counted(None))

    def _audit_changed(self, change: Any) -> None:
        self._work.cancel()
        self._counted.clear()
        super()._audit_changed(change)

    def _forget(self) -> None:
        super()._forget()
        self._work.cancel()

    def wait(self, timeout: float | None = 60.0) -> bool:
        """Wait until the stores are read and what is shown is counted; return False if that took longer."""
        if not self.session.wait(timeout):
            return False
        while True:
            self.nodes()
            if not self._waiting:
                return True
            if not self._work.wait(timeout):
                return False

    def _follow(self) -> None:
        self.key = self.session.label or ""

    def _focus(self) -> None:
        self.selected = self.session.classes

    # --- traits -> recipe ------------------------------------------------------------------

    @traitlets.observe("key")
    @handler
    def _key_changed(self, change: Any) -> None:
        if change["new"]:
            self.session.choose_label(change["new"])
            self.ticked, self._kinds = (), ()
        self.follow()

    @traitlets.observe("shares", "logarithmic")
    @handler
    def _scale_changed(self, change: Any) -> None:
        if change["new"]:
            other = "logarithmic" if change["name"] == "shares" else "shares"
            setattr(self, other, False)

    @traitlets.observe("selected")
    @handler
    def _selected_assigned(self, change: Any) -> None:
        self.session.classes = tuple(change["new"])

    # --- events ----------------------------------------------------------------------------

    def _key_chosen(self, value: Any) -> None:
        if value:
            self.key = model.key_ids(self.audit).value(value)

    def _scale_chosen(self, value: Any) -> None:
        if value not in model.SCALES:
            raise ValueError(f"{value!r} is no scale")
        self.shares, self.logarithmic = value == "shares", value == "logarithm"

    def _name_typed(self, value: Any) -> None:
        self._name = str(value)

    def _column_chosen(self, value: Any) -> None:
        self._column = model.column_ids(self.audit, self.labels()).value(value)

    def _by_chosen(self, value: Any) -> None:
        self.by = model.key_ids(self.audit).value(value) if value else ""

    def _across_chosen(self, value: Any) -> None:
        self._across = model.key_ids(self.audit).value(value)

    def _against_chosen(self, value: Any) -> None:
        self._against = model.key_ids(self.audit).value(value) if value else ""

    def _target_chosen(self, value: Any) -> None:
        self._target = spellings.target_ids(self.labels(), self.ticked[0]).value(value)

    def _file_opened(self, value: Any) -> None:
        self.read_mapping(str(value["text"]))

    def _bars_selected(self, value: Any) -> None:
        ids = label_bars.class_ids(self.labels(), self._state())
        self.session.classes = tuple(ids.values(value))

    def _groups_ticked(self, value: Any) -> None:
        self._target = None
        self.ticked = tuple(spellings.group_ids(self.labels()).values(value))

    def _level_chosen(self, value: Any) -> None:
        if value not in kinds.LEVELS:
            raise ValueError(f"{value!r} is no level")
        self._level = value

    def _terms_typed(self, value: Any) -> None:
        self._terms = str(value)

    def _kinds_ticked(self, value: Any) -> None:
        self._kinds = tuple(kinds.choice_ids(self.kinds()).values(value))

    def _query_typed(self, value: Any) -> None:
        text = str(value)
        try:
            self.session.edit(obs_query=conditions.checked(self.audit, text))
        except MappedvizError as error:
            self._query, self._query_error = text, str(error)
            return
        self._query, self._query_error = None, ""

    # --- decisions -------------------------------------------------------------------------

    def tick_sure(self) -> None:
        """Tick the labels that are recognised without leaving anything out, as one term each."""
        self._kinds = tuple(kinds.sure(self.kinds()))

    def take_kinds(self) -> None:
        """Read the ticked labels as terms of the Cell Ontology: a ``relabel`` of the recipe."""
        names = kinds.new_names(self.kinds(), self._kinds, kinds.level_of(self._state()))
        if not names:
            self.session.tell("Tick labels that have one term each.", "error")
            return
        self.relabel(names)
        self._kinds = ()

    def merge_ticked(self) -> None:
        """Read the ticked spellings as the most frequent of each group: a ``relabel`` of the recipe."""
        labels, target = self.labels(), self._target
        if len(self.ticked) == 1 and target in spellings.spellings_of(labels, self.ticked[0]):
            some = spellings.spellings_of(labels, self.ticked[0])
            self.relabel({one: target for one in some if one != target})
        else:
            self.relabel(labels.merging(self.ticked))
        self.ticked = ()

    def relabel(self, renames: dict[Any, Any]) -> None:
        """Add ``{old: new}`` to the ``relabel`` of the key; None means no label.

        What became `old` before becomes `new` now.
        """
        self.session.edit(relabel=with_renames(self.session.recipe.relabel, {self.key: renames}))

    def mapping_csv(self) -> str:
        """Return all labels as CSV with an empty column "becomes", for :meth:`read_mapping`."""
        return spellings.mapping_csv(self.labels())

    def read_mapping(self, text: str) -> None:
        """Give labels the names that a CSV file has for them: a ``relabel`` of the recipe.

        Parameters
        ----------
        text
            CSV with the columns ``label`` and ``becomes``; ``(missing)`` makes a label none.

        Raises
        ------
        RecipeError
            It has other columns, or names labels that no cell has.
        """
        self.relabel(spellings.mapping_in(text, self.labels()))

    def forget_names(self) -> None:
        """Forget all renames of the key."""
        rest = {k: v for k, v in self.session.recipe.relabel.items() if k != self.key}
        self.session.edit(relabel=rest)

    def rename_selected(self) -> None:
        """Read the selected labels as the one that was typed: a ``relabel`` of the recipe."""
        if not self._name or not self.session.classes:
            self.session.tell("Select labels, and type the name that they shall have.", "error")
            return
        self.relabel(dict.fromkeys(self.session.classes, self._name))
        self._name = ""

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

    def use_suggestion(self) -> None:
        """Read the key from the columns that the audit suggests."""
        fix = self._suggestion(self.audit)
        if fix is not None:
            self.session.recipe = self.audit.recipe_with(fix)

    def use_column(self) -> None:
        """Read the key from the chosen column, in stores that lack it."""
        column = model.chosen_column(self.audit, self.labels(), self._state())
        if column is not None:
            self.read_from(column)

    def _suggestion(self, audit: Audit) -> Finding | None:
        """The finding that knows what the key is called in the other stores."""
        if self.key != audit.label or not self.session.current:
            return None
        for one in audit.findings:
            if one.id == "label-absent" and one.fix is not None:
                return one
        return None

    def read_from(self, column: str) -> None:
        """In stores without the key, read it from this obs column: an ``obs_alias`` of the recipe."""
        audit, recipe = self.audit, self.session.recipe
        before = recipe.obs_alias.get(self.key)
        if isinstance(before, tuple):
            self.session.edit(obs_alias={**recipe.obs_alias, self.key: (*before, column)})
            return
        choice = dict(before or {})
        schema = audit.obs_schema
        for store in model.without(audit.labels(self.key)):
            if (store, "dtype") in schema and schema.loc[column, (store, "dtype")] is not None:
                choice[self._name_of(store)] = column
        if not choice:
            self.session.tell(f"No store without {self.key!r} has a column {column!r}.", "error")
            return
        self.session.edit(
            obs_alias=changed(recipe, {"obs_alias": {self.key: choice}}, ()).obs_alias
        )

    def _name_of(self, store: str) -> str:
        return shortest_names(map(str, self.audit.stores["path"]))[self.session.path_of(store)]

    # --- for scripts -----------------------------------------------------------------------

    def labels(self) -> LabelTable:
        """See :class:`mappedviz.audits.LabelTable`."""
        return self.audit.labels(self.key or None)

    def variants(self) -> pd.DataFrame:
        """Spellings that may mean the same: DataFrame group, label, n, stores."""
        return self.labels().variants

    def kinds(self) -> pd.DataFrame:
        """Terms of the Cell Ontology that the labels may mean: see :meth:`mappedviz.Audit.kinds`."""
        return kinds.table_of(self.audit, self.key, kinds.level_of(self._state()))

    def table(self) -> pd.DataFrame:
        """Cells per class and store, in the order that is shown: DataFrame of int."""
        return self.labels().top(self.top_n, by=self.sort, search=self.search)[0]

    def plot(self, ax: Axes | None = None) -> Axes:
        """See :func:`mappedviz.plots.plot_categories`."""
        from mappedviz.plots import plot_categories

        return plot_categories(self.labels(), ax, top_n=self.top_n, shares=self.shares)

    def _csv(self, name: str = "") -> str:
        if name == "mapping":
            return self.mapping_csv()
        if name == "kinds_grid":
            return csv_of(self.kinds())
        if name == "matrix":
            return csv_of(label_bars.matrix_frame(self.audit, self._state()))
        return super()._csv(name)

    def _code(self, name: str = "") -> str:
        if name == "kinds_grid":
            level = kinds.level_of(self._state())
            more = "" if level is None else f", level={level!r}"
            return self.audit_code(f"audit.kinds({self.key!r}{more})")
        if name != "matrix":
            return self.code()
        rows, columns = label_bars.keys_of(self._state())
        return self.audit_code(f"audit.crosstab({rows!r}, {columns!r}, missing=True)")

    def figure(self, name: str = "") -> Axes:
        """Draw a chart, by the id of its node: bars of the labels, or one key against another."""
        from mappedviz.plots import plot_crosstab

        if name != "matrix":
            return self.plot()
        return plot_crosstab(label_bars.cut_cross(self.audit, *label_bars.keys_of(self._state())))

    def code(self) -> str:
        """Return code that makes this table in a script."""
        return self.audit_code(f"audit.labels({self.key!r}).counts")
