"""Progress: a bar, or a function of the caller."""

from mappedviz.text import progress
from mappedviz.text.progress import reporting


def test_a_function_is_called_with_numbers():
    calls = []
    with reporting(3, 1, lambda done, total: calls.append((done, total))) as step:
        step()
        step()
    assert calls[-1] == (3, 3)


def test_a_bar_is_shown_where_it_takes_long(monkeypatch, capsys):
    with reporting(2, 0, True, "copying stores") as step:
        step()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "_BAR_AFTER", 0)
    with reporting(2, 0, True, "copying stores") as step:
        step()
        step()
    assert "copying stores" in capsys.readouterr().err
    with reporting(2, 0, False) as step:
        step()
    assert capsys.readouterr().err == ""
