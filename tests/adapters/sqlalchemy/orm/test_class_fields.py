"""Where the attributes of a mapped class lie, and what its objects own."""

from enum import Enum

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column, registry, relationship, synonym

from cleanarch_kit.adapters.sqlalchemy import OrmRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Composite, Leaf
from cleanarch_kit.adapters.sqlalchemy.orm.class_fields import ClassFields
from cleanarch_kit.domain import Money, any_, not_


class Base(DeclarativeBase): ...


class Kind(Enum):
    PAPER = "paper"


class Versioned(Base):
    __tablename__ = "versioned"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column("row_version")
    kind: Mapped[Kind]
    text: Mapped[str | None]
    amount: Mapped[int]
    currency: Mapped[str]
    price: Mapped[Money] = composite("amount", "currency")
    title: Mapped[str] = synonym("text")


class TreeLeaf(Base):
    __tablename__ = "leaves"

    id: Mapped[int] = mapped_column(primary_key=True)
    branch_id: Mapped[int] = mapped_column(sa.ForeignKey("branches.id"))
    colour: Mapped[str] = mapped_column(sa.String(10))


class Branch(Base):
    __tablename__ = "branches"

    id: Mapped[int] = mapped_column(primary_key=True)
    tree_id: Mapped[int] = mapped_column(sa.ForeignKey("trees.id"))
    leaves: Mapped[list[TreeLeaf]] = relationship(cascade="all, delete-orphan")


class Tree(Base):
    __tablename__ = "trees"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("trees.id"))
    branches: Mapped[list[Branch]] = relationship(cascade="all, delete-orphan")
    shoots: Mapped[list["Tree"]] = relationship(cascade="all, delete-orphan", lazy="raise")


class Trees(OrmRepository[Tree, int]):
    """Nothing to add."""


def test_attributes_are_found_by_their_names() -> None:
    mapping = ClassFields(sa.inspect(Versioned))
    table = Versioned.metadata.tables["versioned"]
    assert mapping.nodes["id"] == Leaf(table.c.id, int, optional=False)
    assert mapping.nodes["kind"] == Leaf(table.c.kind, Kind, optional=False)
    assert mapping.nodes["text"] == mapping.nodes["title"] == Leaf(table.c.text, str, optional=True)
    parts = (("amount", Leaf(table.c.amount, int, False)), ("currency", Leaf(table.c.currency, str, False)))
    assert mapping.nodes["price"] == Composite(Money, parts, optional=False)
    assert mapping.columns == (table.c.id, table.c.row_version, *list(table.c)[2:])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_objects_are_found_by_what_they_own(
    engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]
) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        for number, colours in enumerate((["red", "green"], ["green"], [])):
            branches = [Branch(leaves=[TreeLeaf(colour=colour)]) for colour in colours]
            await Trees(unit).add(Tree(id=number, branches=branches))
    async with SqlAlchemyUnitOfWork(sessions) as unit:

        async def found(colour: str) -> list[int]:
            trees = await Trees(unit).list(
                lambda tree: any_(tree.branches, lambda branch: any_(branch.leaves, lambda leaf: leaf.colour == colour))
            )
            return [tree.id for tree in trees]

        assert (await found("green"), await found("red"), await found("blue")) == ([0, 1], [0], [])
        assert [tree.id for tree in await Trees(unit).list(lambda t: not_(any_(t.branches)))] == [2]


def test_what_is_owned_by_its_own_kind_is_not_searched() -> None:
    assert set(ClassFields(sa.inspect(Tree)).children) == {"branches"}


class Raw(sa.types.UserDefinedType[object]):
    """A type that does not say what its values are."""

    @property
    def python_type(self) -> type[object]:
        raise NotImplementedError


def test_a_composite_of_no_dataclass_has_no_parts_to_name() -> None:
    class Point:
        def __init__(self, x: int, y: int) -> None:
            self.x, self.y = x, y

        def __composite_values__(self) -> tuple[int, int]:
            return self.x, self.y

    class Thing: ...

    mappers = registry()
    table = sa.Table(
        "things",
        mappers.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("x", sa.Integer),
        sa.Column("y", sa.Integer),
        sa.Column("raw", Raw()),
    )
    mappers.map_imperatively(Thing, table, properties={"point": composite(Point, table.c.x, table.c.y)})
    nodes = ClassFields(sa.inspect(Thing)).nodes
    assert set(nodes) == {"id", "x", "y", "raw"}
    assert nodes["raw"] == Leaf(table.c.raw, None, optional=True)
