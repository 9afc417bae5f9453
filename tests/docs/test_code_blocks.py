"""Every Python block of the README and of every page runs, and no block of code is left unclassified."""

import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[^\n]*)$", re.MULTILINE)
NOT_RUN = {"console", "http", "ini", "json", "makefile", "sql", "text", "toml", "yaml"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def languages(text: str) -> list[str]:
    """The language of each fenced block, in order; an opening fence is closed by one as long as it."""
    found: list[str] = []
    closing: str | None = None
    for match in FENCE.finditer(text):
        if closing is None:
            closing = match["fence"]
            found.append(match["language"].strip())
        elif match["fence"].startswith(closing) and not match["language"].strip():
            closing = None
    return found


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert set(languages(page.read_text())) <= NOT_RUN | {"python"}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_python_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = Sybil(parsers=[PythonCodeBlockParser()], path=str(page.parent)).parse(page)
    examples = list(document.examples())
    assert len(examples) == languages(page.read_text()).count("python")
    monkeypatch.chdir(tmp_path)
    for example in examples:
        example.evaluate()
