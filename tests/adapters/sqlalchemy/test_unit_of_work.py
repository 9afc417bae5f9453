"""The unit of work keeps the contract on every database; and what is its own."""

from typing import ClassVar

import pytest

from cleanarch_kit.testing import Capability, Subject, UnitOfWorkContract

SQLITE = frozenset(Capability) - {Capability.CONCURRENT_WRITERS, Capability.LOCKS, Capability.SKIP_LOCKED}


class SqlUnitOfWork(UnitOfWorkContract):
    @pytest.fixture
    def subject(self, sql_subject: Subject) -> Subject:
        return sql_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteUnitOfWork(SqlUnitOfWork):
    """SQLite has one writer and locks the database, not rows."""

    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerUnitOfWork(SqlUnitOfWork):
    """Every capability is declared."""
