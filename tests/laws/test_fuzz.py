"""Stores that are damaged at random: nothing dies, and each error is ours and names the store."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module  # where dataclasses look
    spec.loader.exec_module(module)
    yield module
    del sys.modules["fuzz"]


def test_sixty_mutants(fuzz):
    table = fuzz.fuzz(60, seed=5, deadline=30)
    assert table.failures == []
    assert sum(sum(counts.values()) for counts in table.dialects.values()) == 60
    assert "| all |" in table.text()


def test_what_may_not_happen_is_noticed(fuzz):
    table = fuzz.Table()
    good = {"X": "1", "obs/a": "2"}

    def judge(found, *errors):
        return fuzz._judge(table, "zarr-v2", good, found, list(errors))

    assert judge(good) == fuzz.SAME
    assert judge({"X": "1"}, (fuzz.REFUSED, "obs/a: bad")) == fuzz.REFUSED
    assert judge({"X": "0", "obs/a": "2"}) == judge({"X": "1"}) == fuzz.DIFFERS
    assert judge(good, (fuzz.REFUSED, "a"), (fuzz.FOREIGN, "b")) == fuzz.FOREIGN
    assert judge({}, (fuzz.DIED, "c")) == fuzz.DIED
    assert table.differences == {
        "values (there is no checksum)": 1,
        "labels (there is no checksum)": 1,
    }


@pytest.mark.parametrize(
    "name", ["bits flipped", "block zeroed", "cut off", "overwritten", "bytes inserted"]
)
def test_damage_can_be_made_again(fuzz, name):
    def made(seed):
        raw = bytearray(range(256))
        fuzz.MUTATIONS[name](raw, random.Random(seed))
        return raw

    assert made(1) == made(1)
    assert any(made(seed) != bytearray(range(256)) for seed in range(3))
