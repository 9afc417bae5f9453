"""Names are cut from messages by where they stand; what a user typed can never pass for one."""

import pytest
import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.connecting.constraint_names import (
    mysql_check,
    mysql_foreign_key,
    mysql_unique,
    postgresql_constraint,
    sqlite_check,
    sqlite_unique,
)

metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer),
    sa.Column("email", sa.String(50)),
    sa.Column("name", sa.String(50)),
    sa.Column("nick", sa.String(50), unique=True),
    sa.PrimaryKeyConstraint("id", name="pk_of_users"),
    sa.UniqueConstraint("email", "name", name="uq_users_email_name"),
    sa.Index("ix_users_name", "name", unique=True),
)


class DriverError(Exception):
    """An error as PostgreSQL's drivers raise them."""

    def __init__(self, constraint: str | None, table: str | None) -> None:
        super().__init__("Key (email)=(ada@example.com) already exists")
        self.constraint_name = constraint
        self.table_name = table


class AdaptedError(Exception):
    """What asyncpg's errors come wrapped in."""

    def __init__(self, cause: DriverError) -> None:
        super().__init__("wrapped")
        self.__cause__ = cause


class DiagnosedError(Exception):
    """What psycopg raises."""

    def __init__(self, diag: DriverError) -> None:
        super().__init__("diagnosed")
        self.diag = diag


@pytest.mark.parametrize("wrap", [AdaptedError, DiagnosedError])
@pytest.mark.parametrize(
    ("constraint", "table", "expected"),
    [
        ("uq_users_email", "users", "uq_users_email"),
        ("orders_pkey", "orders", "primary_key"),
        ("pk_of_users", "users", "primary_key"),
        ("pk_of_users", "others", "pk_of_users"),
        (f"{'t' * 63}", "t" * 63, "primary_key"),
        ("uq_users_email", None, "uq_users_email"),
        (None, None, None),
    ],
)
def test_postgresql_gives_the_name(
    wrap: type[AdaptedError | DiagnosedError], constraint: str | None, table: str | None, expected: str | None
) -> None:
    assert postgresql_constraint(wrap(DriverError(constraint, table)), metadata) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Duplicate entry 'a@b' for key 'uq_users_email'", "uq_users_email"),
        ("Duplicate entry 'a@b' for key 'users.uq_users_email'", "uq_users_email"),
        ("Duplicate entry '1' for key 'PRIMARY'", "primary_key"),
        ("Duplicate entry 'x' for key 'users.PRIMARY'", "primary_key"),
        ("Duplicate entry 'x' for key 'PRIMARY'' for key 'uq_users_email'", "uq_users_email"),
        ("Duplicate entry 'x' for key 'uq_users_email' and more", None),
        ("something else", None),
    ],
)
def test_mysql_names_the_key_behind_the_value(message: str, expected: str | None) -> None:
    assert mysql_unique(Exception(1062, message), None) == expected


def test_an_error_without_a_message_names_nothing() -> None:
    assert mysql_unique(Exception(1062), None) is None


def test_mysql_names_foreign_keys_and_checks() -> None:
    foreign = "a foreign key constraint fails (`shop`.`orders`, CONSTRAINT `fk_user` FOREIGN KEY (`user`) REFERENCES"
    assert mysql_foreign_key(Exception(1452, foreign), None) == "fk_user"
    assert mysql_check(Exception(4025, "CONSTRAINT `ck_age` failed for `shop`.`users`"), None) == "ck_age"
    assert mysql_check(Exception(3819, "Check constraint 'ck_age' is violated."), None) == "ck_age"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("UNIQUE constraint failed: users.email, users.name", "uq_users_email_name"),
        ("UNIQUE constraint failed: users.name", "ix_users_name"),
        ("UNIQUE constraint failed: users.nick", None),
        ("UNIQUE constraint failed: users.email", None),
        ("UNIQUE constraint failed: strangers.name", None),
        ("UNIQUE constraint failed: index 'ix_lower_name'", "ix_lower_name"),
        ("something else", None),
    ],
)
def test_sqlite_names_columns_that_the_metadata_knows(message: str, expected: str | None) -> None:
    assert sqlite_unique(Exception(message), metadata) == expected


def test_without_metadata_sqlite_names_nothing() -> None:
    assert sqlite_unique(Exception("UNIQUE constraint failed: users.name"), None) is None


def test_sqlite_shows_an_expression_for_a_check_without_a_name() -> None:
    assert sqlite_check(Exception("CHECK constraint failed: ck_age"), None) == "ck_age"
    assert sqlite_check(Exception("CHECK constraint failed: name <> 'hunter2'"), None) is None
