"""The generated functions: what they build, what they do not run, and that they can be read."""

import inspect
import traceback
from dataclasses import dataclass, field, make_dataclass
from enum import Enum, Flag
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules, derive
from cleanarch_kit.adapters.sqlalchemy.mapping.row_code import RowCode, write_row_code
from cleanarch_kit.domain import AggregateRoot, Email, EntityId, Money
from cleanarch_kit.errors import CorruptRowError


class UserId(EntityId): ...


class Role(Enum):
    USER = "user"
    ADMIN = "admin"


class Right(Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Sku:
    code: str


@dataclass(frozen=True)
class Address:
    street: str
    paid: Money | None
    contact: Email | None


@dataclass(frozen=True)
class Span:
    start: int | None
    end: int | None


@dataclass(kw_only=True, slots=True)
class User(AggregateRoot[UserId]):
    email: Email
    role: Role
    rights: Right
    sku: Sku | None
    balance: Money
    address: Address | None
    span: Span | None
    tags: list[str] = field(default_factory=list[str])
    nick: Email | None = None


@dataclass(frozen=True)
class Stretch:
    """A value that works out a part of itself."""

    low: int
    high: int
    width: int = field(init=False)

    def __post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError("upside down")
        object.__setattr__(self, "width", self.high - self.low)


@dataclass(kw_only=True)
class Road(AggregateRoot[UserId]):
    stretch: Stretch
    other: Stretch | None


COLUMNS = [
    *("id", "version", "email", "role", "rights", "sku", "balance_amount", "balance_currency", "address_street"),
    *("address_paid_amount", "address_paid_currency", "address_contact", "span_start", "span_end", "tags", "nick"),
]
users = sa.Table("users", sa.MetaData(), *(sa.Column(name, sa.String) for name in COLUMNS))


def code(*, validate: bool = False) -> RowCode:
    rules = MappingRules(validate=validate)
    return write_row_code(User, derive(User, users, rules), rules)


def a_user(**changes: Any) -> User:
    values: dict[str, Any] = {
        "id": UserId(uuid4()),
        "email": Email("ada@example.com"),
        "role": Role.ADMIN,
        "rights": Right.READ | Right.WRITE,
        "sku": Sku("S1"),
        "balance": Money(5, "EUR"),
        "address": Address("Main St", Money(1, "JPY"), None),
        "span": Span(None, 7),
        "tags": ["a"],
        "nick": None,
    }
    return User(**(values | changes))


def fields_of(user: User) -> tuple[object, ...]:
    return (
        user.id,
        user.version,
        user.email,
        user.role,
        user.rights,
        user.sku,
        user.balance,
        user.address,
        user.span,
        user.tags,
        user.nick,
    )


@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sku": None, "address": None, "span": None, "nick": Email("a@b.example")},
        {"address": Address("x", None, Email("c@d.example"))},
        {"span": Span(1, None)},
    ],
)
def test_a_row_holds_the_whole_entity(validate: bool, changes: dict[str, object]) -> None:
    functions = code(validate=validate)
    user = a_user(**changes)
    row = functions.dump(user)
    loaded = functions.load(row)
    assert fields_of(loaded) == fields_of(user)
    assert loaded._pending_events == []
    assert functions.dump(loaded) == row
    assert functions.identity(user.id) == (user.id.value,)


def test_a_composite_of_optional_parts_is_none_where_all_of_them_are() -> None:
    functions = code()
    assert functions.load(functions.dump(a_user(span=Span(None, None)))).span is None


@dataclass(frozen=True)
class Place:
    where: Span | None
    city: str


def test_an_optional_value_is_there_although_an_optional_value_in_front_of_it_is_not() -> None:
    shop = make_dataclass("Shop", [("id", int), ("place", Place | None)])
    names = ("id", "place_where_start", "place_where_end", "place_city")
    table = sa.Table("shops", sa.MetaData(), *(sa.Column(name, sa.String) for name in names))
    functions = write_row_code(shop, derive(shop, table, MappingRules()), MappingRules())
    row = functions.dump(shop(1, Place(None, "Rome")))
    assert functions.load(row).place == Place(None, "Rome")
    assert functions.load((1, None, None, None)).place is None


def test_row_and_entity_share_no_list() -> None:
    functions = code()
    user = a_user()
    row = functions.dump(user)
    loaded = functions.load(row)
    user.tags.append("b")
    loaded.tags.append("c")
    assert row[COLUMNS.index("tags")] == ["a"]


def test_the_source_can_be_read_and_stepped_through() -> None:
    functions = code()
    assert "entity.email = v" in functions.source
    assert inspect.getsource(functions.load) in functions.source
    with pytest.raises(TypeError) as caught:
        functions.load(None)
    assert "<rows of " in "".join(traceback.format_exception(caught.value))


@dataclass(frozen=True)
class Guarded:
    id: int
    name: str
    runs: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        raise RuntimeError("loading runs no constructor")


def test_loading_runs_no_constructor_and_frozen_entities_load() -> None:
    table = sa.Table("guarded", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("name", sa.String))
    rules = MappingRules()
    loaded = write_row_code(Guarded, derive(Guarded, table, rules), rules).load((1, "x"))
    assert (loaded.id, loaded.name, loaded.runs) == (1, "x", 0)


