"""Suffixes of stores, and properties that are computed once."""

import pickle
import threading

import pytest

from mappedviz._types import SEVERITIES, SUFFIXES, lazy, store_suffix


@pytest.mark.parametrize("suffix", [one for some in SUFFIXES.values() for one in some])
def test_names_of_stores_end_with_their_suffix_in_any_case(suffix):
    assert store_suffix(f"a.b{suffix}") == suffix
    assert store_suffix(f"a.b{suffix.upper()}") == suffix.upper()


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.zarr.zip", ".zarr.zip"), ("a.h5", ".h5"), ("a.zip", ""), ("zarr", "")]
)
def test_the_longest_suffix_counts(name, suffix):
    assert store_suffix(name) == suffix


def test_severities_are_in_order_and_none_is_there_twice():
    assert SEVERITIES[0] == "fatal"
    assert len(set(SEVERITIES)) == 4


class Counted:
    calls = 0

    @lazy
    def value(self):
        """Docstring."""
        self.calls += 1
        return [self.calls]


def test_a_lazy_property_is_computed_once_per_object():
    one, other = Counted(), Counted()
    assert one.value is one.value
    assert one.value is not other.value
    assert one.calls == 1
    assert Counted.value.__doc__ == "Docstring."


def test_a_lazy_property_travels_with_its_object():
    one = Counted()
    assert pickle.loads(pickle.dumps(one)).value == [1]
    one.value.append("kept")
    assert pickle.loads(pickle.dumps(one)).value == [1, "kept"]


def test_no_lock_is_held_while_it_is_computed():
    """One that another thread computes for ever stops no other."""
    never = threading.Event()

    class Slow:
        @lazy
        def value(self):
            never.wait(timeout=300)
            return 1

    class Quick(Slow):
        pass

    thread = threading.Thread(target=lambda: Slow().value, daemon=True)
    thread.start()
    quick = Quick()
    quick.__dict__["value"] = 2
    assert quick.value == 2
    never.set()
    thread.join(timeout=300)
    assert not thread.is_alive()
