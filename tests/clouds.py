"""A bucket of Google and a container of Azure on loopback: the few calls by which stores are read.

As their documentation has them: XML for lists, in pages; ranges; ETags, also as conditions; and Azure, which
knows no ranges from the end, refuses them. Keys are files of a folder below that of the server.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tests.servers import Handler, RangeServer, Request, serving

#: Keys in one answer to a list, so that there are more.
PAGE = 3


class _Cloud(Handler):
    """Lists of keys, beside what a server of files does."""

    def _send(self, request: Request, fault: Any, with_body: bool) -> None:
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        azure = "x-ms-version" in {name.lower() for name in request.headers}
        is_list = query.get("comp") == "list" if azure else query.get("list-type") == "2"
        if fault is None and azure and (request.range or "").startswith("bytes=-"):
            fault = 400
        if fault is None and is_list:
            self._list(request.path.strip("/"), query, azure)
        else:
            super()._send(request, fault, with_body)

    def _list(self, bucket: str, query: dict[str, str], azure: bool) -> None:
        folder = self.server.folder / bucket
        if not folder.is_dir():
            self._empty(404)
            return
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        found: dict[str, Path | None] = {}  # None for what is common to several
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            key = file.relative_to(folder).as_posix()
            rest = key.removeprefix(prefix)
            if not key.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                found[prefix + rest.partition(delimiter)[0] + delimiter] = None
            else:
                found[key] = file
        start = int(query.get("marker" if azure else "continuation-token", 0))
        page = list(found.items())[start : start + PAGE]
        following = str(start + PAGE) if len(found) > start + PAGE else ""
        body = (_azure if azure else _google)(page, following).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _google(page: list[tuple[str, Path | None]], following: str) -> str:
    items = []
    for key, file in page:
        if file is None:
            items.append(f"<CommonPrefixes><Prefix>{escape(key)}</Prefix></CommonPrefixes>")
            continue
        status = file.stat()
        items.append(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2024-01-02T03:04:05.678Z</LastModified>"
            f'<Size>{status.st_size}</Size><ETag>"{status.st_mtime_ns:x}"</ETag></Contents>'
        )
    token = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    return f"<?xml version='1.0'?><ListBucketResult>{''.join(items)}{token}</ListBucketResult>"


def _azure(page: list[tuple[str, Path | None]], following: str) -> str:
    items = []
    for key, file in page:
        if file is None:
            items.append(f"<BlobPrefix><Name>{escape(key)}</Name></BlobPrefix>")
            continue
        status = file.stat()
        items.append(
            f"<Blob><Name>{escape(key)}</Name><Properties><Content-Type>x/y</Content-Type>"
            f"<Last-Modified>{formatdate(status.st_mtime, usegmt=True)}</Last-Modified>"
            f"<Content-Length>{status.st_size}</Content-Length><Etag>0x{status.st_mtime_ns:X}</Etag>"
            "</Properties></Blob>"
        )
    return (
        f"<?xml version='1.0'?><EnumerationResults><Blobs>{''.join(items)}</Blobs>"
        f"<NextMarker>{following}</NextMarker></EnumerationResults>"
    )


def cloud(folder: Path) -> AbstractContextManager[RangeServer]:
    """Serve the buckets that are the folders of a folder, while a block runs."""
    return serving(folder, _Cloud)
