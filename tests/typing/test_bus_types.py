"""What the bus promises to type checkers beyond the acceptance contract: errors on exactly the lines ``# E``, in both.

The program is written to a file of its own, because it must not type-check.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("bus_types.txt")

pytestmark = pytest.mark.gate


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bus_types.py"
    path.write_text(PROGRAM.read_text())
    return path


def expected() -> set[int]:
    lines = PROGRAM.read_text().splitlines()
    return {number for number, line in enumerate(lines, start=1) if line.endswith("# E")}


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def test_the_program_expects_errors() -> None:
    assert len(expected()) > 20


def test_mypy_finds_them(program: Path, tmp_path: Path) -> None:
    output = run("mypy", "--no-pretty", "--cache-dir", str(tmp_path / "cache"), str(program))
    found = {
        int(line): text for line, text in re.findall(r"^.*bus_types\.py:(\d+): error: (.*)$", output, re.MULTILINE)
    }
    assert found.keys() == expected(), found


def test_pyright_finds_them(program: Path, tmp_path: Path) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
    settings |= {"exclude": [], "venvPath": str(ROOT), "include": [str(program)]}
    settings["extraPaths"] = [str(ROOT / path) for path in settings["extraPaths"]]
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    report = json.loads(run("pyright", "--outputjson", "--project", str(project)))
    found = {
        item["range"]["start"]["line"] + 1: item["message"]
        for item in report["generalDiagnostics"]
        if item["severity"] == "error"
    }
    assert found.keys() == expected(), found
