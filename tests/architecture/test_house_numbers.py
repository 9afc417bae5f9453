"""Numbers the house holds itself to, so that nothing grows unseen."""

import ast
import io
import re
import statistics
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "cleanarch_kit"
MODULES = sorted(SRC.rglob("*.py"))
LONG_ON_PURPOSE = {SRC / "errors.py"}  # one tree, drawn and written in one file
IGNORE = re.compile(r"#\s*(type|pyright|mypy):\s*ignore")
REASONED = re.compile(r"#\s*(type|pyright):\s*ignore\[[\w\-, ]+\]\s*[#-]\s*\S")
PRAGMA = re.compile(r"#\s*pragma:")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def with_code() -> list[Path]:
    return [path for path in MODULES if lines_of(path) > 10]


def code_lines() -> int:
    """Lines of the whole package that hold a token which is neither comment nor white space."""
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    total = 0
    for path in MODULES:
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        total += len({token.start[0] for token in tokens if token.type not in silent})
    return total


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_at_most_320_lines(path: Path) -> None:
    assert lines_of(path) <= 320 or path in LONG_ON_PURPOSE


def test_most_modules_are_much_shorter() -> None:
    lengths = sorted(lines_of(path) for path in with_code())
    assert statistics.median(lengths) <= 110
    assert lengths[int(len(lengths) * 0.9)] <= 260


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_function_fits_a_screen(path: Path) -> None:
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > 60} == {}


def test_type_ignores_are_rare_and_each_has_a_code_and_a_reason() -> None:
    ignores = [
        (relative(path), number, line)
        for path in MODULES
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if IGNORE.search(line)
    ]
    assert [ignore for ignore in ignores if not REASONED.search(ignore[2])] == []
    assert len(ignores) <= code_lines() / 1000


def test_any_is_rare() -> None:
    uses = [
        (relative(path), node.lineno)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id == "Any"
    ]
    assert len(uses) <= code_lines() / 100, uses


@pytest.mark.parametrize("ring", ["domain", "application"])
def test_the_core_has_no_line_that_coverage_leaves_out(ring: str) -> None:
    assert [relative(path) for path in (SRC / ring).rglob("*.py") if PRAGMA.search(path.read_text())] == []
