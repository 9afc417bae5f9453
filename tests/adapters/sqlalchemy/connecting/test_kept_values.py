"""Kept objects have their values after a rollback, others have not."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from cleanarch_kit.adapters.sqlalchemy.connecting.kept_values import keep_objects_of, keeping_values


class Base(DeclarativeBase): ...


class Child(Base):
    __tablename__ = "children"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(sa.ForeignKey("parents.id"))


class Parent(Base):
    __tablename__ = "parents"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    best_id: Mapped[int | None] = mapped_column(sa.ForeignKey("parents.id"))
    best: Mapped["Parent | None"] = relationship(remote_side="Parent.id")
    children: Mapped[list[Child]] = relationship()


@pytest.mark.parametrize("nested", [True, False])
def test_kept_objects_have_their_values_after_a_rollback(nested: bool) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine, expire_on_commit=False) as session:
        kept, other = Parent(id=1, name="kept", children=[Child(id=1)]), Parent(id=2, name="other")
        kept.best = other
        session.add_all([kept, other])
        session.commit()
        keep_objects_of(session, lambda: [kept])
        transaction = session.begin_nested() if nested else session
        kept.name = other.name = "changed"
        session.flush()
        with keeping_values(session):
            transaction.rollback()
        assert {"id", "name", "children", "best"} <= vars(kept).keys()
        assert (kept.name, [child.id for child in kept.children], kept.best) == ("changed", [1], other)
        assert "name" not in vars(other)
        assert not session.is_modified(kept)
    engine.dispose()


def test_a_rollback_that_never_came_leaves_objects_alone() -> None:
    with Session() as session:
        kept = Parent(id=1, name="old")
        keep_objects_of(session, lambda: [kept])
        with keeping_values(session):
            kept.name = "new"
        assert kept.name == "new"
