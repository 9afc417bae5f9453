"""The repository keeps the contract on every database; and what is its own."""

from typing import ClassVar

import pytest

from cleanarch_kit.testing import Capability, RepositoryContract, Subject

SQLITE = frozenset(Capability) - {Capability.CONCURRENT_WRITERS, Capability.LOCKS, Capability.SKIP_LOCKED}


class SqlRepository(RepositoryContract):
    @pytest.fixture
    def subject(self, sql_subject: Subject) -> Subject:
        return sql_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteRepository(SqlRepository):
    """SQLite has one writer and locks the database, not rows."""

    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerRepository(SqlRepository):
    """Every capability is declared."""
