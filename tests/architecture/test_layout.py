"""Where things lie: the tests mirror the source, so that each is found from the other."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "cleanarch_kit"
TESTS = ROOT / "tests"

ACROSS_MODULES = {  # what they show has no one home: every value at every boundary
    "domain/values/test_boundaries.py",
}


def needs_a_test(path: Path) -> bool:
    """Every public module with code of its own; a contract suite is itself the test of what it is given, ports too."""
    parts = path.relative_to(SRC).parts
    if parts[:2] == ("application", "ports") and (SRC / "testing" / "contracts" / path.name).is_file():
        return False
    return not any(part.startswith("_") for part in parts) and parts[:2] != ("testing", "contracts")


def test_every_module_has_a_test_where_one_looks_for_it() -> None:
    modules = [path.relative_to(SRC) for path in sorted(SRC.rglob("*.py")) if needs_a_test(path)]
    assert [str(path) for path in modules if not (TESTS / path.with_name(f"test_{path.name}")).is_file()] == []


def test_every_test_lies_where_what_it_tests_lies() -> None:
    """The other way round, so that a module that moves or goes takes its test with it."""
    mirrored = {"adapters", "application", "domain", "testing"}
    tests = [path.relative_to(TESTS) for path in sorted(TESTS.rglob("test_*.py"))]
    homes = [path for path in tests if path.parts[0] in mirrored and str(path) not in ACROSS_MODULES]
    missing = [path for path in homes if not (SRC / path.with_name(path.name.removeprefix("test_"))).is_file()]
    assert [
        str(path) for path in missing if not (SRC / path.parent / f"_{path.name.removeprefix('test_')}").is_file()
    ] == []


def test_test_folders_are_no_packages() -> None:
    """``tests/adapters/sqlalchemy/__init__.py`` would hide the real sqlalchemy."""
    assert list(TESTS.rglob("__init__.py")) == []
