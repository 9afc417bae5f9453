"""What drivers raise, on every database, and what a log would show of it."""

import sqlite3
import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import UtcDateTime
from cleanarch_kit.adapters.sqlalchemy.connecting.driver_errors import is_settled, translate
from cleanarch_kit.errors import (
    CleanArchError,
    DuplicateError,
    ForeignKeyError,
    InvalidValueError,
    RefusedValueError,
    StorageError,
    StorageFullError,
    TransientError,
    UnitOfWorkStateError,
)

CANARY = "canary@hunter2.example"
metadata = sa.MetaData()
parents = sa.Table(
    "parents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("email", sa.String(30)),
    sa.Column("age", sa.Integer, nullable=False),
    sa.Column("seen_at", UtcDateTime),
    sa.UniqueConstraint("email", name="uq_parents_email"),
    sa.CheckConstraint("age < 100", name="ck_parents_age"),
)
children = sa.Table(
    "children",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parent", sa.Integer, sa.ForeignKey("parents.id", name="fk_children_parent")),
)
A_PARENT = {"id": 1, "email": CANARY, "age": 1}


@pytest.fixture
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(parents.insert(), A_PARENT)


async def error_of(engine: AsyncEngine, statement: sa.Executable, parameters: Mapping[str, Any]) -> CleanArchError:
    try:
        async with engine.begin() as connection:
            await connection.execute(statement, parameters)
    except Exception as error:
        problem = translate(error, metadata)
        assert problem is not None
        return problem
    raise AssertionError("the database took it")


def shown(problem: CleanArchError) -> str:
    """All that a log would show."""
    try:
        raise problem
    except CleanArchError as error:
        return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.usefixtures("tables")
class TestEveryDatabase:
    async def test_a_primary_key(self, engine: AsyncEngine) -> None:
        problem = await error_of(engine, parents.insert(), A_PARENT | {"email": "other"})
        assert isinstance(problem, DuplicateError)
        assert problem.constraint == "primary_key"

    async def test_a_unique_constraint(self, engine: AsyncEngine) -> None:
        problem = await error_of(engine, parents.insert(), A_PARENT | {"id": 2})
        assert isinstance(problem, DuplicateError)
        assert problem.constraint == "uq_parents_email"
        assert CANARY not in shown(problem)
        assert problem.orig is not None

    async def test_a_foreign_key(self, engine: AsyncEngine) -> None:
        problem = await error_of(engine, children.insert(), {"id": 1, "parent": 77})
        assert isinstance(problem, ForeignKeyError)
        assert problem.constraint == (None if engine.dialect.name == "sqlite" else "fk_children_parent")

    async def test_a_missing_value(self, engine: AsyncEngine) -> None:
        problem = await error_of(engine, parents.insert(), {"id": 2, "age": None})
        assert isinstance(problem, RefusedValueError)
        assert problem.rule == "must not be missing"

    async def test_a_check(self, engine: AsyncEngine) -> None:
        problem = await error_of(engine, parents.insert(), {"id": 2, "age": 100})
        assert isinstance(problem, RefusedValueError)
        assert problem.constraint == "ck_parents_age"

    @pytest.mark.parametrize(
        "values",
        [{"age": 2**70}, {"age": f"{CANARY}"}, {"email": f"{CANARY}\ud800"}, {"email": CANARY * 10}],
        ids=["too great", "of another type", "a lone surrogate", "too long"],
    )
    async def test_a_value_that_no_column_takes(self, engine: AsyncEngine, values: dict[str, object]) -> None:
        if engine.dialect.name == "sqlite" and values == {"email": CANARY * 10}:
            return  # it has no limit on text
        problem = await error_of(engine, parents.insert(), {"id": 2, "email": "x", "age": 2} | values)
        assert isinstance(problem, RefusedValueError)
        assert "canary" not in shown(problem)

    async def test_what_a_type_of_ours_refuses(self, engine: AsyncEngine) -> None:
        naive = datetime(2024, 1, 1)  # noqa: DTZ001 - that is the point
        problem = await error_of(engine, parents.insert(), {"id": 2, "age": 2, "seen_at": naive})
        assert isinstance(problem, InvalidValueError)

    async def test_anything_else_is_told_by_its_code(self, engine: AsyncEngine) -> None:
        problem = await error_of(engine, sa.text("SELECT :text FROM nowhere"), {"text": CANARY})
        assert isinstance(problem, StorageError)
        assert str(problem).startswith("the store refused a statement (code ")
        assert "canary" not in shown(problem)


