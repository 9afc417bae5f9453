"""The quickstart runs as it stands, and says what it should."""

import subprocess
import sys
from pathlib import Path

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart.py"


def test_the_quickstart_runs_and_tells_what_happened() -> None:
    done = subprocess.run([sys.executable, str(QUICKSTART)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "noted: Ada has Persuasion",
        "refused: Persuasion is lent to Ada",
        "still with: Ada",
    ]
