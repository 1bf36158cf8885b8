"""`mappedviz info`: what a bug report has to say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import mappedviz
from mappedviz.cli import command as cli
from mappedviz.cli import info
from mappedviz.text.extras import EXTRAS


def said(capsys):
    assert cli.main(["info"]) == cli.OK
    out = capsys.readouterr().out
    return dict(re.match(r"([^:]+):\s+(.*)", line).groups() for line in out.splitlines())


def test_versions_the_machine_and_the_settings(capsys, monkeypatch):
    monkeypatch.setenv("MAPPEDVIZ_MMAP", "0")
    lines = said(capsys)
    assert lines["mappedviz"].startswith(f"{mappedviz.__version__} (mappedviz")
    assert lines["python"].startswith("3.")
    assert re.fullmatch(r"\d+ of \d+, \w+.*", lines["processors"])
    assert re.fullmatch(r"interface \d+, \d+ kB, .*/_core\.(so|dylib)", lines["compiled core"])
    assert lines["HDF5"].count(".") == 2
    assert "MAPPEDVIZ_MMAP=0" in lines["settings"]
    assert "matplotlib 3." in lines["also installed"]


def test_what_is_wrong_is_said(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MAPPEDVIZ_NATIVE", str(tmp_path / "_core.so"))
    monkeypatch.setattr("mappedviz.native._functions", {})
    monkeypatch.setattr(info, "REQUIRED", ("no-such-package",))
    monkeypatch.setattr(info, "OPTIONAL", ())
    lines = said(capsys)
    assert lines["compiled core"].startswith("NOT USABLE: ")
    assert "is not there" in lines["compiled core"]
    assert lines["no-such-package"] == "NOT INSTALLED"
    assert lines["also installed"] == "nothing that is optional"


def test_whose_home_it_is_is_not_said(capsys, monkeypatch):
    home = Path(mappedviz.__file__).parents[1]
    monkeypatch.setenv("HOME", str(home))
    lines = said(capsys)
    assert lines["mappedviz"].endswith(" in ~/mappedviz")
    assert str(home) not in lines["compiled core"]


def test_everything_that_is_required_is_among_it(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [line for extra in EXTRAS for line in extras[extra]]
    names = {re.match(r"[\w.-]+", line)[0] for line in [*project["dependencies"], *lines]}
    assert names - {"mappedviz"} <= {*info.REQUIRED, *info.OPTIONAL}
