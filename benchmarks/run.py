"""Run every benchmark of this folder, or those that are named: ``make bench ARGS=bus``."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(names: list[str]) -> int:
    programs = [HERE / f"bench_{name}.py" for name in names] or sorted(HERE.glob("bench_*.py"))
    return max(subprocess.run([sys.executable, str(program)], check=False).returncode for program in programs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
