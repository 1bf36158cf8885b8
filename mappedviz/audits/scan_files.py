"""Scans as files: one store is read here, and the audit of many is made elsewhere, without the data.

A file holds facts, names of variables, a hash of each name of a cell, obs columns of few values, and samples of all
matrices. It does not hold values beyond what is known of the sampled rows, nor obs columns of many values
that were not asked for: pictures of single genes and cells need the stores.
"""

from __future__ import annotations

import glob
import json
import os
import platform
import warnings
import zlib
from collections.abc import Iterable, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from mappedviz.audits.reading import is_complete
from mappedviz.audits.scan import Scan
from mappedviz.audits.scan_checks import check_column, check_scan, unpacked_names
from mappedviz.audits.scan_sections import lists_of, recalled, scan_of, scan_sections
from mappedviz.audits.scanned import ScannedStore
from mappedviz.errors import StoreError, StoreWarning
from mappedviz.formats.stamps import Stamp
from mappedviz.stores.paths import expand_paths
from mappedviz.stores.records import Record, RecordError, Section, encode, read_record
from mappedviz.stores.sections import facts_of
from mappedviz.text.addresses import (
    absolute,
    base_name,
    in_memory,
    is_absolute,
    is_url,
    shown,
)
from mappedviz.text.files import write_bytes

if TYPE_CHECKING:
    from mappedviz._types import PathLike
    from mappedviz.audits.scan import Wants
    from mappedviz.formats.columns import Column
    from mappedviz.recipe.names import Names

__all__ = ["SUFFIX", "ScanFiles", "ScansLike", "file_of", "files_at", "write_scan"]

SUFFIX = ".scan"
_MOST_NAME = 200  # of 255 bytes that file systems take
_STORE = "store"
_REMEDY = "Make it again with `mappedviz scan`."


