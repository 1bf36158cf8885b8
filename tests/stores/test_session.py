"""Sessions: one opening serves all reads of a thread."""

from __future__ import annotations

import threading

import pytest

from mappedviz.stores import session
from mappedviz.stores.store import open_store


def test_sessions_inside_of_each_other_open_the_file_once(path, monkeypatch):
    store, opened = open_store(path), []
    real = session.open_root
    monkeypatch.setattr(session, "open_root", lambda *args: opened.append(args) or real(*args))
    with store.session() as root, store.session() as again:
        assert again is root
        store.read_var_names()
    assert len(opened) == 1
    store.read_var_names()
    assert len(opened) == 2


def test_each_thread_opens_its_own(path):
    store, roots = open_store(path), []

    def read():
        with store.session() as root:
            roots.append((root, root["obs"].keys()))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(root) for root, _ in roots}) == 8
    assert len({tuple(keys) for _, keys in roots}) == 1


def test_the_root_of_a_session_that_failed_is_not_used_again(path):
    store = open_store(path)
    with pytest.raises(KeyError, match="1"), store.session() as root:
        raise KeyError(1)
    with store.session() as again:
        assert again is not root
