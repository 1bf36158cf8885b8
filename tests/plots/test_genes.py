"""Figures of genes."""

import numpy as np
import pytest

from mappedviz import plots
from mappedviz.audits import Coverage
from tests.hostile import coverage_table
from tests.plots import STORES, measured_table, rows_of, widths


def test_coverage_curve_goes_from_outer_to_inner():
    coverage = coverage_table(STORES)
    ax = plots.plot_coverage_curve(coverage)
    (line,) = ax.lines
    assert line.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert line.get_ydata().tolist() == coverage.at_least.tolist()
    assert [text.get_text() for text in ax.texts] == [
        f"outer {coverage.outer}",
        f"inner {coverage.inner}",
    ]


@pytest.mark.parametrize("stores", [[], ["only one"]], ids=["no store", "one store"])
def test_coverage_of_few_stores(stores):
    coverage = Coverage.of({name: ["A", "B"] for name in stores})
    for plot in (plots.plot_coverage_curve, plots.plot_leave_one_out, plots.plot_patterns):
        assert plots.render(plot(coverage), "png")


def test_leave_one_out_starts_at_the_inner_join_and_puts_the_worst_first():
    coverage = coverage_table(STORES)
    ax = plots.plot_leave_one_out(coverage, top_n=4)
    gains = coverage.table["gain_without"].sort_values(ascending=False, kind="stable")
    assert widths(ax) == gains.tolist()[:4]
    assert {bar.get_x() for bar in ax.patches} == {coverage.inner}
    assert rows_of(ax) == gains.index.tolist()[:4]
    assert ax.texts[-1].get_text() == "and 2 stores that cost no more than these"


def test_leave_one_out_says_where_nothing_changes():
    ax = plots.plot_measured(measured_table(["a", "b", "c"]).iloc[:, ::-1])
    assert [bar.get_width() for bar in ax.patches] == [1, 2, 3]
    ax = plots.plot_leave_one_out(Coverage.of({"a": ["A"], "b": ["A"]}))
    assert {text.get_text() for text in ax.texts} == {"no change"}


def test_leave_one_out_of_many_stores_shows_those_that_change_something():
    common = [f"g{i}" for i in range(50)]
    stores = {f"s{i}": common[:20] if i in (2, 5) else common for i in range(12)}
    ax = plots.plot_leave_one_out(Coverage.of({**stores, "odd": common[1:]}))
    assert rows_of(ax) == ["odd"]
    assert [text.get_text() for text in ax.texts][1:] == [
        "and 12 stores without which nothing changes",
        "together without s2, s5: 49 (+30)",
    ]


def test_patterns_and_the_rest_are_all_genes():
    coverage = coverage_table(STORES)
    ax = plots.plot_patterns(coverage, top_n=3)
    assert widths(ax)[:3] == coverage.patterns["n_genes"].tolist()[:3]
    assert sum(widths(ax)) == coverage.outer
    assert rows_of(ax)[0] == "all 6 stores"
    assert rows_of(ax)[-1] == f"other ({coverage.n_patterns - 3} more patterns)"
    everything = plots.plot_patterns(coverage, top_n=1000)
    assert len(widths(everything)) == coverage.n_patterns


def test_intersections_are_a_matrix_of_patterns():
    coverage = coverage_table(STORES)
    ax = plots.plot_intersections(coverage, top_n=5)
    bars = ax.get_figure(root=True).axes[-1]
    assert [bar.get_height() for bar in bars.patches] == coverage.patterns["n_genes"].tolist()[:5]
    sizes = coverage.table["n_vars"].tolist()
    assert rows_of(ax) == [f"{name} ({n})" for name, n in zip(STORES, sizes, strict=True)]
    rows = {name: i for i, name in enumerate(STORES)}
    dots = [np.asarray(one.get_offsets()) for one in ax.collections[1:]]
    for place, pattern in enumerate(coverage.patterns["pattern"][:5]):
        assert dots[place].tolist() == [
            [place, row] for row in sorted(rows[one] for one in pattern)
        ]
    assert ax.texts[-1].get_text().startswith("not shown: ")


def test_intersections_of_many_stores_are_a_histogram():
    coverage = coverage_table([f"s{i}" for i in range(60)])
    ax = plots.plot_intersections(coverage)
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == coverage.histogram()["n_genes"].tolist()
    assert sum(heights) == coverage.outer
    assert ax.get_xticklabels()[-1].get_text() == "60"


@pytest.mark.parametrize("stores", [[], ["only one"]], ids=["no store", "one store"])
def test_intersections_of_few_stores(stores):
    coverage = Coverage.of({name: ["A", "B"] for name in stores})
    assert plots.render(plots.plot_intersections(coverage), "png")
    assert plots.render(plots.plot_intersections(coverage, most_stores=0), "png")
