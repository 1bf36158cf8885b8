"""No test asserts a time: it would fail on a machine that has other work. Times are benchmarks."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

CLOCKS = re.compile(r"(perf_counter|monotonic|process_time|thread_time|time)(_ns)?")
#: What a duration is called.
NAMES = re.compile(
    r"(\w+_)?(seconds|took|elapsed|duration|milliseconds|wall|spent)(_s|_ms|_ns)?", re.IGNORECASE
)
#: Not a duration that was measured: the moment at which a test that hangs is given up.
DEADLINE = re.compile(r"deadline|timeout")


def reads_a_clock(node: ast.AST) -> bool:
    """True for ``time.perf_counter()`` and its like."""
    if not isinstance(node, ast.Call):
        return False
    module, _, name = ast.unparse(node.func).rpartition(".")
    return bool(CLOCKS.fullmatch(name)) and (module == "time" or name != "time")


def named(node: ast.AST) -> str:
    """Name of a variable, an attribute or an item; empty for everything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return ""


def is_duration(node: ast.AST, moments: set[str], durations: set[str]) -> bool:
    """True if an expression holds a duration; a moment is none, only the distance of two is."""
    for inner in ast.walk(node):
        if NAMES.fullmatch(named(inner)) or (isinstance(inner, ast.Name) and inner.id in durations):
            return True
        if isinstance(inner, ast.BinOp):
            parts = [inner.left, inner.right]
            if any(reads_a_clock(one) or named(one) in moments for one in parts):
                return True
    return False


def assignments(scope: list[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Variables and what they are set to, or what is appended to them."""
    for node in scope:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield named(target), node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".append"):
            yield named(node.func.value), node.args[0]


def times_in(scope: list[ast.AST]) -> tuple[set[str], set[str]]:
    """Variables that hold what a clock said, and those that hold a duration."""
    moments: set[str] = set()
    durations: set[str] = set()
    before = -1
    while before < len(moments) + len(durations):
        before = len(moments) + len(durations)
        for name, value in assignments(scope):
            if reads_a_clock(value):
                moments.add(name)
            elif isinstance(value, ast.BinOp) and is_duration(value, moments, durations):
                durations.add(name)
    return moments - {""}, durations - {""}


def inside(node: ast.AST) -> list[ast.AST]:
    """A function or a module with everything in it, other functions left out."""
    found, left = [], list(ast.iter_child_nodes(node))
    while left:
        one = left.pop()
        found.append(one)
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            left += ast.iter_child_nodes(one)
    return found


def asserted_times(code: str) -> Iterator[str]:
    """Assertions that compare a duration, in the code and in the programs it holds as text."""
    tree = ast.parse(code)
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    for scope in map(inside, [tree, *functions]):
        moments, durations = times_in(scope)
        for test in (node.test for node in scope if isinstance(node, ast.Assert)):
            for one in ast.walk(test):
                if not isinstance(one, ast.Compare) or DEADLINE.search(ast.unparse(one)):
                    continue
                parts = [one.left, *one.comparators]
                if any(reads_a_clock(x) or is_duration(x, moments, durations) for x in parts):
                    yield ast.unparse(test)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
            with suppress(SyntaxError):
                yield from asserted_times(textwrap.dedent(node.value))


@pytest.mark.parametrize(
    "code",
    [
        "def test(): assert time.perf_counter() - start < 1",
        "def test():\n  took = monotonic() - start\n  assert took < 1, 'slow'",
        "def test():\n  a = perf_counter()\n  b = perf_counter() - a\n  assert 2 * b < 1",
        "def test():\n  all.append(process_time() - start)\n  assert min(all) < 0.1",
        "def test(): assert json.loads(text)['seconds'] < 0.05",
        "def test():\n  run('''\n    import time\n    assert time.time() - start < 3\n    ''')",
    ],
)
def test_an_asserted_time_is_found(code):
    assert list(asserted_times(code))


@pytest.mark.parametrize(
    "code",
    [
        "def test():\n  deadline = monotonic() + 10\n  assert monotonic() < deadline, 'it hangs'",
        "def test(): assert run(timeout=300).returncode == 0",
        "def test():\n  start = perf_counter()\n  print(perf_counter() - start)\n  assert 1 < 2",
        "def test(): assert store.n_obs < 3",
    ],
)
def test_a_deadline_and_a_time_that_is_printed_are_allowed(code):
    assert not list(asserted_times(code))


def test_no_test_asserts_a_time(repository):
    tests = repository / "tests"
    beside = {"benchmarks", "reference"}  # they measure and compare, and are not part of the tests
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("*.py")):
        name = path.relative_to(tests).as_posix()
        if name.split("/")[0] in beside or path == Path(__file__):
            continue
        if times := sorted(set(asserted_times(path.read_text(encoding="utf-8")))):
            found[name] = times
    assert found == {}
