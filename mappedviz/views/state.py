"""The session that all views share: the recipe that is edited, and the audit that follows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias

import traitlets

from mappedviz.audits import Audit, ScanCancelledError, audit
from mappedviz.errors import MappedvizError
from mappedviz.formats.remote_options import noted
from mappedviz.recipe.recipe import Recipe
from mappedviz.text.display import shown
from mappedviz.views.models.stores import keep_places
from mappedviz.views.work import Report, Work

if TYPE_CHECKING:
    from mappedviz.collection.mapped_collection import MappedCollection
    from mappedviz.stores.paths import StoresLike

#: Whatever a view can be made of.
Source: TypeAlias = "Session | Audit | MappedCollection | Recipe | StoresLike"
_MOST_UNDO = 200
_OF_AUDIT = (
    "batch", "group", "split", "deep", "workers", "open_timeout", "executor", "cache", "scans"
)  # fmt: skip


class Several(traitlets.Tuple):
    """A tuple that takes any series of values, such as an index of pandas."""

    def validate(self, obj: Any, value: Any) -> Any:
        """The values as a tuple; a text is not a series of letters."""
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            value = tuple(value)
        return super().validate(obj, value)


class Session(traitlets.HasTraits):
    """A recipe that is edited, and the audit that follows it.

    Views look at one session and edit its recipe; nothing else passes between them. Whenever
    the recipe changes, the stores are audited again on a thread; what was read of them is
    kept, so that this takes milliseconds, unless a store is new.

    Attributes
    ----------
    recipe
        The recipe; assign another one to change it.
    audit
        The audit of that recipe, or None until it is made. While `busy` it may still be that of
        the recipe before.
    busy
        True while stores are being read.
    status
        One line on what happens or went wrong.
    status_kind
        ``"ok"``, ``"busy"`` or ``"error"``.
    done, total
        Progress of the reading.
    stores
        Display names of the stores that are in focus; all views mark them.
    classes
        Labels in focus.
    unread
        Why the last reading brought no audit, so that `audit` is an earlier one; empty if it did.
    named
        Name -> recipe, for those that were kept.

    Examples
    --------
    >>> from mappedviz.datasets import demo
    >>> session = Session.of(demo() / "berlin.h5ad", label="cell_type")
    >>> session.wait()
    True
    >>> session.recipe.obs_keys, session.audit.fatal
    (('cell_type',), False)
    >>> session.edit(dtype="float16")
    True
    >>> session.undo(), session.recipe.dtype
    (True, None)
    """

    recipe = traitlets.Instance(Recipe)
    audit = traitlets.Instance(Audit, allow_none=True)
    busy = traitlets.Bool(False)
    status = traitlets.Unicode("")
    status_kind = traitlets.Enum(("ok", "busy", "error"), "ok")
    done = traitlets.Int(0)
    total = traitlets.Int(0)
    stores = Several()
    classes = Several()
    named: traitlets.Dict[str, Recipe] = traitlets.Dict()
    can_undo = traitlets.Bool(False)
    can_redo = traitlets.Bool(False)

    _depth = 0
    _later: tuple[Callable[[], None], ...] = ()

    def __init__(self, recipe: Recipe, known: Audit | None = None, **options: Any) -> None:
        self.lock = threading.RLock()
        self.work = Work(self.lock)
        self._options = options
        self._past: list[Recipe] = []
        self._future: list[Recipe] = []
        self._travelling = False
        self.unread = ""
        self._places: dict[str, int] = {}  # path of a store -> number of its colour
        self._settling = False
        if known is not None:
            self._keep_colours(known)
        super().__init__(recipe=recipe, audit=known)
        if known is None:
            self.refresh()
        else:
            self._tell(known)

    @classmethod
    def of(cls, source: Source, label: str | None = None, **options: Any) -> Session:
        """A session for paths, a recipe, an audit or a collection; of a session, itself.

        Parameters
        ----------
        source
            Stores, or what was made of them.
        label
            Obs key of the class; comes first among the recipe's ``obs_keys``.
        **options
            For :func:`mappedviz.audit`: ``batch``, ``group``, ``workers``, ``executor``, ``cache``,
            ``scans``, ``storage_options``, …; and fields of the recipe, such as ``obs_alias``.

        Raises
        ------
        TypeError
            There is no such option.
        """
        from mappedviz.collection.mapped_collection import MappedCollection

        storage_options = options.pop("storage_options", None)
        of_recipe = {one.name for one in fields(Recipe)}
        changes = {name: options.pop(name) for name in list(options) if name in of_recipe}
        unknown = sorted(set(options) - set(_OF_AUDIT))
        if unknown:
            raise TypeError(
                f"there is no option {unknown[0]!r}; there are {', '.join(_OF_AUDIT)} and the "
                "fields of a recipe"
            )
        if isinstance(source, Session):
            if options:
                raise TypeError(f"{sorted(options)} are options of a session that is made already")
            source.recipe = _asked(source.recipe, label, changes)
            return source
        if isinstance(source, Audit):
            recipe = _asked(source.recipe, source.label if label is None else label, changes)
            known = {"batch": source.batch, "group": source.group, "split": source.split}
            options = {**{name: key for name, key in known.items() if key is not None}, **options}
            options.setdefault("scans", source.scans)
            same = all(options.get(name) == key for name, key in known.items())
            same = same and recipe == source.recipe and not options.get("deep")
            noted(recipe.paths, storage_options)
            return cls(recipe, source if same else None, **options)
        if isinstance(source, MappedCollection):
            recipe = source.recipe
        elif isinstance(source, Recipe):
            recipe = source
        else:
            recipe = Recipe(paths=noted(source, storage_options))  # which checks and freezes
        noted(recipe.paths, storage_options)
        return cls(_asked(recipe, label, changes), **options)

    # --- the recipe ---------------------------------------------------------------------

    @property
    def label(self) -> str | None:
        """The obs key of the class: the first of the recipe."""
        return self.recipe.obs_keys[0] if self.recipe.obs_keys else None

    @property
    def current(self) -> bool:
        """True if the audit is that of the recipe."""
        return self.audit is not None and self.audit.recipe == self.recipe and not self.busy

    def edit(self, **changes: Any) -> bool:
        """Change fields of the recipe; contradictions are reported in the status line.

        Returns
        -------
        bool
            True if the new recipe is valid; otherwise it stays as it was.
        """
        with self.lock:
            try:
                self.recipe = self.recipe.replace(**changes)
            except MappedvizError as error:
                self.tell(str(error), "error")
                return False
            return True

    def choose_label(self, key: str) -> bool:
        """Make another obs key the class, in place of the first of the recipe.

        What the recipe says of the key before goes with it where it would be wrong: its encoder
        and its weights. Aliases and renames stay, so that choosing it again brings them back.
        """
        recipe, old = self.recipe, self.label
        others = tuple(other for other in recipe.obs_keys[1:] if other != key)
        changes: dict[str, Any] = {"obs_keys": (key, *others)}
        kept = {name: encoder for name, encoder in recipe.encoders.items() if name != old}
        if len(kept) < len(recipe.encoders):
            changes["encoders"] = kept
        if isinstance(recipe.encode_labels, tuple):
            encoded = [name for name in recipe.encode_labels if name != old]
            changes["encode_labels"] = (key, *(name for name in encoded if name != key))
        if isinstance(recipe.unknown_label, dict):
            changes["unknown_label"] = {
                name: label for name, label in recipe.unknown_label.items() if name != old
            }
        if old in recipe.weights_keys:
            new = [key if name == old else name for name in recipe.weights_keys]
            changes["weights_keys"] = tuple(dict.fromkeys(new))
        return self.edit(**changes)

    @traitlets.observe("recipe")
    def _recipe_changed(self, change: Any) -> None:
        old = change["old"]
        if not isinstance(old, Recipe) or old == change["new"]:
            return  # the first one
        if self._settling:
            return  # the same stores, by other names
        with self.lock:
            if not self._travelling:
                self._past = [*self._past, old][-_MOST_UNDO:]
                self._future.clear()
            self.can_undo, self.can_redo = bool(self._past), bool(self._future)
            self.refresh()

    @property
    def steps(self) -> tuple[tuple[Recipe, ...], int]:
        """The recipes of the session, the first one first, and the position of the present one."""
        return (*self._past, self.recipe, *reversed(self._future)), len(self._past)

    def undo(self) -> bool:
        """Take the last change back; return False if there is none."""
        return self._travel(self._past, self._future)

    def redo(self) -> bool:
        """Make the last undone change again; return False if there is none."""
        return self._travel(self._future, self._past)

    def _travel(self, source: list[Recipe], target: list[Recipe]) -> bool:
        with self.lock:
            if not source:
                return False
            target.append(self.recipe)
            wanted = source.pop()
            self._travelling = True
            try:
                self.recipe = wanted
            finally:
                self._travelling = False
            return True

    # --- several changes as one ---------------------------------------------------------

    @contextmanager
    def together(self) -> Iterator[None]:
        """Hold back what is to be done :meth:`later` until all changes in here are made.

        Other threads wait meanwhile.
        """
        with self.lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                self._catch_up()

    def later(self, callback: Callable[[], None]) -> None:
        """Call something once the changes that are being made are made; several times as once."""
        with self.lock:
            if callback not in self._later:
                self._later = (*self._later, callback)
            self._catch_up()

    def _catch_up(self) -> None:
        while self._later and not self._depth:
            callback, *rest = self._later
            self._later = tuple(rest)
            callback()

    def notify_change(self, change: Any) -> None:
        """Tell all who observe a trait; what they do of it is one change."""
        with self.together():
            super().notify_change(change)

    # --- the audit ----------------------------------------------------------------------

    def refresh(self) -> None:
        """Audit the stores of the recipe; returns at once."""
        with self.together():
            recipe = self.recipe
            self.busy, self.done, self.total = True, 0, 0
            self.unread = ""
            self.tell("Reading the stores …", "busy")

            def look(report: Report, cancel: threading.Event) -> Audit:
                return self.audit_of(recipe, report, cancel)

            self.work.start(look, self._audited, self._failed, self._progressed)

    def audit_of(self, recipe: Recipe, report: Report, cancel: threading.Event) -> Audit:
        """The audit of any recipe, with the options of this session; takes its time."""
        options = dict(self._options)
        if len(recipe.split_keys) == 1:
            options["group"] = recipe.split_keys[0]
        return audit(
            recipe=recipe,
            label=recipe.obs_keys[0] if recipe.obs_keys else None,
            progress=report,
            cancel=cancel,
            **options,
        )

    def _progressed(self, done: int, total: int, seconds: float) -> None:
        rate = done / seconds if seconds > 0 else 0.0
        rest = f", {_duration((total - done) / rate)} left" if 0 < done < total and rate else ""
        with self.together():
            self.done, self.total = done, total
            self.tell(f"Read {done:,} of {total:,} stores ({rate:,.0f} a second{rest})", "busy")

    def _audited(self, found: Audit) -> None:
        with self.together():
            self.busy = False
            stores = set(found.stores.index)
            self.stores = tuple(name for name in self.stores if name in stores)
            self._keep_scans(found)
            self._keep_colours(found)
            self.audit = found
            self._tell(found)

    def _keep_scans(self, found: Audit) -> None:
        """Scans stand for their stores from now on, which the recipe names: they need not be here."""
        if found.scans is None:
            return
        self._options["scans"] = found.scans
        if found.recipe.paths != self.recipe.paths:
            self._settling = True
            try:
                self.recipe = self.recipe.replace(paths=found.recipe.paths)
            finally:
                self._settling = False

    def _keep_colours(self, found: Audit) -> None:
        """A colour belongs to a store for the whole session."""
        for path in found.stores["path"]:
            self._places.setdefault(str(path), len(self._places))
        keep_places(found, self._places)

    def _failed(self, error: Exception) -> None:
        with self.together():
            self.busy = False
            if isinstance(error, ScanCancelledError):
                self.unread = "cancelled"
                self.tell("Cancelled.", "ok")
            else:
                self.unread = shown(f"{type(error).__name__}: {error}", 600)
                self.tell(self.unread, "error")

    def _tell(self, found: Audit) -> None:
        self.tell(found.verdict, "error" if found.fatal else "ok")

    def tell(self, text: str, kind: str = "ok") -> None:
        """Put a text into the status line."""
        with self.together():
            self.status = shown(text, 600)
            self.status_kind = kind

    def cancel(self) -> None:
        """Stop reading; what was known before stays."""
        with self.lock:
            if self.work.cancel():
                self.busy = False
                self.unread = "cancelled"
                self.tell("Cancelled. Press “Read again” to go on.", "ok")

    def wait(self, timeout: float | None = 60.0) -> bool:
        """Wait for the audit; return False if it did not come in time."""
        return self.work.wait(timeout)

    def known(self, timeout: float | None = 60.0) -> Audit:
        """The audit of the recipe, once it is there.

        Raises
        ------
        TimeoutError
            It takes longer.
        MappedvizError
            It could not be made: what the status line says.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"the stores are still being read: {self.status}")
        if self.audit is None or self.audit.recipe != self.recipe:
            raise MappedvizError(self.status or "no store was read")
        return self.audit

    def dataset(self, **options: Any) -> MappedCollection:
        """The collection that the recipe describes; see :meth:`mappedviz.Audit.collection`."""
        return self.known(None).collection(**options)

    # --- focus --------------------------------------------------------------------------

    def path_of(self, store: str) -> str:
        """The path of a store by its display name."""
        assert self.audit is not None
        return str(self.audit.stores.loc[store, "path"])


def _asked(recipe: Recipe, label: str | None, changes: dict[str, Any]) -> Recipe:
    """The recipe with some fields changed and with the label first."""
    if label is not None:
        keys = changes.get("obs_keys", recipe.obs_keys)
        changes = {**changes, "obs_keys": _first(label, (keys,) if isinstance(keys, str) else keys)}
    return recipe.replace(**changes)


def _first(key: str, keys: Sequence[str]) -> tuple[str, ...]:
    return (key, *(other for other in keys if other != key))


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
