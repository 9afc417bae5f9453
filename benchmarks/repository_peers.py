"""Other ways to store the users: SQLAlchemy's ORM, and repositories over it, as far as they are installed."""

from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import composite, registry
from user_table import COLUMNS, PAGE, Contender, UserModel, columns_of, users

from cleanarch_kit.adapters.sqlalchemy import ScalarType
from cleanarch_kit.domain import Email, Money

total = sa.select(sa.func.count()).select_from(users)


@dataclass
class MappedUser:
    """The same table mapped imperatively."""

    id: UUID
    email: str
    name: str
    password_hash: str
    role: str
    balance_amount: int
    balance_currency: str
    is_active: bool
    created_at: datetime
    version: int = 1
    updated_at: datetime | None = field(default=None)


registry().map_imperatively(MappedUser, users)


value_users = sa.Table(
    "bench_users",
    sa.MetaData(),
    *(
        sa.Column("email", ScalarType(Email)) if column.name == "email" else column._copy()  # noqa: SLF001
        for column in users.columns
    ),
)


@dataclass
class ValueUser:
    """The same table mapped imperatively, with the values that a domain class has."""

    id: UUID
    email: Email
    name: str
    password_hash: str
    role: str
    balance: Money
    is_active: bool
    created_at: datetime
    version: int = 1
    updated_at: datetime | None = None


registry().map_imperatively(
    ValueUser,
    value_users,
    properties={
        "balance": composite(Money, value_users.c.balance_amount, value_users.c.balance_currency),
    },
)


class ImperativeOrm(Contender):
    """The domain class itself, mapped imperatively."""

    name = "imperative ORM"

    async def get(self) -> None:
        async with self.sessions() as session:
            await session.get_one(MappedUser, self.data.some_id())

    async def add(self) -> None:
        async with self.sessions() as session:
            session.add(MappedUser(**columns_of(self.data.new_user())))
            await session.commit()

    async def page(self) -> None:
        async with self.sessions() as session:
            (await session.execute(total)).scalar_one()
            newest = sa.select(MappedUser).order_by(users.c.created_at.desc(), users.c.id.desc()).limit(PAGE)
            (await session.execute(newest)).scalars().all()

    async def write_back(self) -> None:
        async with self.sessions() as session:
            oldest = sa.select(MappedUser).order_by(users.c.created_at, users.c.id).limit(100)
            for user in list((await session.execute(oldest)).scalars())[::10]:
                user.name = f"changed {self.data.some_id()}"
            await session.commit()


class ValueOrm(Contender):
    """The domain class with its values, mapped imperatively."""

    name = "imperative, values"

    async def page(self) -> None:
        async with self.sessions() as session:
            (await session.execute(total)).scalar_one()
            newest = sa.select(ValueUser).order_by(value_users.c.created_at.desc(), value_users.c.id.desc()).limit(PAGE)
            (await session.execute(newest)).scalars().all()

    async def write_back(self) -> None:
        async with self.sessions() as session:
            oldest = sa.select(ValueUser).order_by(value_users.c.created_at, value_users.c.id).limit(100)
            for user in list((await session.execute(oldest)).scalars())[::10]:
                user.name = f"changed {self.data.some_id()}"
            await session.commit()


class ModelOrm(Contender):
    """Declarative models."""

    name = "declarative ORM"

    async def get(self) -> None:
        async with self.sessions() as session:
            await session.get_one(UserModel, self.data.some_id())

    async def add(self) -> None:
        async with self.sessions() as session:
            session.add(UserModel(**columns_of(self.data.new_user())))
            await session.commit()

    async def page(self) -> None:
        async with self.sessions() as session:
            (await session.execute(total)).scalar_one()
            newest = sa.select(UserModel).order_by(users.c.created_at.desc(), users.c.id.desc()).limit(PAGE)
            (await session.execute(newest)).scalars().all()


def libraries() -> list[type[Contender]]:
    """Other libraries, as far as they are installed; both store models, not entities."""
    found: list[type[Contender]] = []
    if find_spec("advanced_alchemy"):
        found.append(_advanced_alchemy())
    if find_spec("fastcrud"):
        found.append(_fastcrud())
    return found


def _advanced_alchemy() -> type[Contender]:
    from advanced_alchemy.filters import LimitOffset, OrderBy
    from advanced_alchemy.repository import SQLAlchemyAsyncRepository

    class Models(SQLAlchemyAsyncRepository[UserModel]):
        model_type = UserModel

    class AdvancedAlchemy(Contender):
        name = "advanced-alchemy"

        async def get(self) -> None:
            async with self.sessions() as session:
                await Models(session=session).get(self.data.some_id())

        async def add(self) -> None:
            async with self.sessions() as session:
                await Models(session=session).add(UserModel(**columns_of(self.data.new_user())), auto_commit=True)

        async def page(self) -> None:
            async with self.sessions() as session:
                await Models(session=session).get_many_and_count(
                    OrderBy("created_at", "desc"), LimitOffset(PAGE, 0), count_with_window_function=False
                )

    return AdvancedAlchemy


def _fastcrud() -> type[Contender]:
    from fastcrud import FastCRUD
    from pydantic import create_model

    crud = FastCRUD(UserModel)
    schema = create_model("UserIn", **dict.fromkeys(COLUMNS, (Any, ...)))

    class FastCrud(Contender):
        name = "fastcrud"

        async def get(self) -> None:
            async with self.sessions() as session:
                await crud.get(session, id=self.data.some_id())

        async def add(self) -> None:
            async with self.sessions() as session:
                await crud.create(session, schema(**columns_of(self.data.new_user())))

        async def page(self) -> None:
            async with self.sessions() as session:
                await crud.get_multi(session, offset=0, limit=PAGE, sort_columns="created_at", sort_orders="desc")

    return FastCrud
