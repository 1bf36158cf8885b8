"""Text files that are written whole or not at all, and CSV that spreadsheets take as text."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mappedviz._types import PathLike
from mappedviz.text.display import csv_cell

if TYPE_CHECKING:
    import pandas as pd


def write_text(path: PathLike, text: str) -> Path:
    """Write a text file atomically: a reader sees the old file or the new one, never a part.

    Parameters
    ----------
    path
        The file to write.
    text
        Its content, written as UTF-8.

    Returns
    -------
    Path
        The path of the file.

    Raises
    ------
    OSError
        The file cannot be written; what was there before is still there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder) / "a.txt", "new").read_text()
    'new'
    """
    target = Path(path)
    try:
        _replace(target, text)
    except OSError as error:  # of the temporary file, whose name says nothing to anybody
        raise OSError(error.errno, error.strerror or str(error), str(target)) from error
    return target


def write_bytes(path: PathLike, content: bytes) -> None:
    """Write a file that can be made again atomically; it is not waited for until a disk has it.

    Parameters
    ----------
    path
        The file to write.
    content
        Its content.

    Raises
    ------
    OSError
        The file cannot be written; what was there before is still there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(Path(folder) / "a", b"new")
    ...     (Path(folder) / "a").read_bytes()
    b'new'
    """
    target = os.fspath(path)
    temporary = f"{target}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(file, view) :]
        finally:
            os.close(file)
        os.replace(temporary, target)  # noqa: PTH105 - ten thousand of them
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - as above
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror or str(error), target) from error
        raise


def _replace(target: Path, text: str) -> None:
    import tempfile  # with random and hashes: half of what importing this package took

    handle, temporary = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".tmp"
    )
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(_mode_of(target))
        Path(temporary).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _mode_of(target: Path) -> int:
    """Return the permissions for the new file: those of the old one, or what the umask leaves."""
    with suppress(OSError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV without formulas for spreadsheets, one line per row.

    Parameters
    ----------
    frame
        Any table of the audit.

    Returns
    -------
    str
        UTF-8 text with a header; texts that start like a formula get a quote in front.

    Examples
    --------
    >>> import pandas as pd
    >>> print(csv_text(pd.DataFrame({"n": [1]}, index=pd.Index(["=1+1"], name="label"))))
    label,n
    '=1+1,1
    <BLANKLINE>
    """
    flat = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    headings: list[Any] = list(flat.columns)
    columns = [
        csv_cell(" ".join(map(str, name)) if isinstance(name, tuple) else str(name))
        for name in headings
    ]
    safe = flat.set_axis(range(flat.shape[1]), axis=1).map(
        lambda value: csv_cell(
            ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        )
    )
    return safe.to_csv(index=False, header=columns, lineterminator="\n")