def file_of(folder: PathLike, path: str) -> Path:
    """Return the file for the scan of a store: stores of one name in two folders have two.

    Examples
    --------
    >>> file_of("scans", "/data/a.h5ad").as_posix()
    'scans/a.h5ad.5cedd72f92ecb6b4.scan'
    """
    address = absolute(path)
    # So long that ten thousand stores of one name have not one file by chance.
    key = blake2b(address.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    name = base_name(address).encode("utf-8", "replace")[:_MOST_NAME].decode("utf-8", "ignore")
    if name[:1] in ("", "."):  # patterns and folders do not find what is hidden
        name = f"_{name[1:]}"
    return Path(folder, f"{name}.{key}{SUFFIX}")


def write_scan(path: PathLike, scan: Scan) -> None:
    """Write a scan atomically.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    address = absolute(scan.path if scan.store is None else scan.store.path)
    of = {
        "address": shown(address),
        "stamp": None if scan.store is None else list(scan.store.stamp),
        "machine": platform.node(),
    }
    sections = {_STORE: Section(of), **scan_sections(scan)}
    for key, names in lists_of(scan).items():
        text = json.dumps(names.values.tolist()).encode("ascii")
        packed = np.frombuffer(zlib.compress(text), np.uint8)
        sections[f"list/{key.hex()}"] = Section(arrays={"zlib": packed})
    write_bytes(path, encode(sections))


class ScanFiles:
    """The scans in files, folders of them and patterns, by the addresses of their stores.

    Parameters
    ----------
    paths
        Anything that an audit takes; what is no scan is left as it is.
    known
        Scans that stand for their stores where these are among the paths; only those whose files have changed
        since are read again.

    Attributes
    ----------
    paths
        The paths with stores in place of scans, sorted as in a folder of stores.
    scans
        Address -> scan. A file that cannot be read is its own address.
    """

    def __init__(self, paths: Iterable[str], known: ScanFiles | None = None) -> None:
        self.paths: list[str] = []
        self.scans: dict[str, Scan] = {} if known is None else dict(known.scans)
        self._files: dict[str, _File] = {} if known is None else dict(known._files)
        self._lists: dict[bytes, Names] = {} if known is None else dict(known._lists)
        self._twice: dict[str, list[str]] = {}
        for path in paths:
            address = absolute(path) if self.scans else ""
            if address in self.scans:
                if self._files[address].has_changed():
                    self._add(self._files[address].path)
                self.paths.append(path)
                continue
            files = files_at(path)
            self.paths += [path] if files is None else sorted(set(map(self._add, files)))
        if self._twice:
            address, both = next(iter(self._twice.items()))
            _warn(
                f"{len(self._twice)} stores have several scans that are not of the same content, and the one "
                f"that was written last counts ({' and '.join(both)})",
                [address],
                "Remove those that are out of date; give other stores paths of their own.",
            )

    @classmethod
    def of(cls, scans: ScansLike) -> ScanFiles:
        """Return the scans that an argument stands for: files, folders of them and patterns.

        Raises
        ------
        StoreError
            There are none where it says.
        """
        if isinstance(scans, ScanFiles):
            return scans
        several = [scans] if isinstance(scans, (str, os.PathLike)) else scans
        found = cls([file for one in several for file in _named(os.fspath(one))])
        unread = [file.path for at, file in found._files.items() if at == absolute(file.path)]
        if unread:  # which store each is of is not known, so that no finding would say it
            _warn(f"{len(unread)} of {len(found.scans)} scans cannot be read", unread)
        return found

    def _add(self, file: str) -> str:
        """Read one file, and return the address of its store."""
        try:
            record = read_record(file)
            of = record[_STORE].data
            address: Any = of["address"]
            if not isinstance(address, str) or not is_absolute(address) or in_memory(address):
                raise ValueError("names no store")
            scan = self._scan(record, file, address, of["stamp"], of["machine"])
            if scan is not None:
                check_scan(scan)
            found = _File(file, os.stat(file).st_mtime_ns, of["stamp"])
        except RecordError as error:
            return self._unreadable(file, error.message)
        except Exception as error:  # whatever somebody has put there, the other scans are audited
            return self._unreadable(file, str(error) or type(error).__name__)
        if scan is None:
            return self._unreadable(file, "is a scan of another version of mappedviz")
        other = self._files.get(address)
        if other is not None and found.differs(other):
            self._twice.setdefault(address, [other.path]).append(file)
        if other is None or other.path == file or found.written >= other.written:  # the last one
            self._files[address], self.scans[address] = found, scan
        return address

    def _unreadable(self, file: str, found: str) -> str:
        address = absolute(file)
        self._files[address] = _File(file, 0, None)
        self.scans[address] = Scan(file, error=StoreError(found, store=file, remedy=_REMEDY))
        return address

    def _scan(
        self, record: Record, file: str, address: str, stamp: list[int] | None, machine: str
    ) -> Scan | None:
        def names(key: bytes) -> Names | None:
            if key not in self._lists:
                packed = record[f"list/{key.hex()}"].arrays["zlib"]
                self._lists[key] = unpacked_names(packed.tobytes(), key)
            return self._lists[key]

        known = Stamp(0, 0) if stamp is None else Stamp(*stamp)  # type: ignore[arg-type]
        if machine != platform.node():  # which sees another number for the same file, perhaps
            known = known._replace(inode=0)
        recall = partial(_recall, file, address, stamp)
        scan = scan_of(record, address, address, known, names, recall, afar=True)
        if scan is not None:
            scan.remember()
        return scan

    def known(self, paths: Iterable[str], wants: Wants) -> dict[str, Scan]:
        """Return the scans of those of some paths that need not be read; warnings say what is not as it was.

        A store is read whose scan lacks samples that are wanted, if it is here as it was scanned.
        """
        found: dict[str, Scan] = {}
        changed: list[str] = []
        lacking: list[str] = []
        for path in paths if self.scans else ():
            scan = self.scans.get(absolute(path))
            if scan is None:
                continue
            here = _is_here(scan)
            if here is False:
                changed.append(path)
            if scan.known is not None and not is_complete(scan, wants):
                if here:
                    continue
                lacking.append(path)
            found[path] = scan.only(wants, path)
            if not here:
                _note_damage(found[path], wants)
        of = len(self.scans)
        if changed:
            _warn(f"{len(changed)} of {of} stores have changed since they were scanned", changed)
        if lacking:
            _warn(
                f"{len(lacking)} of {of} scans lack samples that this audit asks for, and their stores are "
                "not here: it says nothing of these matrices",
                lacking,
            )
        return found


#: ``scans=`` as functions take it.
ScansLike: TypeAlias = "ScanFiles | PathLike | Iterable[PathLike]"


class _File(NamedTuple):
    """A file with a scan: when it was written, and the stamp that the store had."""

    path: str
    written: int
    stamp: list[int] | None

    def has_changed(self) -> bool:
        """Return True if another scan may be in the file now; one that is gone is kept."""
        try:
            return os.stat(self.path).st_mtime_ns != self.written
        except OSError:
            return False

    def differs(self, other: _File) -> bool:
        """Return True if another file has a scan of other content: inodes differ between machines."""
        if self.path == other.path or self.stamp is None or other.stamp is None:
            return False
        return Stamp(*self.stamp)._replace(inode=0) != Stamp(*other.stamp)._replace(inode=0)  # type: ignore[arg-type]


def _warn(found: str, paths: Sequence[str], remedy: str = _REMEDY) -> None:
    warnings.warn(f"{found}; the first: {shown(paths[0])}. {remedy}", StoreWarning, stacklevel=5)


def _recall(file: str, address: str, stamp: list[int] | None, name: str) -> Column | None:
    """Return a column of a scan, if its file is still the scan that was read before.

    Raises
    ------
    StoreError
        It is damaged.
    """
    try:
        record = read_record(file)
        of = record[_STORE].data
        if (of["address"], of["stamp"]) != (address, stamp):
            return None
    except Exception:  # another file by now
        return None
    try:
        column = recalled(record, name)
        if column is not None:
            check_column(column, facts_of(record["facts"]).n_obs)
    except Exception as error:  # whatever somebody has put there
        raise StoreError(
            f"has a scan in which this column cannot be read ({error})",
            store=address,
            key=f"obs/{name}",
            remedy=_REMEDY,
        ) from error
    return column


def _note_damage(scan: Scan, wants: Wants) -> None:
    """Note wanted columns that are damaged in the file of a scan: they are there, and cannot be read."""
    if not isinstance(scan.known, ScannedStore):
        return
    for name in sorted(wants.columns.intersection(scan.known.store.facts.obs_columns)):
        try:
            scan.known.recall(name)
        except StoreError as error:
            scan.broken[f"obs/{name}"] = error
            scan.known.keep_column(name, error)


def _is_here(scan: Scan) -> bool | None:
    """Return whether the store of a scan is as it was scanned; None if it is not here at all."""
    if scan.known is None or is_url(scan.known.path) or not os.path.lexists(scan.known.path):
        return None
    try:
        scan.known.at_hand().store.check_unchanged()
    except StoreError:
        return False
    return True


def files_at(path: str) -> list[str] | None:
    """Return the scans that a path, a folder or a pattern stands for; None if it is of stores."""
    if is_url(path):
        return None
    if path.endswith(SUFFIX):
        if os.path.lexists(path) or not glob.has_magic(path):
            return [path]
        return sorted(glob.glob(path, recursive=True)) or None
    if os.path.isdir(path):
        found = sorted(glob.glob(os.path.join(glob.escape(path), f"*{SUFFIX}")))
        if found and not _holds_stores(path):
            return found
    return None


def _named(path: str) -> list[str]:
    """Return the scans that a path is said to hold, whatever else is there."""
    inside = os.path.join(glob.escape(path), f"*{SUFFIX}")
    found = files_at(path) or (None if is_url(path) else sorted(glob.glob(inside)))
    if not found:
        raise StoreError(
            "is said to hold scans of stores, and has none",
            store=path,
            key="scans",
            remedy=f"Name files *{SUFFIX} or a folder of them; `mappedviz scan` makes them.",
        )
    return found


def _holds_stores(folder: str) -> bool:
    try:
        return bool(expand_paths([folder]))
    except StoreError:
        return False
