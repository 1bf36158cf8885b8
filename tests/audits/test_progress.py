"""Progress: a bar, or a function of the caller."""

import mappedviz as mv


def test_progress_is_told(several):
    told = []
    mv.audit(several, progress=lambda done, total: told.append((done, total)), workers=0)
    assert told[-1] == (6, 6)
    told.clear()
    mv.audit(several, progress=lambda done, total: told.append((done, total)), workers=0)
    assert told == []


def test_a_bar_is_shown_where_it_takes_long(several, monkeypatch, capsys):
    from mappedviz.audits import progress

    mv.audit(several[:2], workers=0)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "_BAR_AFTER", 0)
    mv.audit(several, workers=0)
    assert "reading stores" in capsys.readouterr().err
