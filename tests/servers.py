"""Servers on loopback for remote stores: files by byte ranges, with whatever can go wrong on the way."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit


class Request(NamedTuple):
    """A request that a server got."""

    method: str
    path: str
    query: str
    range: str | None
    headers: dict[str, str]


class RangeServer(ThreadingHTTPServer):
    """Serves the files of a folder by ranges, with ETags that change when a file does.

    Attributes
    ----------
    url
        Of the folder.
    log
        The requests.
    latency
        Seconds before each answer.
    fault
        Called with each request; its result is what goes wrong: a status, "reset", "truncate",
        "slow", "hang", "whole" (ranges are ignored), or None.
    with_digests
        ETags are digests of contents, as those of S3 are mostly.
    most_at_once
        The most requests that waited for an answer together.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path, handler: type[Handler] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or Handler)
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.log: list[Request] = []
        self.latency = 0.0
        self.fault: Callable[[Request], Any] = lambda request: None
        self.with_etags = True
        self.with_digests = False
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.lock:
            self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End what clients keep open as well: their ends are in this process, too."""
        super().server_close()
        with self.lock:
            left = list(self.connections)
        for one in left:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away; that is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """Answers as the server is asked to."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RangeServer

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        server = self.server
        parts = urlsplit(self.path)
        request = Request(
            self.command,
            unquote(parts.path),
            parts.query,
            self.headers.get("Range"),
            dict(self.headers.items()),
        )
        with server.lock:
            server.log.append(request)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            time.sleep(server.latency)
            fault = server.fault(request)
            if fault == "hang":
                time.sleep(60)
        finally:
            with server.lock:  # before the answer: who has it may ask again at once
                server.at_once -= 1
        self._send(request, fault, with_body)

    def _send(self, request: Request, fault: Any, with_body: bool) -> None:
        if fault == "reset":
            self._reset()
            return
        if isinstance(fault, int):
            self._empty(fault)
            return
        path = self.server.folder / request.path.lstrip("/")
        try:
            file = path.open("rb")
        except OSError:
            self._empty(404)
            return
        with file:
            status = os.fstat(file.fileno())
            etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
            if self.server.with_digests:
                etag = f'"{hashlib.sha256(file.read()).hexdigest()}"'
            wanted = self.headers.get("If-Match")
            if wanted is not None and wanted != etag:
                self._empty(412)
                return
            size, code, extra = status.st_size, 200, {}
            start, stop = 0, size
            match = re.fullmatch(r"bytes=(\d*)-(\d*)", request.range or "")
            if match and fault != "whole":
                first, last = match.groups()
                start = int(first) if first else max(0, size - int(last))
                stop = min(size, int(last) + 1) if first and last else size
                if start >= size:
                    self._empty(416)
                    return
                code = 206
                extra["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            file.seek(start)
            data = file.read(stop - start)
        self.send_response(code)
        for name, value in extra.items():
            self.send_header(name, value)
        if self.server.with_etags:
            self.send_header("ETag", etag)
        self.send_header("Last-Modified", self.date_time_string(int(status.st_mtime)))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not with_body:
            return
        if fault == "truncate":
            self.wfile.write(data[: len(data) // 2])
            self._reset()
        elif fault == "slow":
            for i in range(0, len(data), 1 + len(data) // 5):
                self.wfile.write(data[i : i + 1 + len(data) // 5])
                time.sleep(0.05)
        else:
            self.wfile.write(data)

    def _empty(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def free_port() -> int:
    """A port below those that the system hands out, so that nobody is given it before it is bound."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def answered(call: Callable[[], Any], within: float = 60) -> Any:
    """Return what a call returns; TimeoutError if it hangs."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(call).result(within)
    finally:
        pool.shutdown(wait=False)


@contextmanager
def serving(folder: Path, handler: type[Handler] | None = None) -> Iterator[RangeServer]:
    """Serve the files of a folder while the block runs."""
    server = RangeServer(folder, handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def bucket(name: str, files: dict[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Serve files, and folders with what is in them, from a bucket of S3: its URL and options."""
    import pytest

    boto3 = pytest.importorskip("boto3")  # left out of `make test-oldest`
    ThreadedMotoServer = pytest.importorskip("moto.server").ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {
            "key": "testing",
            "secret": "SECRETSECRET",
            "endpoint_url": f"http://{host}:{port}",
            "region": "us-east-1",
        }
        client = boto3.client(
            "s3",
            aws_access_key_id=options["key"],
            aws_secret_access_key=options["secret"],
            endpoint_url=options["endpoint_url"],
            region_name=options["region"],
        )
        client.create_bucket(Bucket=name)
        for key, path in files.items():
            for file in [path] if path.is_file() else sorted(path.rglob("*")):
                if file.is_file():
                    inside = "" if path.is_file() else f"/{file.relative_to(path).as_posix()}"
                    client.put_object(Bucket=name, Key=key + inside, Body=file.read_bytes())
        yield f"s3://{name}", options
    finally:
        server.stop()
