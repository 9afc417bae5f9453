"""Both type checkers report an error on exactly the lines of the contract that end with ``# E``."""

import json
import re
import subprocess
import sys
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
        [sys.executable, "-m", *command, str(CONTRACT)],
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
    found = re.findall(r"^(.+?):(\d+): error: (.*)$", run("mypy", "--no-pretty"), flags=re.MULTILINE)
    elsewhere = [error for error in found if Path(error[0]).name != CONTRACT.name]
    assert elsewhere == []
    assert {int(line) for _, line, _ in found} == expected(), found


def test_pyright_agrees_with_the_contract() -> None:
    report = json.loads(run("pyright", "--outputjson"))
    assert report["summary"]["filesAnalyzed"] == 1
    found = {
        item["range"]["start"]["line"] + 1: item["message"]
        for item in report["generalDiagnostics"]
        if item["severity"] == "error"
    }
    assert found.keys() == expected(), found
