"""`mappedviz cache`: what is kept, and less of it."""

from __future__ import annotations

import json
import os
import re
import time

import pytest

from mappedviz import MappedCollection
from mappedviz.cli import command as cli
from mappedviz.datasets import demo
from mappedviz.stores.fact_cache import FactCache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache that knows two stores, one of which was not used for 40 days."""
    monkeypatch.setenv("MAPPEDVIZ_CACHE", str(tmp_path / "cache"))
    paths = [demo() / "berlin.h5ad", demo() / "kyoto.h5ad"]
    MappedCollection(paths, join="outer")
    used = time.time() - 40 * 86_400
    os.utime(FactCache.of().path_of(str(paths[0])), (used, used))
    return tmp_path / "cache"


def info(capsys, *arguments):
    assert cli.main(["cache", "info", "--json", *arguments]) == cli.OK
    return json.loads(capsys.readouterr().out)


def test_what_is_kept_is_said(folder, capsys):
    assert cli.main(["cache", "info"]) == cli.OK
    lines = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["folder"].strip() == str(folder)
    assert lines["records"].strip() == "2"
    assert re.fullmatch(r"\s+[\d,]+ \([\d.]+ kB\)", lines["bytes"])
    assert "5 GB, not used for 180 days" in lines["at most"]
    found = info(capsys)
    assert found["records"] == 2
    assert found["bytes"] == sum(f.stat().st_size for f in folder.rglob("*.record"))
    assert info(capsys, "--folder", str(folder / "absent"))["records"] == 0


def test_records_go_by_age_and_size(folder, capsys):
    assert cli.main(["cache", "prune"]) == cli.OK
    assert capsys.readouterr().err == "mappedviz: removed 0 files, 0 B\n"
    assert cli.main(["cache", "prune", "--older-than", "30"]) == cli.OK
    assert "removed 1 files" in capsys.readouterr().err
    assert info(capsys)["records"] == 1
    assert cli.main(["cache", "prune", "--size", "0B"]) == cli.OK
    assert info(capsys)["bytes"] == 0


def test_all_of_it_goes(folder, capsys):
    assert cli.main(["cache", "clear", "--folder", str(folder)]) == cli.OK
    assert re.search(r"removed \d files, [\d.]+ kB", capsys.readouterr().err)
    assert info(capsys)["records"] == 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("size", ["much", "12"])
def test_a_size_that_is_none(folder, capsys, size):
    assert cli.main(["cache", "prune", "--size", size]) == cli.USAGE
    assert "--size" in capsys.readouterr().err
    assert cli.main(["cache", "prune", "--older-than", "-1"]) == cli.USAGE
    assert info(capsys)["records"] == 2
    assert cli.main(["cache"]) == cli.USAGE


def test_without_a_cache(monkeypatch, capsys):
    monkeypatch.setenv("MAPPEDVIZ_CACHE", "off")
    monkeypatch.setenv("MAPPEDVIZ_CACHE_SIZE", "off")
    assert cli.main(["cache", "info"]) == cli.OK
    out = capsys.readouterr().out
    assert "MAPPEDVIZ_CACHE is off" in out
    assert "any size" in out
    for action in ("prune", "clear"):
        assert cli.main(["cache", action]) == cli.OK
