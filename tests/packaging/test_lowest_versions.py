"""The lowest versions that pyproject.toml allows: what values and serialisation ask of others is there already."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = ("alembic", "fastapi", "sqlalchemy")
TESTS = (
    "tests/domain/values/test_boundaries.py",
    "tests/application/test_serialization.py",
    "tests/adapters/fastapi/test_validation.py",
)

pytestmark = pytest.mark.gate


def floors() -> Iterator[tuple[str, str]]:
    for requirement in [*PROJECT["dependencies"][:1], *(PROJECT["optional-dependencies"][name][0] for name in EXTRAS)]:
        name, floor = re.split(r"(?:\[\w+\])?>=", requirement)
        yield name, floor


def test_the_values_cross_every_boundary_with_the_lowest_versions(tmp_path: Path) -> None:
    """They lie in front of the newest ones, which the other tests run with."""
    lowest = dict(floors())
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile", "--target"]
    pip += [str(tmp_path), *map("==".join, lowest.items())]
    subprocess.run(pip, capture_output=True, check=True, timeout=300)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    seen = f"from importlib.metadata import version; print(*map(version, {list(lowest)}))"
    command = [sys.executable, "-c", seen]
    versions = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert [*map(Version, versions.stdout.split())] == [*map(Version, lowest.values())]
    suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(suite, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-10_000:]
