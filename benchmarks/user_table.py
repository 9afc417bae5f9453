"""The table that the benchmarks of repositories share, its entity and its model, and what a contender is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cleanarch_kit.adapters.sqlalchemy import UtcDateTime, session_factory
from cleanarch_kit.domain import AggregateRoot, Email, EntityId, Money

PAGE = 100
START = datetime(2024, 1, 1, tzinfo=UTC)


class UserId(EntityId): ...


@dataclass(kw_only=True, slots=True)
class User(AggregateRoot[UserId]):
    email: Email
    name: str
    password_hash: str
    role: str
    balance: Money
    is_active: bool
    created_at: datetime
    updated_at: datetime | None = None


class Base(DeclarativeBase):
    pass


class UserModel(Base):
    """The same table for those who store models: plain columns, no values."""

    __tablename__ = "bench_users"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    email: Mapped[str] = mapped_column(sa.String(254))
    name: Mapped[str] = mapped_column(sa.String(200))
    password_hash: Mapped[str] = mapped_column(sa.String(100))
    role: Mapped[str] = mapped_column(sa.String(20))
    balance_amount: Mapped[int] = mapped_column(sa.BigInteger)
    balance_currency: Mapped[str] = mapped_column(sa.String(3))
    is_active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (sa.Index("ix_bench_users_created", "created_at", "id"),)


users = Base.metadata.tables["bench_users"]
COLUMNS = [column.name for column in users.columns]


def make(number: int) -> User:
    return User(
        id=UserId.new(),
        email=Email(f"u{number}@example.com"),
        name=f"name {number}",
        password_hash="x" * 60,
        role="user",
        balance=Money(number, "EUR"),
        is_active=True,
        created_at=START + timedelta(seconds=number),
    )


def columns_of(user: User) -> dict[str, Any]:
    return {
        "id": user.id.value,
        "version": 1,
        "email": user.email.value,
        "name": user.name,
        "password_hash": user.password_hash,
        "role": user.role,
        "balance_amount": user.balance.amount,
        "balance_currency": user.balance.currency,
        "is_active": user.is_active,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


@dataclass
class Data:
    """What is in the table: identities with their times, in the order of time."""

    keys: list[tuple[UUID, datetime]]
    numbers: int

    def some_id(self) -> UUID:
        self.numbers += 1
        return self.keys[self.numbers * 7919 % len(self.keys)][0]

    def new_user(self) -> User:
        self.numbers += 1
        return make(self.numbers)

    @property
    def deep(self) -> tuple[UUID, datetime]:
        return self.keys[int(len(self.keys) * 0.95)]


class Contender:
    """One way of doing it. A method that is missing is an operation that it does not have."""

    name = ""

    def __init__(self, engine: AsyncEngine, data: Data) -> None:
        self.engine = engine
        self.data = data
        self.sessions = session_factory(engine)


async def fill(engine: AsyncEngine, rows: int) -> Data:
    """Make the table anew, with so many rows."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    people = [make(number) for number in range(rows)]
    for start in range(0, rows, 5_000):
        async with engine.begin() as connection:
            await connection.execute(sa.insert(users), [columns_of(user) for user in people[start : start + 5_000]])
    return Data([(user.id.value, user.created_at) for user in people], rows)
