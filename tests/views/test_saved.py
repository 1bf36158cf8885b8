"""Outputs of a notebook follow what is decided, but not while somebody is at the widget."""

import threading
import time

import pytest

from mappedviz.views import saved, state


class Outputs:
    """What a kernel would send, and what the widget says."""

    def __init__(self):
        self.html, self.ready, self.sent, self.holds = "first", True, [], 0
        self.came = threading.Condition()

    def made(self):
        return saved.Saved(lambda: {"text/html": self.html}, lambda: self.ready, self.hold)

    def hold(self):
        self.holds += 1

    def display(self, bundle, *, raw, display_id=None, update=False):
        with self.came:
            self.sent.append((bundle["text/html"], display_id, update))
            self.came.notify_all()

    def until(self, n):
        with self.came:
            assert self.came.wait_for(lambda: len(self.sent) >= n, 20)


@pytest.fixture
def outputs(monkeypatch):
    monkeypatch.setattr(saved, "REST", 0.05)
    monkeypatch.setattr(saved, "LEFT", 0.01)
    monkeypatch.setattr(saved, "_in_a_kernel", lambda: True)
    made = Outputs()
    monkeypatch.setattr("IPython.display.display", made.display)
    return made


def test_every_output_is_updated_once_things_rest(outputs):
    one = outputs.made()
    one.show()
    one.show()
    names = [name for _, name, _ in outputs.sent]
    assert len(set(names)) == 2
    outputs.html = "second"
    for _ in range(20):
        one.stale()
    outputs.until(4)
    assert outputs.sent[2:] == [("second", name, True) for name in names]
    assert outputs.holds == 1
    one.stale()  # nothing is another
    time.sleep(0.3)
    assert len(outputs.sent) == 4


def test_an_earlier_output_is_updated_though_a_later_one_shows_the_same(outputs):
    one = outputs.made()
    one.show()
    outputs.html = "second"
    one.stale()
    one.show()  # by the next cell, before things rest
    outputs.until(3)
    (updated,) = (one for one in outputs.sent if one[2])
    assert updated == ("second", outputs.sent[0][1], True)
    time.sleep(0.3)
    assert len(outputs.sent) == 3  # the later one is as it was


def test_not_while_stores_are_read_or_somebody_is_there(outputs):
    one = outputs.made()
    one.show()
    outputs.html, outputs.ready = "second", False
    one.stale()
    time.sleep(0.3)
    assert len(outputs.sent) == 1
    outputs.ready = True
    one.held = True
    one.stale()
    time.sleep(0.3)
    assert len(outputs.sent) == 1
    one.held = False
    outputs.until(2)
    assert outputs.sent[1][0] == "second"


def test_what_was_shown_too_early_is_made_good(outputs):
    outputs.ready = False
    one = outputs.made()
    one.show()
    outputs.html, outputs.ready = "read", True
    one.stale()  # as the audit does when it arrives
    outputs.until(2)
    assert outputs.sent[1][0] == "read"


def test_nothing_is_followed_that_was_closed_or_stands_in_a_terminal(outputs, monkeypatch):
    one = outputs.made()
    one.stale()
    one.show()
    one.forget()
    outputs.html = "second"
    one.stale()
    monkeypatch.setattr(saved, "_in_a_kernel", lambda: False)
    other = outputs.made()
    other.show()
    other.stale()
    time.sleep(0.3)
    assert [(name is None, update) for _, name, update in outputs.sent] == [
        (False, False),
        (True, False),
    ]


def test_an_output_says_that_the_last_reading_failed(outputs, ui, monkeypatch):
    def breaks(**_):
        raise OSError("Input/output error")

    ui._ipython_display_()
    monkeypatch.setattr(state, "audit", breaks)
    ui.recipe = ui.recipe.replace(dtype="float16")
    outputs.until(2)
    assert "did not end (OSError: Input/output error)" in outputs.sent[-1][0]
    assert "float16" in outputs.sent[-1][0]
