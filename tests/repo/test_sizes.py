"""Modules and functions stay small enough to be read at one go."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
import tomllib

import pytest

LONGEST_MODULE = 600
MEDIAN_MODULE = 250
LONGEST_FUNCTION = 80

NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


@pytest.fixture(scope="module")
def texts(repository):
    package = repository / "mappedviz"
    return {
        path.relative_to(package).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(package.rglob("*.py"))
    }


def lines_of_code(text: str) -> set[int]:
    """Numbers of the lines that hold more than a comment."""
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    return found


def lengths_of_functions(text: str) -> dict[str, int]:
    """Lines of code of each function, without its docstring."""
    code = lines_of_code(text)
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = set(range(node.lineno, node.end_lineno + 1))
            if ast.get_docstring(node) is not None:
                lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
            found[node.name] = max(len(lines & code), found.get(node.name, 0))
    return found


def test_lines_are_counted_without_comments_and_docstrings():
    text = 'def f(a,\n      b):\n    """Say.\n\n    More.\n    """\n    # so\n\n    return """\n\n"""\n'
    assert lengths_of_functions(text) == {"f": 5}


def test_no_module_is_long(texts):
    long = {name for name, text in texts.items() if text.count("\n") > LONGEST_MODULE}
    assert sorted(long) == []


def test_half_of_the_modules_are_short(texts):
    lengths = [text.count("\n") for text in texts.values()]
    assert statistics.median(lengths) <= MEDIAN_MODULE


def test_no_function_is_long(texts):
    long = {
        f"{file}:{name}": length
        for file, text in texts.items()
        for name, length in lengths_of_functions(text).items()
        if length > LONGEST_FUNCTION
    }
    assert long == {}


def test_complexity_is_bounded_by_ruff(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    lint = project["tool"]["ruff"]["lint"]
    assert "C90" in lint["select"]
    assert lint["mccabe"]["max-complexity"] == 20
