"""What is promised to type checkers beyond the acceptance contract: errors on exactly the lines ``# E``, in both.

The programs are written to files of their own, because they must not type-check.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(Path(__file__).parent.glob("*.txt"))

pytestmark = pytest.mark.gate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    for program in PROGRAMS:
        folder.joinpath(program.stem).with_suffix(".py").write_text(program.read_text())
    return folder


def expected() -> set[tuple[str, int]]:
    return {
        (program.stem, number)
        for program in PROGRAMS
        for number, line in enumerate(program.read_text().splitlines(), start=1)
        if line.endswith("# E")
    }


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def test_the_programs_expect_errors() -> None:
    assert {program for program, _ in expected()} == {"bulk_types", "bus_types"}
    assert len(expected()) > 30


def test_mypy_finds_them(folder: Path, tmp_path: Path) -> None:
    output = run("mypy", "--no-pretty", "--cache-dir", str(tmp_path / "cache"), str(folder))
    found = {
        (program, int(line)): text
        for program, line, text in re.findall(r"^.*?(\w+_types)\.py:(\d+): error: (.*)$", output, re.MULTILINE)
    }
    assert found.keys() == expected(), found


def test_pyright_finds_them(folder: Path, tmp_path: Path) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
    settings |= {"exclude": [], "venvPath": str(ROOT), "include": [str(folder)]}
    settings["extraPaths"] = [str(ROOT / path) for path in settings["extraPaths"]]
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    report = json.loads(run("pyright", "--outputjson", "--project", str(project)))
    found = {
        (Path(item["file"]).stem, item["range"]["start"]["line"] + 1): item["message"]
        for item in report["generalDiagnostics"]
        if item["severity"] == "error"
    }
    assert found.keys() == expected(), found
