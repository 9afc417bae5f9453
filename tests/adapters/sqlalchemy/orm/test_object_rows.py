"""Objects as rows: compared by value, and put back."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, attribute_keyed_dict, mapped_column, relationship

from cleanarch_kit.adapters.sqlalchemy.orm.object_rows import (
    complete_new,
    flag_changed_values,
    owned_objects,
    put_back,
    row_of,
    shape_of,
    state_of,
)


class Base(DeclarativeBase): ...


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(sa.ForeignKey("books.id"))
    text: Mapped[str]


class Cover(Base):
    __tablename__ = "covers"

    book_id: Mapped[int] = mapped_column(sa.ForeignKey("books.id"), primary_key=True)
    colour: Mapped[str]


class Shop(Base):
    __tablename__ = "shops"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    tags: Mapped[list[str]] = mapped_column(sa.JSON)
    shop_id: Mapped[int | None] = mapped_column(sa.ForeignKey("shops.id"))
    shop: Mapped[Shop | None] = relationship()
    cover: Mapped[Cover | None] = relationship(cascade="all, delete-orphan")
    notes: Mapped[dict[str, Note]] = relationship(
        cascade="all, delete-orphan", collection_class=attribute_keyed_dict("text")
    )


def a_book() -> Book:
    note = Note(id=1, text="a")
    return Book(id=1, tags=["x"], cover=Cover(colour="red"), notes={"a": note}, shop=Shop(id=1, name="here"))


@pytest.fixture
def session() -> Session:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    Base.metadata.create_all(engine)
    session = Session(engine, expire_on_commit=False)
    session.add(a_book())
    session.commit()
    return session


def stored(session: Session) -> Book:
    return session.get_one(Book, 1)


def closed(session: Session) -> None:
    session.close()
    bind = session.get_bind()
    assert isinstance(bind, sa.Engine)
    bind.dispose()


def test_a_class_has_columns_and_what_it_owns_and_refers_to() -> None:
    shape = shape_of(state_of(a_book()).mapper)
    assert (shape.columns, shape.owned, shape.others) == (("id", "tags", "shop_id"), ("cover", "notes"), ("shop",))


def test_rows_are_equal_where_objects_hold_the_same() -> None:
    assert row_of(a_book()) == row_of(a_book())
    for changed in (a_book(), a_book(), a_book(), a_book()):
        book = a_book()
        assert book.cover is not None
        if changed.cover is not None:
            changed.cover.colour = "blue"
        assert row_of(changed) != row_of(book)
    other = a_book()
    other.notes["a"].text = "b"
    assert row_of(other) != row_of(a_book())
    other = a_book()
    other.cover = None
    assert row_of(other) != row_of(a_book())
    other = a_book()
    assert other.shop is not None
    other.shop.name = "elsewhere"  # not its own
    assert row_of(other) == row_of(a_book())


def test_a_row_keeps_what_can_be_changed_in_place() -> None:
    book = a_book()
    before = row_of(book)
    book.tags.append("y")
    assert row_of(book) != before
    assert before[1] == ["x"]


def test_what_was_changed_in_place_is_written(session: Session) -> None:
    book = stored(session)
    before = row_of(book)
    book.tags.append("y")
    assert not session.is_modified(book)
    flag_changed_values(before, book)
    assert session.is_modified(book)
    closed(session)


def test_objects_own_what_they_hold() -> None:
    book = a_book()
    assert set(owned_objects(book)) == {book.cover, book.notes["a"]}
    assert list(owned_objects(Book(id=2))) == []


def test_new_objects_own_nothing_where_they_do_not_say() -> None:
    book = Book(id=2)
    complete_new(book)
    assert (book.cover, book.notes) == (None, {})


def test_an_object_takes_the_state_of_a_row(session: Session) -> None:
    book = stored(session)
    assert book.cover is not None
    assert book.shop is not None
    cover, note = book.cover, book.notes["a"]
    before = row_of(book)
    book.tags, book.cover, note.text = ["changed"], None, "changed"
    book.notes["new"] = Note(id=2, text="new")
    put_back(session, book, before)
    assert row_of(book) == before
    assert (book.tags, list(book.notes.values())) == (["x"], [note])
    assert row_of(book)[-1].owned == before[-1].owned
    assert next(owned_objects(book)) is cover
    assert not session.is_modified(book)
    book.tags.append("later")
    assert before[1] == ["x"]
    closed(session)


def test_an_object_takes_the_state_that_was_read_apart(session: Session) -> None:
    book = stored(session)
    assert book.cover is not None
    cover, shop = book.cover, book.shop
    with Session(session.connection(), join_transaction_mode="rollback_only") as apart:
        theirs = apart.get_one(Book, 1)
        assert theirs.cover is not None
        assert theirs.shop is not None
        theirs.tags, theirs.cover.colour = ["theirs"], "blue"
        theirs.notes["b"] = Note(id=2, text="b")
        apart.flush()
        row = row_of(theirs)
    put_back(session, book, row)
    assert (book.tags, book.cover, cover.colour, sorted(book.notes)) == (["theirs"], cover, "blue", ["a", "b"])
    assert all(note in session for note in book.notes.values())
    assert book.shop is shop
    assert not session.dirty
    closed(session)


@pytest.mark.parametrize("loaded", [True, False])
def test_references_are_those_that_were_read_apart(session: Session, loaded: bool) -> None:
    book = stored(session)
    assert book.shop is not None
    with Session(session.connection(), join_transaction_mode="rollback_only") as apart:
        theirs = apart.get_one(Book, 1)
        assert (theirs.cover, theirs.notes) != (None, {})
        theirs.shop = Shop(id=2, name="there") if loaded else None
        apart.flush()
        if not loaded:
            apart.expire(theirs, ["shop"])
        row = row_of(theirs)
    put_back(session, book, row)
    assert ("shop" in vars(book)) is loaded
    assert (book.shop_id, getattr(book.shop, "name", None)) == ((2, "there") if loaded else (None, None))
    closed(session)
