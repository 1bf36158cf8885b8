"""How remote stores are opened: credentials, endpoints and timeouts, by address, kept from view.

Options are given with addresses and kept for this process, never in a recipe: a recipe is shared. Queries of
URLs are options, too, for a signed URL is a secret. Nothing here shows a value: not the repr, not an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any
from urllib.parse import urlsplit

from mappedviz._types import PathLike
from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.text.addresses import absolute, has_secrets, is_url, shown

__all__ = [
    "Options",
    "is_plain",
    "noted",
    "options_of",
    "recall",
    "root_of",
    "scheme_of",
    "snapshot",
]

SCHEMES = {
    "s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "azure": "az", "http": "http", "https": "http",
}  # fmt: skip
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
#: Spellings of fsspec -> those of obstore, which are taken as they are.
_SPELLINGS: dict[str, dict[str, str]] = {
    "s3": {
        "key": "access_key_id", "secret": "secret_access_key", "token": "session_token", "anon": "skip_signature",
        "endpoint_url": "endpoint", "region_name": "region", "requester_pays": "request_payer",
    },
    "gs": {"anon": "skip_signature", "token": "bearer_token", "endpoint_url": "base_url"},
    "az": {"anon": "skip_signature", "sas_token": "sas_key", "endpoint_url": "endpoint", "bearer_token": "token"},
    "http": {},
}  # fmt: skip
_OWN: dict[str, frozenset[str]] = {
    "s3": frozenset(
        [
            "access_key_id",
            "secret_access_key",
            "session_token",
            "skip_signature",
            "endpoint",
            "region",
            "default_region",
            "request_payer",
            "role_arn",
            "role_session_name",
            "web_identity_token_file",
            "metadata_endpoint",
            "sts_endpoint",
            "virtual_hosted_style_request",
            "unsigned_payload",
        ]
    ),
    "gs": frozenset(
        [
            "service_account",
            "service_account_key",
            "base_url",
            "bearer_token",
            "application_credentials",
            "skip_signature",
        ]
    ),
    "az": frozenset(
        [
            "account_name",
            "account_key",
            "client_id",
            "client_secret",
            "tenant_id",
            "authority_host",
            "sas_key",
            "token",
            "use_emulator",
            "endpoint",
            "msi_endpoint",
            "object_id",
            "msi_resource_id",
            "federated_token_file",
            "use_azure_cli",
            "skip_signature",
        ]
    ),
    "http": frozenset(["token", "headers", "query"]),
}
#: Of the client, whatever the scheme.
_CLIENT = frozenset(
    [
        "timeout",
        "connect_timeout",
        "allow_http",
        "allow_invalid_certificates",
        "proxy_url",
        "root_certificate",
        "user_agent",
    ]
)
_RETRY = frozenset(["max_retries", "retry_timeout"])
_IGNORED = frozenset(
    [
        "use_ssl",
        "project",
        "access",
        "asynchronous",
        "loop",
        "block_size",
        "default_block_size",
        "default_cache_type",
        "cache_type",
        "config_kwargs",
        "use_listings_cache",
        "skip_instance_cache",
        "version_aware",
    ]
)


class Options:
    """Options of one address, checked and in the words of obstore; its repr has no values.

    Parameters
    ----------
    scheme
        ``"s3"``, ``"gs"``, ``"az"`` or ``"http"``.
    given
        As people give them: in the spelling of obstore or of fsspec.

    Raises
    ------
    RecipeError
        An option is not known.

    Examples
    --------
    >>> Options("s3", {"key": "me", "secret": "SECRET", "client_kwargs": {"region_name": "eu-west-1"}})
    <Options access_key_id, region, secret_access_key>
    """

    __slots__ = ("client", "config", "retry")

    def __init__(self, scheme: str, given: Mapping[str, Any]) -> None:
        self.config: dict[str, Any] = {}
        self.client: dict[str, Any] = {}
        self.retry: dict[str, Any] = {}
        flat = dict(given)
        for nested in ("client_kwargs", "config", "client_options", "retry_config"):
            inner = flat.pop(nested, None)
            if inner is not None and not isinstance(inner, Mapping):
                raise RecipeTypeError(
                    f"has {nested!r} of type {type(inner).__name__}",
                    key="storage_options",
                    remedy="Give a dict.",
                )
            flat.update(inner or {})
        for name, value in flat.items():
            if value is not None and name not in _IGNORED:
                self._take(scheme, str(name), value)

    def _take(self, scheme: str, given: str, value: Any) -> None:
        prefix = {"s3": "aws_", "gs": "google_", "az": "azure_storage_"}.get(scheme, "")
        name = given.lower().removeprefix(prefix).removeprefix("azure_")
        if scheme == "gs" and name == "token" and isinstance(value, str):
            if value == "anon":
                name, value = "skip_signature", True
            elif value.endswith(".json"):
                name = "application_credentials"
        name = _SPELLINGS[scheme].get(name, name)
        if scheme == "http" and name == "default_headers":
            name = "headers"
        if name in _OWN[scheme]:
            self.config[name] = value
        elif name in _CLIENT:
            self.client[name] = value
        elif name in _RETRY:
            self.retry[name] = value
        else:
            known = sorted({*_OWN[scheme], *_SPELLINGS[scheme], *_CLIENT, *_RETRY})
            raise RecipeError(
                f"has {given!r}, which {scheme} does not know",
                key="storage_options",
                remedy=f"Use {', '.join(known)}.",
            )

    def with_query(self, query: str) -> Options:
        """Return these options for a URL with a query."""
        changed = copy(self)
        changed.config = {**self.config, "query": query}
        return changed

    def __repr__(self) -> str:
        return f"<Options {', '.join(sorted([*self.config, *self.client, *self.retry]))}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]


#: By address without query: of a store, or of a folder of stores.
_known: dict[str, Options] = {}
_NONE: dict[str, Options] = {scheme: Options(scheme, {}) for scheme in set(SCHEMES.values())}


def noted(addresses: Any, given: Mapping[str, Any] | None = None) -> Any:
    """Return addresses without queries, whose options are known to this process from now on.

    Parameters
    ----------
    addresses
        Paths and URLs of stores, folders and patterns. What is no URL is returned as it is, for
        whoever reads it to judge.
    given
        Options for all of the URLs, and in place of those that addresses below them had. None leaves what was known
        before.

    Raises
    ------
    RecipeError
        An option or the scheme of a URL is not known, or two URLs differ in their queries only.

    Examples
    --------
    >>> noted(["a.h5ad", "https://example.org/b.h5ad?signature=SECRET"])
    ['a.h5ad', 'https://example.org/b.h5ad']
    """
    if given is not None and not isinstance(given, Mapping):
        raise RecipeTypeError(
            f"is of type {type(given).__name__}", key="storage_options", remedy="Give a dict."
        )
    if isinstance(addresses, (str, os.PathLike)):
        return noted([addresses], given)[0]
    if not isinstance(addresses, Iterable) or isinstance(addresses, (bytes, Mapping)):
        return addresses
    queries: dict[str, str] = {}
    plain = [
        _noted(one, given, queries) if isinstance(one, (str, os.PathLike)) and is_url(one) else one
        for one in addresses
    ]
    if given is not None:
        _forget_below({_folder(absolute(url)) for url in queries})
    return plain


def _noted(address: PathLike, given: Mapping[str, Any] | None, queries: dict[str, str]) -> str:
    """Return a URL without its query, and keep what belongs to it."""
    text = os.fspath(address)
    scheme = scheme_of(text)
    plain, query = _without_query(text) if has_secrets(text) else (text, "")
    if queries.setdefault(plain, query) != query:
        raise RecipeError(
            f"has {shown(plain)} twice, with another query",
            key="paths",
            remedy="Give one of them through another address, such as a redirect.",
        )
    if given is not None or query:
        at = _folder(absolute(plain))
        known = options_of(at) if given is None else Options(scheme, given)
        before = _known[at].config.get("query") if at in _known else None
        query = query or before or ""
        recall({at: known.with_query(query) if query else known})
    return plain


def _forget_below(folders: set[str]) -> None:
    """Forget older options of what is below; a query is a part of its address and stays."""
    for address, options in list(_known.items()):
        above = address.rpartition("/")[0]
        while above and "query" not in options.config:
            if above in folders and address not in folders:
                _known.pop(address, None)
                break
            above = above.rpartition("/")[0]


def _without_query(url: str) -> tuple[str, str]:
    plain = shown(url)
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise RecipeError(
            f"has a user in the URL {shown(url)}",
            key="paths",
            remedy='Give storage_options={"headers": {"Authorization": …}} instead.',
        )
    return plain, urlsplit(url).query


def _folder(address: str) -> str:
    """Return the part of an address before its first pattern."""
    for i, character in enumerate(address):
        if character in "*?[":
            return address[:i].rpartition("/")[0]
    return address


def scheme_of(url: str) -> str:
    """Return the kind of server of a URL: ``"s3"``, ``"gs"``, ``"az"`` or ``"http"``.

    Raises
    ------
    RecipeError
        It is another scheme, or plain http to another machine.
    """
    scheme, _, rest = url.partition("://")
    found = SCHEMES.get(scheme.lower())
    if found is None:
        raise RecipeError(
            f"has a URL of the scheme {scheme!r}",
            key="paths",
            remedy="Use a path, s3://, gs://, az:// or https://.",
        )
    if not rest.split("/")[0]:
        raise RecipeError(
            f"has the URL {shown(url)} without a {'host' if found == 'http' else 'bucket'}",
            key="paths",
            remedy="Write it as scheme://bucket/path.",
        )
    return found


def root_of(url: str) -> tuple[str, str]:
    """Return what one client serves, a bucket or a host, and the rest of a URL.

    Examples
    --------
    >>> root_of("s3://bucket/atlas/a.h5ad")
    ('s3://bucket', 'atlas/a.h5ad')
    """
    scheme, _, rest = url.partition("://")
    host, _, key = rest.partition("/")
    return f"{scheme}://{host}", key


def options_of(url: str) -> Options:
    """Return the options that are known for an address, or for a folder that it is in."""
    at = url
    while True:
        found = _known.get(at)
        if found is not None:
            return found
        shorter = at.rpartition("/")[0]
        if shorter.endswith("/") or not shorter:
            return _NONE[scheme_of(url)]
        at = shorter


def is_plain(url: str) -> bool:
    """Return True for http without TLS to another machine, which options have to allow."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK


def recall(known: Mapping[str, Options]) -> None:
    """Take over options from another process, as :func:`snapshot` returns them there."""
    for address, options in known.items():
        if _known.get(address) != options:  # equal ones keep the client that they have
            _known[address] = options


def snapshot(addresses: Iterable[str] | None = None) -> dict[str, Options]:
    """Return what other processes need to open remote stores, to be pickled for them.

    Parameters
    ----------
    addresses
        Of stores; default: all that is known.
    """
    if addresses is None:
        return dict(_known)
    found = {}
    for url in addresses:
        if _known and is_url(url):
            options = options_of(url)
            if options is not _NONE[scheme_of(url)]:
                found[url] = options
    return found
