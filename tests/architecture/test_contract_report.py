"""The report of the contracts in the docs: which adapter runs which item, and which skip stands there and why.

A new adapter is one line in `CONTRACTS`. `python tests/architecture/test_contract_report.py` writes the report anew;
every run of the suite holds the skips that really happen against it, see ``pytest_runtest_makereport`` in
tests/conftest.py.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from cleanarch_kit.testing import (
    BulkContract,
    OwnedChildrenContract,
    RepositoryContract,
    ScopeContract,
    UnitOfWorkContract,
)
from cleanarch_kit.testing.contracts.subject import Capability, Contract

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "contracts.md"
BEGIN = "<!-- the report, written by tests/architecture/test_contract_report.py -->\n"
END = "<!-- end of the report -->\n"

CONTRACTS: dict[type[Contract], list[tuple[str, str, str]]] = {
    # the name of the adapter in front of the databases on which it is tested; the file and the class that test it
    RepositoryContract: [
        ("", "adapters/memory/test_repository.py", "TestInMemoryRepository"),
        ("", "adapters/sqlalchemy/test_repository.py", "TestSqliteRepository"),
        ("", "adapters/sqlalchemy/test_repository.py", "TestServerRepository"),
        ("ORM, ", "adapters/sqlalchemy/test_orm_repository.py", "TestSqliteRepository"),
        ("ORM, ", "adapters/sqlalchemy/test_orm_repository.py", "TestServerRepository"),
        ("ORM, imperative, ", "adapters/sqlalchemy/test_orm_repository.py", "TestImperativeRepository"),
        ("with children, ", "adapters/memory/test_repository.py", "TestInMemoryWithChildren"),
        ("with children, ", "adapters/sqlalchemy/test_repository.py", "TestSqliteWithChildren"),
        ("with children, ", "adapters/sqlalchemy/test_repository.py", "TestServerWithChildren"),
    ],
    BulkContract: [
        ("", "adapters/memory/test_repository.py", "TestInMemoryBulk"),
        ("", "adapters/sqlalchemy/test_repository.py", "TestSqliteBulk"),
        ("", "adapters/sqlalchemy/test_repository.py", "TestServerBulk"),
        ("with children, ", "adapters/sqlalchemy/test_repository.py", "TestSqliteBulkWithChildren"),
        ("with children, ", "adapters/sqlalchemy/test_repository.py", "TestServerBulkWithChildren"),
    ],
    OwnedChildrenContract: [
        ("", "adapters/memory/test_repository.py", "TestInMemoryOwnedChildren"),
        ("", "adapters/sqlalchemy/test_repository.py", "TestSqliteOwnedChildren"),
        ("", "adapters/sqlalchemy/test_repository.py", "TestServerOwnedChildren"),
    ],
    UnitOfWorkContract: [
        ("", "adapters/memory/test_unit_of_work.py", "TestInMemoryUnitOfWork"),
        ("", "adapters/sqlalchemy/test_unit_of_work.py", "TestSqliteUnitOfWork"),
        ("", "adapters/sqlalchemy/test_unit_of_work.py", "TestServerUnitOfWork"),
        ("ORM, ", "adapters/sqlalchemy/test_orm_repository.py", "TestSqliteUnitOfWork"),
        ("ORM, ", "adapters/sqlalchemy/test_orm_repository.py", "TestServerUnitOfWork"),
        ("with children, ", "adapters/sqlalchemy/mapping/test_aggregate_mapper.py", "TestSqliteUnitsOfTwoTables"),
        ("with children, ", "adapters/sqlalchemy/mapping/test_aggregate_mapper.py", "TestServerUnitsOfTwoTables"),
    ],
    ScopeContract: [
        ("", "adapters/memory/test_unit_of_work.py", "TestInMemoryScopes"),
        ("", "adapters/sqlalchemy/mapping/test_scoped_statements.py", "TestSqliteScopes"),
        ("", "adapters/sqlalchemy/mapping/test_scoped_statements.py", "TestServerScopes"),
        ("ORM, ", "adapters/sqlalchemy/test_orm_repository.py", "TestSqliteScopes"),
        ("ORM, ", "adapters/sqlalchemy/test_orm_repository.py", "TestServerScopes"),
        ("ORM, imperative, ", "adapters/sqlalchemy/test_orm_repository.py", "TestImperativeScopes"),
        ("with children, ", "adapters/sqlalchemy/mapping/test_aggregate_mapper.py", "TestSqliteScopesOfTwoTables"),
        ("with children, ", "adapters/sqlalchemy/mapping/test_aggregate_mapper.py", "TestServerScopesOfTwoTables"),
    ],
}
DATABASES = {
    "": "in memory",
    "sqlite": "SQLite",
    "asyncpg": "PostgreSQL (asyncpg)",
    "psycopg": "PostgreSQL (psycopg)",
    "asyncmy": "MariaDB (asyncmy)",
}


def class_of(file: str, name: str) -> type[Contract]:
    """The class that tests an adapter."""
    spec = spec_from_file_location(f"report_of_{file.removesuffix('.py').replace('/', '_')}", TESTS / file)
    assert spec is not None
    assert spec.loader is not None
    if spec.name not in sys.modules:
        sys.modules[spec.name] = module_from_spec(spec)  # dataclasses look for their module there
        spec.loader.exec_module(sys.modules[spec.name])
    found: type[Contract] = vars(sys.modules[spec.name])[name]
    return found


def databases_of(tested: type[Contract]) -> list[str]:
    """The databases on which a class is run."""
    marks: list[pytest.Mark] = getattr(tested, "pytestmark", [])
    databases = [name for mark in marks if mark.args[:1] == ("database",) for name in mark.args[1]]
    return databases or [""]


def items_of(contract: type[Contract]) -> list[str]:
    """The items of a contract: those of its parts one after another, in the order in which they are written."""
    parts = [part for part in contract.__mro__ if issubclass(part, Contract)]
    return [name for part in parts for name in vars(part) if name.startswith("test_")]


def cell(contract: type[Contract], tested: type[Contract], item: str) -> str:
    """What becomes of an item for an adapter."""
    if inspect.getattr_static(tested, item) is not inspect.getattr_static(contract, item):
        return "replaced"
    needed: tuple[Capability, ...] = getattr(getattr(contract, item), "needed", ())
    missing = [capability.name for capability in needed if capability not in tested.capabilities]
    return f"skipped: {', '.join(missing)}" if missing else "yes"


def report() -> Iterator[str]:
    """The lines of the report."""
    for contract, adapters in CONTRACTS.items():
        columns: list[tuple[str, type[Contract]]] = []
        for prefix, file, name in adapters:
            tested = class_of(file, name)
            columns += [(prefix + DATABASES[database], tested) for database in databases_of(tested)]
        items = items_of(contract)
        yield f"\n### `{contract.__name__}`: {len(items)} items\n\n"
        yield f"| item | {' | '.join(label for label, _ in columns)} |\n|---|{'---|' * len(columns)}\n"
        for item in items:
            cells = " | ".join(cell(contract, tested, item) for _, tested in columns)
            yield f"| `{item}` | {cells} |\n"
    yield "\n"


def test_the_docs_show_the_report_as_it_is() -> None:
    text = PAGE.read_text()
    shown = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert shown == "".join(report()), "run python tests/architecture/test_contract_report.py"


def test_no_adapter_replaces_an_item() -> None:
    assert "replaced" not in "".join(report())


@pytest.mark.parametrize(
    ("test", "adapter", "outcome"),
    [
        ("test_a_stale_entity_is_not_deleted", "sqlite", "skipped"),
        ("test_a_stale_entity_is_not_deleted", "asyncpg", "failed"),
        ("test_a_duplicate_waits_for_the_end_of_the_first", "sqlite", "skipped"),
        ("test_text_is_literal", "memory", "failed"),
    ],
)
def test_a_skip_that_the_docs_do_not_show_is_a_failure(
    request: pytest.FixtureRequest, test: str, adapter: str, outcome: str
) -> None:
    hooks: Any = request.config.pluginmanager.get_plugin(str(TESTS / "conftest.py"))
    place = ("src/cleanarch_kit/testing/contracts/subject.py", 1, "Skipped: it does not declare something")
    report = pytest.TestReport(test, ("", 1, test), {}, "skipped", place, "call")
    hooks.hold_to_the_docs(report, test, adapter)
    assert report.outcome == outcome


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_class_that_tests_a_contract_is_a_column(contract: type[Contract]) -> None:
    listed = {(file, name) for _, file, name in CONTRACTS[contract]}
    bases = re.compile(rf"^class (\w+)\({contract.__name__}\):", re.MULTILINE)
    for path in TESTS.glob("adapters/**/test_*.py"):
        text = path.read_text()
        for base in bases.findall(text):
            tested = re.findall(rf"^class (Test\w+)\({base}\):", text, re.MULTILINE) or [base]
            for name in tested:
                assert (str(path.relative_to(TESTS)), name) in listed


if __name__ == "__main__":
    page = PAGE.read_text()
    PAGE.write_text(page[: page.index(BEGIN) + len(BEGIN)] + "".join(report()) + page[page.index(END) :])
