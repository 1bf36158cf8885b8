"""A trial of the loader draws what is expected."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from tests.views.looks import bar_rows, node, settled


def test_the_first_batch(ui, monkeypatch):
    pytest.importorskip("torch")
    whole = partial(ui.handoff.first_batch, seconds=600)  # an epoch, however busy the machine is
    monkeypatch.setattr(ui.handoff, "first_batch", whole)
    ui.tab = "handoff"
    ui.handoff.batch_size = 100
    ui.handoff.event("try_out", "press")
    assert node(ui, "stop")
    assert ui.handoff._work.wait(120)
    trial = ui.handoff.trial
    assert trial is not None, ui.handoff.said
    assert trial.columns["X"] == ((100, 201), "float32")
    assert trial.columns["louvain"] == ((100,), "int64")
    assert trial.n_rows == len(ui.dataset())
    pd.testing.assert_series_equal(trial.drawn["drawn"], trial.drawn["expected"], check_names=False)
    shown = {row["label"]: row["values"][1] for row in bar_rows(ui)}
    assert shown["B cells"] == pytest.approx(100 * 342 / 5038)
    assert "X (100, 201) float32" in node(ui, "said")["text"]
    assert ui.handoff.plot().get_title(loc="left").startswith("Classes of")
    ui.coverage.join = "outer"
    settled(ui)
    assert ui.handoff.trial is None


def test_weighted_rows_are_drawn_as_expected(ui):
    ui.weights.use = True
    settled(ui)
    trial = ui.handoff.first_batch(seconds=0.3)
    drawn = trial.drawn.drop(index=[None], errors="ignore")
    assert drawn["expected"].round(4).nunique() == 1
    n = trial.n_rows
    error = np.sqrt(drawn["expected"] * (1 - drawn["expected"]) / n)
    assert (np.abs(drawn["drawn"] - drawn["expected"]) < 6 * error).all()
