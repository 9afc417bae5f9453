"""What SQLAlchemy's mapping of a class says to a repository, and which mappings cannot keep its promises."""

from dataclasses import dataclass
from enum import Enum

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column, relationship, synonym

from cleanarch_kit.adapters.sqlalchemy.orm.class_mapping import ClassMapping
from cleanarch_kit.domain import Money
from cleanarch_kit.errors import MappingError


class Base(DeclarativeBase): ...


class Kind(Enum):
    PAPER = "paper"


class Versioned(Base):
    __tablename__ = "versioned"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column("row_version")
    kind: Mapped[Kind]
    text: Mapped[str | None] = mapped_column(deferred=True)
    amount: Mapped[int]
    currency: Mapped[str]
    price: Mapped[Money] = composite("amount", "currency")
    title: Mapped[str] = synonym("text")
    length: Mapped[int] = mapped_column(sa.Computed("length(text)"))

    __mapper_args__ = {"version_id_col": version}


@dataclass(frozen=True)
class PlaceId:
    shelf: int
    number: int


class Place(Base):
    __tablename__ = "places"

    shelf: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[PlaceId] = composite("shelf", "number")


class Named(Base):
    __tablename__ = "named"

    code: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    id: Mapped[str] = synonym("code")


def test_what_is_deferred_is_loaded_all_the_same() -> None:
    statement = str(ClassMapping(Versioned, ()).by_identity.select(True, False))
    assert statement.split("FROM", maxsplit=1)[0].count("versioned.text") == 2


def test_an_identity_may_have_several_parts_or_another_column() -> None:
    place = ClassMapping(Place, ())
    assert place.by_identity.parameters(PlaceId(3, 4)) == {"_id0": 3, "_id1": 4}
    assert place.version is None
    assert ClassMapping(Named, ()).by_identity.parameters("x") == {"_id0": "x"}


class Other(DeclarativeBase): ...


class Unchecked(Other):
    __tablename__ = "unchecked"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]


class Elsewhere(Other):
    __tablename__ = "elsewhere"

    id: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": revision}


def always_seven(_: int | None) -> int:
    return 7


class Random(Other):
    __tablename__ = "random"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version, "version_id_generator": always_seven}


class Nameless(Other):
    __tablename__ = "nameless"

    number: Mapped[int] = mapped_column(primary_key=True)


class Animal(Other):
    __tablename__ = "animals"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column()

    __mapper_args__ = {"polymorphic_on": kind}


class Cat(Animal):
    __mapper_args__ = {"polymorphic_identity": "cat"}


class Plain: ...


REFUSED = [
    (Plain, "Plain is not mapped by SQLAlchemy: map it, or use SqlAlchemyRepository with a table"),
    (
        Unchecked,
        "Unchecked.version is not checked by SQLAlchemy:"
        ' name its column in __mapper_args__ = {"version_id_col": ...}, or call it otherwise',
    ),
    *(
        (
            mapped,
            f"the version_id_col of {mapped.__name__} must be an attribute 'version' that counts from 1:"
            ' version: Mapped[int] = mapped_column("its_column"), without a version_id_generator',
        )
        for mapped in (Elsewhere, Random)
    ),
    (
        Nameless,
        "Nameless has no attribute 'id' that is its primary key: call it so, or map a synonym of this name",
    ),
    (
        Animal,
        "Animal has mapped subclasses, whose columns it does not know: give each of them a repository of its own",
    ),
]


@pytest.mark.parametrize(("mapped", "text"), REFUSED)
def test_a_mapping_that_cannot_keep_the_promises_is_refused(mapped: type[object], text: str) -> None:
    with pytest.raises(MappingError) as caught:
        ClassMapping(mapped, ())
    assert str(caught.value) == text


def test_a_leaf_of_a_hierarchy_can_be_stored() -> None:
    assert set(ClassMapping(Cat, ()).nodes) == {"id", "kind"}


def test_what_is_owned_is_loaded_unless_the_mapping_does_so() -> None:
    class Family(DeclarativeBase): ...

    class Child(Family):
        __tablename__ = "children"

        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(sa.ForeignKey("parents.id"))

    class Parent(Family):
        __tablename__ = "parents"

        id: Mapped[int] = mapped_column(primary_key=True)
        lazily: Mapped[list[Child]] = relationship(cascade="all, delete-orphan", overlaps="joined,others")
        joined: Mapped[list[Child]] = relationship(cascade="all, delete-orphan", lazy="joined", overlaps="others")
        others: Mapped[list[Child]] = relationship()

    assert len(ClassMapping(Parent, ()).select._with_options) == 1
