"""Requests to remote stores, through obstore: bounded in number and in time, with errors in our words.

obstore is imported when the first URL is read. Once it has been used, a forked child cannot use it: it would wait
for threads that only its parent has, so that it gets an error at once. Its own errors quote URLs with their
signatures; so none of them is passed on, nor chained.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from mappedviz.errors import AbsentStoreError, MappedvizError, StoreError
from mappedviz.formats.forks import renewed_after_fork
from mappedviz.formats.remote_options import Options, is_plain, options_of, root_of, scheme_of
from mappedviz.formats.stamps import Stamp
from mappedviz.text.addresses import shown

__all__ = ["MOST_REQUESTS", "Answer", "entries", "fork_error", "obstore_of", "request", "used"]

#: Requests that this process has under way at once.
MOST_REQUESTS = 16
_TIMEOUT, _CONNECT_TIMEOUT = "30s", "10s"
_MOST_RETRIES, _RETRY_SECONDS = 5, 60
#: Bodies that end early are asked for again so many times; obstore asks again for all else.
_MOST_BODIES = 3
_MOST_ENTRIES = 100_000
_MOST_OPTIONS = 64
_T = TypeVar("_T")


class Answer(NamedTuple):
    """Bytes of an object, where they begin in it, its stamp, and when it was written."""

    data: bytes
    start: int
    stamp: Stamp
    modified_ns: int = 0


class _Clients:
    """The clients of this process, one per bucket or host and options."""

    def __init__(self) -> None:
        self.used = self.forked = False
        self._left_alone: list[Any] = []
        self._made: dict[str, list[tuple[Options, Any]]] = {}
        self.after_fork()
        renewed_after_fork(self)

    def after_fork(self) -> None:
        """Refuse to work in the child of a process that has used them."""
        self.forked = self.used
        self._left_alone.append(self._made)  # closing them would wait for threads as well
        self._made = {}
        self._lock = threading.Lock()
        self.slots = threading.BoundedSemaphore(MOST_REQUESTS)

    def get(self, url: str) -> tuple[Any, str]:
        """Return the client of a URL, and the path of its object there."""
        if self.forked:
            raise fork_error(url)
        root, key = root_of(url)
        options = options_of(url)
        for known, client in self._made.get(root, ()):
            if known is options:
                return client, key
        with self._lock:
            made = self._made.setdefault(root, [])
            client = next((client for known, client in made if known == options), None)
            if client is None:
                client = _made(url, root, options)
            made.insert(0, (options, client))
            del made[_MOST_OPTIONS:]  # a worker meets new ones, equal to others, with each store
            self.used = True
        return client, key


_clients = _Clients()


def used() -> bool:
    """Return True if this process, or one that it was forked from, has read a remote store."""
    return _clients.used


def fork_error(url: str) -> StoreError:
    """Return the error of a forked child whose parent has read remote stores."""
    return StoreError(
        "cannot be read in a forked process whose parent has read remote stores",
        store=shown(url),
        remedy='Start processes with "spawn" or "forkserver", or read in threads.',
    )


def _library(url: str) -> Any:
    try:
        import obstore
        import obstore.store
    except ImportError:
        found: Any = None
    else:
        found = obstore
    if found is None:
        raise StoreError(
            "is remote, and obstore, which reads remote stores, is not installed",
            store=shown(url),
            remedy='Run `pip install "mappedviz[remote]"`.',
        )
    return found


def _made(url: str, root: str, options: Options) -> Any:
    library = _library(url)
    scheme, name = scheme_of(url), root.partition("://")[2]
    allowed = options.client.get("allow_http")
    if scheme == "http" and is_plain(root) and not allowed:
        raise StoreError(
            "would be read through http, which anybody on the way can read and change",
            store=shown(url),
            remedy='Use https://, or storage_options={"allow_http": True}.',
        )
    client = {"timeout": _TIMEOUT, "connect_timeout": _CONNECT_TIMEOUT, **_in_words(options.client)}
    retry = {
        "max_retries": int(options.retry.get("max_retries", _MOST_RETRIES)),
        "retry_timeout": _seconds(options.retry.get("retry_timeout", _RETRY_SECONDS)),
        "backoff": {
            "init_backoff": timedelta(milliseconds=100),
            "max_backoff": timedelta(seconds=5),
            "base": 2,
        },
    }
    config = dict(options.config)
    stores = library.store
    if scheme == "http":
        client["allow_http"] = True
        headers = dict(config.get("headers") or {})
        if "token" in config:
            headers["Authorization"] = f"Bearer {config['token']}"
        if headers:
            client["default_headers"] = {str(k): str(v) for k, v in headers.items()}
        query = config.get("query")
        address = f"{root}/?{query}" if query else root
        return _checked(
            url, lambda: stores.HTTPStore(address, client_options=client, retry_config=retry)
        )
    if scheme == "s3":
        make, more = stores.S3Store, _of_s3(config, client)
    elif scheme == "gs":
        make, more = stores.GCSStore, {}
        if "bearer_token" in config:  # which older versions of obstore do not know by name
            token = {"token": str(config.pop("bearer_token")), "expires_at": None}
            more["credential_provider"] = lambda: token
        _allow(client, config.get("base_url"))
    else:
        make, more = stores.AzureStore, {}
        _allow(client, config.get("endpoint") or os.environ.get("AZURE_STORAGE_ENDPOINT"))
    texts = {key: value if isinstance(value, bool) else str(value) for key, value in config.items()}
    return _checked(
        url,
        lambda: make(name, config=texts, client_options=client, retry_config=retry, **more),
    )


def _of_s3(config: dict[str, Any], client: dict[str, Any]) -> dict[str, Any]:
    """Complete the options of S3 with what other tools take from the machine."""
    endpoint = (
        config.get("endpoint")
        or os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
    )
    if endpoint:
        config["endpoint"] = endpoint
    _allow(client, endpoint or os.environ.get("AWS_ENDPOINT"))
    given = {"access_key_id", "skip_signature", "role_arn", "web_identity_token_file"} & set(config)
    in_environment = any(
        name in os.environ
        for name in (
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_SKIP_SIGNATURE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        )
    )
    files = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    if given or in_environment or not Path(files).expanduser().is_file():
        return {}
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider

        return {"credential_provider": Boto3CredentialProvider()}
    except Exception:  # boto3 is not there, or finds nothing
        return {}


def _allow(client: dict[str, Any], endpoint: str | None) -> None:
    if endpoint and str(endpoint).startswith("http://"):
        client.setdefault("allow_http", True)


def _in_words(options: dict[str, Any]) -> dict[str, Any]:
    seconds = ("timeout", "connect_timeout")
    return {
        name: _seconds(value) if name in seconds and not isinstance(value, str) else value
        for name, value in options.items()
    }


def _seconds(value: Any) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=float(value))


def _checked(url: str, make: Callable[[], _T]) -> _T:
    """Return what obstore makes; its complaints about options quote their values."""
    try:
        return make()
    except Exception as error:
        kind = type(error).__name__
    raise StoreError(
        f"has storage_options, or variables of the environment, that obstore refuses ({kind})",
        store=shown(url),
        remedy="Check their spelling and types.",
    )


def obstore_of(url: str) -> tuple[Any, str]:
    """Return the client of a URL, for libraries that use obstore themselves, and the path there."""
    client, key = _clients.get(url)
    return client, _path(url, key)


def _path(url: str, key: str) -> str:
    return unquote(key) if scheme_of(url) == "http" else key


# ------------------------------------------------------------------------------ requests
def request(
    url: str,
    span: tuple[int, int] | int | None = None,
    stamp: Stamp | None = None,
    *,
    head: bool = False,
) -> Answer:
    """Return bytes of an object, or of its end; the answer belongs to a stamp if one is given.

    Parameters
    ----------
    url
        The object.
    span
        First byte and the one after the last; a negative number for so many at the end; None for
        all of them.
    stamp
        What the object is to be.
    head
        Ask for the stamp only.

    Raises
    ------
    AbsentStoreError
        There is no such object.
    StoreError
        It has changed since the stamp was taken, may not be read, or the server does not answer.
    """
    client, key = _clients.get(url)
    path = _path(url, key)
    if isinstance(span, int) and scheme_of(url) == "az":  # which knows no ranges from the end
        stamp = request(url, head=True).stamp if stamp is None else stamp
        span = max(0, stamp.size + span), stamp.size
    options: dict[str, Any] = {"head": True} if head else {}
    if isinstance(span, int):
        options["range"] = {"suffix": -span}
    elif span is not None:
        options["range"] = span
    if stamp is not None and stamp.etag and not stamp.etag.startswith("W/"):
        options["if_match"] = stamp.etag
    failure: MappedvizError | None = None
    for left in range(_MOST_BODIES - 1, -1, -1):
        began = False
        try:
            with _clients.slots:
                found = _library(url).get(client, path, options=options)
                began = True
                data = b"" if head else bytes(found.bytes())
                answer = _answer(data, int(found.range[0]), found.meta)
                expected = 0 if head else int(found.range[1]) - int(found.range[0])
        except MappedvizError:
            raise
        except Exception as error:
            failure = _in_our_words(url, error, path)
            if not began or left == 0:
                break
            continue
        if len(data) != expected:
            failure = _short(url, len(data), expected)
            continue
        if stamp is not None and not _same(answer, stamp):
            raise changed(url)
        return answer
    assert failure is not None
    raise failure


def _answer(data: bytes, start: int, meta: Any) -> Answer:
    etag = meta["e_tag"] or ""
    modified: datetime = meta["last_modified"]
    since = modified - datetime(1970, 1, 1, tzinfo=UTC)
    time = int(since.total_seconds() * 1e9)
    return Answer(data, start, Stamp(int(meta["size"]), 0 if etag else time, 0, etag), time)


def _same(answer: Answer, stamp: Stamp) -> bool:
    """Whether an answer is of a stamp; the time of one with an ETag counts only where it has one."""
    with_time = stamp.etag and stamp.mtime_ns
    now = answer.stamp._replace(mtime_ns=answer.modified_ns) if with_time else answer.stamp
    return now == stamp


def changed(url: str) -> StoreError:
    """Return the error about an object that is not as it was."""
    return StoreError(
        "was changed or replaced while open", store=shown(url), remedy="Open the collection again."
    )


def _short(url: str, found: int, expected: int) -> StoreError:
    return StoreError(
        f"cannot be read: its server sent {found} bytes of {expected}",
        store=shown(url),
        remedy="Try again.",
    )


_STATUS = re.compile(r"status code: (\d{3})")


def _in_our_words(url: str, error: Exception, path: str) -> StoreError:
    """Return our error for one of obstore, whose text is not passed on: it quotes signatures."""
    kind, text = type(error).__name__, str(error)
    store = shown(url)
    status = _STATUS.search(text)
    code = int(status.group(1)) if status else 0
    if isinstance(error, FileNotFoundError) or code in (404, 410):
        return AbsentStoreError(
            "does not exist", store=store, remedy="Check the URL, and whether it is public."
        )
    if kind == "PreconditionError" or code == 412:
        return changed(url)
    if kind in ("PermissionDeniedError", "UnauthenticatedError") or code in (401, 403):
        return StoreError(
            "may not be read: its server refuses it",
            store=store,
            remedy="Give credentials with storage_options=, or storage_options={'anon': True} for "
            "a public bucket.",
        )
    if code == 416:
        return StoreError(
            "is shorter than what was asked of it", store=store, remedy="Check the URL."
        )
    if isinstance(error, ValueError):
        return StoreError(
            "is no URL that can be read: a part of its path is empty or not allowed",
            store=store,
            remedy="Check the URL.",
        )
    lower = text.lower()
    if kind == "NotSupportedError" or "non-partial" in lower:
        return StoreError(
            "cannot be read in parts, for its server does not know byte ranges",
            store=store,
            remedy="Download it, or put it on a server that does.",
        )
    why = "does not answer"
    if code:
        why = f"answers with the status {code}"
    elif "timed out" in lower or "timedout" in lower or "timeout" in lower:
        why = "did not answer in time"
    elif "credential" in lower or "metadata" in lower or "token" in lower:
        why = "could not be asked: no credentials were found"
    elif "body" in lower or "decode" in lower or "incomplete" in lower or "reset" in lower:
        why = "broke off its answer"
    return StoreError(
        f"cannot be read: its server {why}",
        store=store,
        remedy="Check the network and storage_options, and try again.",
    )


def entries(url: str) -> Iterator[tuple[str, bool]]:
    """Return the names below a URL as a folder, and whether each is a folder, in one listing.

    Raises
    ------
    StoreError
        The server lists nothing, as those of https do not, or has too many entries.
    """
    if scheme_of(url) == "http":
        raise StoreError(
            "cannot be listed: servers of https list nothing",
            store=shown(url),
            remedy="Name the stores themselves.",
        )
    client, key = _clients.get(url)
    path = _path(url, key)
    failure: StoreError
    try:
        with _clients.slots:
            found = _library(url).list_with_delimiter(client, path or None)
    except MappedvizError:
        raise
    except Exception as error:
        failure = _in_our_words(url, error, path)
    else:
        names = [(str(one), True) for one in found["common_prefixes"]]
        names += [(str(one["path"]), False) for one in found["objects"]]
        if len(names) > _MOST_ENTRIES:
            raise StoreError(
                f"has {len(names)} entries", store=shown(url), remedy="Name the stores themselves."
            )
        start = f"{path}/" if path else ""
        for name, is_folder in names:
            yield name.removeprefix(start).rstrip("/"), is_folder
        return
    raise failure