class CodedError(Exception):
    """A driver's error with an SQLSTATE."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__(CANARY)
        self.sqlstate = sqlstate


def postgresql(sqlstate: str | None, cls: type[exc.DBAPIError] = exc.DBAPIError) -> exc.DBAPIError:
    return cls("SELECT 1", None, CodedError(sqlstate))


def mysql(number: int) -> exc.DBAPIError:
    return exc.OperationalError("SELECT 1", None, Exception(number, CANARY))


def sqlite(name: str) -> exc.DBAPIError:
    error = sqlite3.OperationalError(CANARY)
    error.sqlite_errorname = name
    return exc.OperationalError("SELECT 1", None, error)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (postgresql("40001"), "serialization failure"),
        (postgresql("40P01"), "deadlock"),
        (postgresql("40002"), "transaction rolled back"),
        (postgresql("53200"), "server short of resources"),
        (postgresql("53300"), "too many connections"),
        (postgresql("55P03"), "lock not available"),
        (postgresql("57014"), "statement timed out"),
        (postgresql("57P01"), "server shutting down"),
        (postgresql("08006"), "connection lost"),
        (postgresql("25P03"), "idle for too long in a transaction"),
        (postgresql(None, exc.OperationalError), "connection lost"),
        (postgresql(None, exc.InterfaceError), "connection lost"),
        (mysql(1213), "deadlock"),
        (mysql(1020), "serialization failure"),
        (mysql(1205), "lock not available"),
        (mysql(1040), "too many connections"),
        (mysql(1053), "server shutting down"),
        (mysql(1969), "statement timed out"),
        (mysql(2013), "connection lost"),
        (sqlite("SQLITE_BUSY"), "database busy"),
        (sqlite("SQLITE_BUSY_SNAPSHOT"), "database busy"),
        (sqlite("SQLITE_LOCKED_SHAREDCACHE"), "database busy"),
        (sqlite("SQLITE_INTERRUPT"), "statement interrupted"),
        (sqlite("SQLITE_CANTOPEN"), "database cannot be opened"),
        (exc.TimeoutError(), "no free connection in the pool"),
        (ConnectionRefusedError(CANARY), "database cannot be reached"),
    ],
)
def test_what_passes_may_be_tried_again(error: Exception, reason: str) -> None:
    problem = translate(error)
    assert isinstance(problem, TransientError)
    assert problem.reason == reason
    assert "canary" not in shown(problem)


@pytest.mark.parametrize("error", [postgresql("53100"), mysql(1114), sqlite("SQLITE_FULL")])
def test_a_full_disk(error: Exception) -> None:
    assert isinstance(translate(error), StorageFullError)


@pytest.mark.parametrize("error", [postgresql("25006"), mysql(1792), sqlite("SQLITE_READONLY")])
def test_a_change_in_a_read_only_transaction(error: Exception) -> None:
    problem = translate(error)
    assert isinstance(problem, UnitOfWorkStateError)
    assert str(problem) == "this unit of work is read-only: open one without read_only=True to change anything"


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (postgresql("22001"), "is too long"),
        (postgresql("22003"), "is out of range"),
        (postgresql("22P02"), "does not have the form or type of its column"),
        (postgresql(None, exc.DataError), "does not have the form or type of its column"),
        (mysql(1406), "is too long"),
        (mysql(1264), "is out of range"),
        (mysql(1366), "does not have the form or type of its column"),
        (mysql(1048), "must not be missing"),
        (sqlite("SQLITE_TOOBIG"), "is too long"),
        (sqlite("SQLITE_MISMATCH"), "does not have the form or type of its column"),
    ],
)
def test_what_came_from_outside_is_an_input_error(error: Exception, rule: str) -> None:
    problem = translate(error)
    assert isinstance(problem, RefusedValueError)
    assert problem.rule == rule


def test_a_lost_connection_counts_more_than_what_the_driver_calls_it() -> None:
    error = exc.DBAPIError("SELECT 1", None, CodedError("42601"), connection_invalidated=True)
    problem = translate(error)
    assert isinstance(problem, TransientError)
    assert problem.reason == "connection lost"


def test_errors_of_others_are_left_alone() -> None:
    assert translate(RuntimeError("ours")) is None
    assert translate(exc.InvalidRequestError("a misuse of SQLAlchemy")) is None


@pytest.mark.parametrize(
    ("error", "settled"),
    [
        (postgresql("40001"), True),
        (postgresql("23505"), True),
        (postgresql("08006"), False),
        (postgresql("57P01"), False),
        (postgresql("40003"), False),
        (postgresql(None, exc.OperationalError), False),
        (exc.DBAPIError("COMMIT", None, CodedError("40001"), connection_invalidated=True), False),
        (mysql(1213), True),
        (mysql(2013), False),
        (mysql(1927), False),
        (sqlite("SQLITE_FULL"), True),
        (OSError(), False),
    ],
)
def test_only_an_answer_of_the_database_settles_a_commit(error: Exception, settled: bool) -> None:
    assert is_settled(error) is settled
