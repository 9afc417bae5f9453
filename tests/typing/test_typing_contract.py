"""Both type checkers report an error on exactly the lines of the contract that end with ``# E``."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "tests" / "acceptance" / "typing_contract.py"

pytestmark = pytest.mark.gate


def expected() -> set[int]:
    lines = CONTRACT.read_text().splitlines()
    return {number for number, line in enumerate(lines, start=1) if line.endswith("# E")}


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def test_the_contract_expects_errors() -> None:
    assert len(expected()) > 10


def test_mypy_agrees_with_the_contract() -> None:
    found = re.findall(r"^(.+?):(\d+): error: (.*)$", run("mypy", "--no-pretty", str(CONTRACT)), flags=re.MULTILINE)
    elsewhere = [error for error in found if Path(error[0]).name != CONTRACT.name]
    assert elsewhere == []
    assert {int(line) for _, line, _ in found} == expected(), found


def test_pyright_agrees_with_the_contract(tmp_path: Path) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
    settings |= {"exclude": [], "venvPath": str(ROOT)}  # a file that is excluded is left out even where it is named
    del settings["include"]
    settings["extraPaths"] = [str(ROOT / path) for path in settings["extraPaths"]]
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    report = json.loads(run("pyright", "--outputjson", "--project", str(project), str(CONTRACT)))
    assert report["summary"]["filesAnalyzed"] == 1
    found = {
        item["range"]["start"]["line"] + 1: item["message"]
        for item in report["generalDiagnostics"]
        if item["severity"] == "error"
    }
    assert found.keys() == expected(), found
