"""Requests to servers that fail in all kinds of ways: an answer or our error, in bounded time, without secrets."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import traceback

import pytest

from mappedviz.errors import AbsentStoreError, StoreError
from mappedviz.formats import remote_client
from mappedviz.formats.remote_client import entries, obstore_of, request, used
from mappedviz.formats.remote_options import noted
from tests.servers import answered, serving

pytest.importorskip("obstore")
IMPATIENT = {"timeout": 0.5, "connect_timeout": 0.5, "max_retries": 1, "retry_timeout": 1}
PATIENT = {"timeout": 20, "connect_timeout": 20, "max_retries": 1, "retry_timeout": 30}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "a.bin").write_bytes(bytes(range(256)) * 400)
    (folder / "ä b+.bin").write_bytes(b"odd")
    (folder / "empty").write_bytes(b"")
    with serving(folder) as one:
        noted(one.url, PATIENT)
        yield one


@pytest.fixture(autouse=True)
def nothing_wrong(server):
    server.fault = lambda request: None
    server.log.clear()
    yield
    server.fault = lambda request: None


def test_ranges_ends_and_wholes(server):
    url = f"{server.url}/a.bin"
    whole = bytes(range(256)) * 400
    assert request(url).data == whole
    assert request(url, (5, 300)).data == whole[5:300]
    end = request(url, -7)
    assert (end.data, end.start) == (whole[-7:], len(whole) - 7)
    head = request(url, head=True)
    assert (head.data, head.stamp.size) == (b"", len(whole))
    assert head.stamp == end.stamp
    assert end.stamp.etag
    assert request(f"{server.url}/%C3%A4%20b+.bin").data == b"odd"
    assert server.log[-1].path == "/ä b+.bin"


def test_without_an_etag_time_and_size_tell_contents_apart(server):
    server.with_etags = False
    try:
        stamp = request(f"{server.url}/a.bin", head=True).stamp
        assert stamp.etag == ""
        assert stamp.mtime_ns > 0
        request(f"{server.url}/a.bin", (0, 1), stamp)
        with pytest.raises(StoreError, match="changed"):
            request(f"{server.url}/a.bin", (0, 1), stamp._replace(mtime_ns=1))
    finally:
        server.with_etags = True


@pytest.mark.parametrize("fault", [503, 500, 429, "reset", "truncate", "slow"])
def test_what_goes_wrong_once_is_asked_for_again(server, fault):
    seen = []
    server.fault = lambda request: fault if not seen and not seen.append(1) else None
    assert request(f"{server.url}/a.bin", (0, 50_000)).data == (bytes(range(256)) * 400)[:50_000]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (503, "answers with the status 503"),
        (404, "does not exist"),
        (403, "refuses"),
        (401, "refuses"),
        (412, "changed"),
        (416, "shorter"),
        ("reset", "does not answer|broke off|in time"),
        ("truncate", "broke off|sent|does not answer"),
        ("hang", "in time|does not answer"),
        ("whole", "byte ranges"),
    ],
)
def test_what_stays_wrong_is_our_error_in_bounded_time(server, fault, words):
    patience = IMPATIENT if fault == "hang" else PATIENT
    noted(f"{server.url}/a.bin?sig=SECRET", {**patience, "token": "SECRET"})
    server.fault = lambda request: fault
    with pytest.raises(StoreError, match=words) as caught:
        answered(lambda: request(f"{server.url}/a.bin", (0, 50_000)))
    assert server.log[-1].query == "sig=SECRET"
    assert server.log[-1].headers["authorization"] == "Bearer SECRET"
    assert caught.value.store == f"{server.url}/a.bin"
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    assert isinstance(caught.value, AbsentStoreError) == (fault == 404)
    noted(f"{server.url}/a.bin", PATIENT)


def test_a_server_that_is_not_there_is_an_error(server):
    with serving(server.folder) as gone:
        pass
    noted(gone.url, IMPATIENT)
    with pytest.raises(StoreError, match="does not answer|in time"):
        request(f"{gone.url}/a.bin")


def test_an_object_that_changed_is_noticed(server, tmp_path):
    url = f"{server.url}/changing.bin"
    (server.folder / "changing.bin").write_bytes(b"12345")
    stamp = request(url, head=True).stamp
    (server.folder / "changing.bin").write_bytes(b"123456")
    with pytest.raises(StoreError, match="changed or replaced"):
        request(url, (0, 2), stamp)
    # A server that does not know conditions answers, and its ETag is another one.
    with pytest.raises(StoreError, match="changed or replaced"):
        request(url, (0, 2), stamp._replace(etag='W/"weak"'))


def test_no_more_requests_than_allowed_are_under_way(server):
    before = server.at_once  # those that hang, of another test
    server.latency, server.most_at_once = 0.02, 0
    try:
        threads = [
            threading.Thread(target=request, args=(f"{server.url}/a.bin", (i, i + 5)))
            for i in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        server.latency = 0.0
    assert 4 < server.most_at_once - before <= remote_client.MOST_REQUESTS


def test_servers_of_https_list_nothing(server):
    with pytest.raises(StoreError, match="list nothing"):
        list(entries(server.url))


def test_http_to_other_machines_has_to_be_allowed():
    with pytest.raises(StoreError, match="https://"):
        request("http://192.0.2.1/a.h5ad")


def test_without_obstore_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(StoreError, match=r"mappedviz\[remote\]"):
        request("https://example.invalid/a.h5ad")


def test_a_path_that_is_none_is_an_error(server):
    with pytest.raises(StoreError, match="no URL"):
        request(f"{server.url}/x//a.bin")


@pytest.mark.parametrize(
    ("url", "options", "kind"),
    [
        ("s3://bucket/a/b.zarr", {"key": "K", "secret": "S", "region": "eu-west-1"}, "S3Store"),
        ("s3://bucket/a", {"anon": True, "endpoint_url": "http://minio:9000"}, "S3Store"),
        ("gs://bucket/a/b.h5ad", {"token": "anon"}, "GCSStore"),
        ("gcs://bucket/a", {"token": "TOKEN"}, "GCSStore"),
        ("az://box/a/b.h5ad", {"account_name": "lab", "account_key": "c2VjcmV0"}, "AzureStore"),
        ("az://box/a", {"account_name": "lab", "sas_token": "sv=1&sig=x"}, "AzureStore"),
        ("az://box/a", {"account_name": "lab", "anon": True}, "AzureStore"),
        ("https://host/a", {"headers": {"X": "y"}}, "HTTPStore"),
    ],
)
def test_clients_are_made_of_options(url, options, kind):
    noted(url, options)
    client, path = obstore_of(url)
    assert type(client).__name__ == kind
    assert path == url.split("/", 3)[3]
    assert obstore_of(url)[0] is client


def test_options_that_obstore_refuses_are_not_shown():
    noted("az://box/refused", {"account_name": "lab", "account_key": "SECRET not base64 %"})
    with pytest.raises(StoreError, match="refuses") as caught:
        obstore_of("az://box/refused")
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def _read_forked(url, answers):
    try:
        request(url, (0, 5))
        answers.put("read")
    except StoreError as error:
        answers.put(str(error))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_says_so_at_once(server):
    request(f"{server.url}/a.bin", (0, 5))
    assert used()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_read_forked, args=(f"{server.url}/a.bin", answers))
    child.start()
    assert "spawn" in answers.get(timeout=30)
    child.join(30)
    assert child.exitcode == 0