def test_an_unknown_enum_value_is_a_corrupt_row_that_shows_no_value() -> None:
    functions = code()
    row = list(functions.dump(user := a_user()))
    row[COLUMNS.index("role")] = "hunter2"
    with pytest.raises(CorruptRowError) as caught:
        functions.load(tuple(row))
    assert (caught.value.entity, caught.value.id, caught.value.field) == ("User", user.id, "role")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("column", "value", "at_fault"),
    [
        ("email", "hunter2", "email"),
        ("email", None, "email"),
        ("version", None, "version"),
        ("balance_amount", None, "balance.amount"),
        ("balance_currency", "hunter2", "balance"),
        ("address_contact", "hunter2", "address.contact"),
        ("role", "hunter2", "role"),
        ("id", "hunter2", "id"),
    ],
)
def test_validation_names_the_field_and_not_the_value(column: str, value: object, at_fault: str) -> None:
    functions = code(validate=True)
    row = list(functions.dump(a_user()))
    row[COLUMNS.index(column)] = value
    with pytest.raises(CorruptRowError) as caught:
        functions.load(tuple(row))
    assert caught.value.field == at_fault
    if column != "id":
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_validation_runs_the_constructor_of_the_entity() -> None:
    table = sa.Table("guarded", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("name", sa.String))
    rules = MappingRules(validate=True)
    with pytest.raises(CorruptRowError) as caught:
        write_row_code(Guarded, derive(Guarded, table, rules), rules).load((1, "x"))
    assert (caught.value.id, caught.value.field) == (1, None)


def test_two_classes_of_one_name_are_told_apart() -> None:
    def a_class(name: str) -> type[Any]:
        @dataclass(frozen=True)
        class Same:
            left: int
            right: int

        Same.__qualname__ = name
        return Same

    first, second = a_class("first"), a_class("second")

    pair: type[Any] = make_dataclass("Pair", [("id", int), ("one", first), ("two", second)])
    table = sa.Table(
        "pairs",
        sa.MetaData(),
        *(sa.Column(name, sa.Integer) for name in ("id", "one_left", "one_right", "two_left", "two_right")),
    )
    rules = MappingRules()
    loaded = write_row_code(pair, derive(pair, table, rules), rules).load((1, 2, 3, 4, 5))
    assert isinstance(loaded.one, first)
    assert isinstance(loaded.two, second)


def test_with_code_of_ones_own_nothing_is_written_but_the_identity() -> None:
    rules = MappingRules(own_code=True)
    functions = write_row_code(User, derive(User, users, rules), rules)
    assert "def load" not in functions.source
    with pytest.raises(NotImplementedError, match="to_entity and to_row"):
        functions.load(())


@pytest.mark.parametrize("validate", [False, True])
def test_a_value_that_works_out_a_field_is_built_by_its_constructor(validate: bool) -> None:
    columns = ("id", "version", "stretch_low", "stretch_high", "other_low", "other_high")
    roads = sa.Table("roads", sa.MetaData(), *(sa.Column(name, sa.Integer) for name in columns))
    rules = MappingRules(validate=validate)
    of_road = write_row_code(Road, derive(Road, roads, rules), rules)
    road = Road(id=UserId(uuid4()), stretch=Stretch(1, 4), other=None)
    row = of_road.dump(road)
    assert row[2:] == (1, 4, None, None)
    loaded = of_road.load(row)
    assert (loaded.stretch, loaded.stretch.width, loaded.other) == (Stretch(1, 4), 3, None)
    with pytest.raises(CorruptRowError) as caught:
        of_road.load((*row[:2], 4, 1, None, None))
    assert (caught.value.id, caught.value.field) == (road.id, "stretch")


@pytest.mark.parametrize(
    "change",
    [
        {"id": UserId(uuid4())},
        {"version": 9},
        {"email": Email("z@example.com")},
        {"role": Role.USER},
        {"rights": Right.READ},
        {"sku": Sku("S2")},
        {"sku": None},
        {"balance": Money(6, "EUR")},
        {"balance": Money(5, "JPY")},
        {"address": None},
        {"address": Address("Main St", None, None)},
        {"address": Address("Main St", Money(1, "EUR"), None)},
        {"span": Span(1, 7)},
        {"tags": ["b"]},
        {"nick": Email("a@b.example")},
    ],
)
def test_what_was_loaded_is_no_suspect_until_a_field_of_it_is_another(change: dict[str, object]) -> None:
    functions = code()
    rows = [functions.dump(a_user()), functions.dump(a_user(sku=None, address=None, span=None))]
    loaded = functions.load_all(rows)
    assert functions.suspects(loaded, rows) == []
    ((name, value),) = change.items()
    setattr(loaded[0], name, value)
    assert functions.suspects(loaded, rows) == [0]


def test_a_list_that_was_changed_in_place_makes_a_suspect() -> None:
    functions = code()
    rows = [functions.dump(a_user()), functions.dump(a_user())]
    loaded = functions.load_all(rows)
    loaded[1].tags.append("b")
    assert functions.suspects(loaded, rows) == [1]
