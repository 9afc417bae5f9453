"""Where things lie: the tests mirror the source, so that each is found from the other."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "cleanarch_kit"
TESTS = ROOT / "tests"


def needs_a_test(path: Path) -> bool:
    """Every public module with code of its own; a contract suite is itself the test, of whatever it is given."""
    parts = path.relative_to(SRC).parts
    return not any(part.startswith("_") for part in parts) and parts[:2] != ("testing", "contracts")


MODULES = [path for path in sorted(SRC.rglob("*.py")) if needs_a_test(path)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SRC)))
def test_every_module_has_a_test_where_one_looks_for_it(path: Path) -> None:
    mirrored = TESTS / path.relative_to(SRC).with_name(f"test_{path.name}")
    assert mirrored.is_file()


def test_test_folders_are_no_packages() -> None:
    """``tests/adapters/sqlalchemy/__init__.py`` would hide the real sqlalchemy."""
    assert list(TESTS.rglob("__init__.py")) == []
