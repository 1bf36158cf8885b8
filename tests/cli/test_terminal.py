"""What reaches a terminal, a pipe and a file."""

from __future__ import annotations

import io
import sys

from mappedviz.cli import command as cli
from mappedviz.errors import StoreError
from tests.hostile import HOSTILE
from tests.report.pages import CLASSES, a_finding, an_audit

ESCAPES = [chr(code) for code in (*range(9), *range(11, 32), 127, 0x9B, 0x202E)]


def test_piped_output_is_plain_and_not_folded(made, capsys):
    made.audit = an_audit(["x" * 45 + f"{i}.h5ad" for i in range(3)])
    cli.main(["audit", "a.h5ad"])
    out, _ = capsys.readouterr()
    assert "\x1b" not in out
    rows = [line for line in out.splitlines() if line.startswith("x" * 20)]
    assert any("csr float32 gzip(4)+shuffle" in row and "X_umap" in row for row in rows)
    assert not any(line != line.rstrip() and len(line) > 400 for line in rows)


def test_a_terminal_gets_colours_and_its_width(made, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    cli.main(["audit", "a.h5ad"])
    text = screen.getvalue()
    assert "\x1b[1;31mfatal" in text
    import re

    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 100


def test_nothing_from_a_file_reaches_the_terminal_raw(made, capsys):
    findings = [
        a_finding("error", f"Label {name}.", stores=(name,), remedy=name, code=name, id=name)
        for name in HOSTILE
    ]
    made.audit = an_audit(HOSTILE, [*HOSTILE, *CLASSES], findings)
    made.audit.verdict = "".join(HOSTILE)
    assert cli.main(["audit", "a.h5ad"]) == cli.OK  # no finding is fatal
    out, err = capsys.readouterr()
    assert not [character for character in ESCAPES if character in out + err]
    assert "\\x1b[31mred" in out
    out.encode("utf-8")


def test_an_error_with_control_characters_is_printed_visibly(made, capsys):
    made.error = StoreError("is \x1b[2Jnothing", store="\x07.h5ad", remedy="Stop.")
    assert cli.main(["audit", "a.h5ad"]) == cli.USAGE
    assert capsys.readouterr().err == "mappedviz: \\x07.h5ad: is \\x1b[2Jnothing. Stop.\n"


def test_a_terminal_without_unicode(made, monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    made.audit.verdict = "Größe 中文"
    cli.main(["audit", "a.h5ad"])
    screen.flush()
    assert screen.buffer.getvalue().startswith(b"Gr\\xf6\\xdfe \\u4e2d\\u6587\n")
