"""Row scopes hold on every database, in all statements that name a row."""

from typing import ClassVar

import pytest

from cleanarch_kit.testing import Capability, ScopeContract, Subject


class SqlScopes(ScopeContract):
    @pytest.fixture
    def subject(self, sql_subject: Subject) -> Subject:
        return sql_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteScopes(SqlScopes):
    """SQLite has one writer and locks the database, not rows."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability) - {
        Capability.CONCURRENT_WRITERS,
        Capability.LOCKS,
        Capability.SKIP_LOCKED,
    }


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerScopes(SqlScopes):
    """Every capability is declared."""
