"""Run every gate, one after the other, and tell at the end which held.

    python .ci/check.py              all of them
    python .ci/check.py lint types   those that are named

A gate that fails does not keep the others from running.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
SPREAD = ["-n", "2", "--dist", "worksteal"]  # over two processes; each gives what it covered to the first one
SITE = Path(tempfile.gettempdir()) / f"cleanarch-kit-site-{os.getpid()}"

GATES: dict[str, list[list[str]]] = {
    "format": [[PYTHON, "-m", "ruff", "format", "--check", "."]],
    "lint": [[PYTHON, "-m", "ruff", "check", "."]],
    "mypy": [[PYTHON, "-m", "mypy"]],
    "pyright": [[PYTHON, "-m", "pyright"]],
    "rings": [["lint-imports"], ["lint-imports", "--config", "examples/users/pyproject.toml"]],
    "tests": [
        [PYTHON, "-m", "pytest", *SPREAD, "--cov", "--cov-report=", "--durations=10", "--continue-on-collection-errors"]
    ],
    "coverage": [
        [PYTHON, "-m", "coverage", "report"],
        [PYTHON, "-m", "coverage", "report", "--include=*/domain/*,*/application/*,*/errors.py"],
    ],
    "docs": [[PYTHON, "-m", "mkdocs", "build", "--strict", "--site-dir", str(SITE)]],
}


def run(command: list[str]) -> bool:
    """Run one command of a gate with the environment's own programs first."""
    environment = os.environ | {
        "NO_MKDOCS_2_WARNING": "1",
        "PATH": f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "examples" / "users" / "src"),
    }
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def main(names: list[str]) -> int:
    """Run the gates and print one line for each."""
    lines: list[str] = []
    failed = False
    for name in names or GATES:
        print(f"--- {name}", flush=True)
        start = time.monotonic()
        held = sum(run(command) for command in GATES[name]) == len(GATES[name])
        failed = failed or not held
        lines.append(f"{name:<10} {'held' if held else 'FAILED':<8} {time.monotonic() - start:6.1f} s")
    print("", *lines, sep="\n", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
