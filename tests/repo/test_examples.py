"""The first examples that people read run as they are written."""

from __future__ import annotations

import re

import pytest


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_a_quick_start_runs(repository, page, tmp_path, monkeypatch, capsys):
    """All of its Python, from top to bottom, in one namespace, in an empty folder."""
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    text = (repository / page).read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for found in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        line = text[: found.start(1)].count("\n")
        code = compile(
            "\n" * line + found[1], repository / page, "exec"
        )  # so that errors say where
        exec(code, names)
    assert len(names) > 5
