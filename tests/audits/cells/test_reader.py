"""Tables of cells of audits of all kinds."""

import pytest

import mappedviz as mv
from mappedviz.errors import MissingKeyError, RecipeError
from tests.audits import quiet, write


def test_an_audit_without_stores_has_empty_tables(tmp_path):
    audit = quiet([tmp_path / "nothing.h5ad"])
    assert len(audit.embedding().table) == len(audit.cell_stats().table) == 0
    assert len(audit.embedding().stores) == 0
    assert len(audit.cell_stats().quantiles) == 0
    assert len(audit.expression("TP53").table) == 0


def test_an_audit_that_was_read_from_json_has_no_cells(tmp_path):
    audit = mv.Audit.from_json(quiet([write(tmp_path)]).to_json())
    for ask in (audit.embedding, audit.cell_stats, lambda: audit.expression("TP53")):
        with pytest.raises(RecipeError, match="cells are not in an audit"):
            ask()


def test_some_stores_alone_and_how_far_it_is(tmp_path):
    audit = quiet([write(tmp_path, "a"), write(tmp_path, "b"), write(tmp_path, "c")])
    names, told = list(audit.stores.index), []
    stats = audit.cell_stats(stores=names[:0:-1], progress=lambda *one: told.append(one))
    assert stats.stores.index.tolist() == names[:0:-1]
    assert told == [(0, 2), (1, 2)]
    with pytest.raises(MissingKeyError, match="is no store that can be read.*Did you mean"):
        audit.embedding(stores=[names[0][:-1]])

    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        audit.expression("TP53", progress=stop)
