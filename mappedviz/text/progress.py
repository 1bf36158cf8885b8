"""Progress of many stores: a bar that appears if it takes long, or a function of the caller."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Progress: TypeAlias = bool | Callable[[int, int], None]

_TICK = 0.1
_BAR_AFTER = 0.5


@contextmanager
def reporting(
    total: int, begun: int, progress: Progress, doing: str = "reading stores"
) -> Iterator[Callable[[], None]]:
    """Yield a function to be called after each store.

    Parameters
    ----------
    total
        Number of stores.
    begun
        Number of stores that need no reading.
    progress
        Whether to show a bar if it takes long; or a function to call with both numbers.
    doing
        What the bar is called.
    """
    if callable(progress):
        state = {"done": begun, "last": 0.0}

        def step() -> None:
            state["done"] += 1
            now = time.monotonic()
            if now - state["last"] >= _TICK or state["done"] == total:
                state["last"] = now
                progress(int(state["done"]), total)

        yield step
        return
    if not progress:
        yield lambda: None
        return
    begin, done = time.monotonic(), begun
    bar: Any = None
    barred = False

    def advance() -> None:
        nonlocal bar, barred, done
        done += 1
        if bar is not None:
            bar.update()
        elif not barred and time.monotonic() - begin > _BAR_AFTER:
            barred = True
            bar = _bar(
                total=total,
                initial=done,
                desc=doing,
                unit=" stores",
                mininterval=_TICK,
                leave=False,
            )

    try:
        yield advance
    finally:
        if bar is not None:
            bar.close()


def _bar(**options: Any) -> Any:
    """Return a bar, None where tqdm is not installed: progress is nothing that a result needs."""
    try:
        from tqdm.auto import tqdm  # takes a while, and most scans are done before
    except ModuleNotFoundError:
        return None
    return tqdm(**options)
