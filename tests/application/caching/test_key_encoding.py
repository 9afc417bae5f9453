from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from cleanarch_kit.application.caching.key_encoding import (
    ENCODERS,
    MAX_LENGTH,
    check_type,
    declared_fields,
    encode,
    encode_literal,
    shorten,
)
from cleanarch_kit.domain import Email, EntityId, Secret
from cleanarch_kit.errors import DefinitionError


class UserId(EntityId): ...


class OrderId(EntityId): ...


class Role(Enum):
    ADMIN = "admin"


class Level(IntEnum):
    ONE = 1


class Colour(StrEnum):
    RED = "red"


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not what it holds"


class Count(int):
    def __str__(self) -> str:
        return "not what it holds"


class SubUuid(UUID):
    """As a driver has one."""


class Pair(NamedTuple):
    left: int
    right: str


@dataclass(frozen=True)
class Query:
    user_id: UserId
    text: str | None = None
    seen: int = field(default=0, compare=False)


class Model(BaseModel):
    id: int
    text: str


class Plain:
    pass


UUID_1 = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (-5, "-5"),
        (-(10**18), "-1000000000000000000"),
        (True, "True"),
        (None, "None"),
        (UUID_1, str(UUID_1)),
        ("Ada", "=Ada"),
        ("", "="),
        ("None", "=None"),
        ("5", "=5"),
        ("zwölf", "=zwölf"),
        ("a:b c", "=a%3Ab%20c"),
        ("a@b.co", "=a@b.co"),
        ("%#", "=%25%23"),
        ("\ud800", "=%ED%A0%80"),
        (1.0, "float(1.0)"),
        (-0.0, "float(-0.0)"),
        (Decimal("1.10"), "Decimal(1.10)"),
        (b"\x00\xff", "bytes(00ff)"),
        (date(2026, 1, 2), "date(2026-01-02)"),
        (time(1, 2, 3), "time(01.02.03,0)"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "datetime(2026-01-02T03.04.05.000006+00.00,0)"),
        (timedelta(days=-1, seconds=1), "timedelta(-1,1,0)"),
        ((1, "a"), "(1,=a)"),
        ([1, (2,)], "list(1,(2))"),
        ({3, 20}, "set(20,3)"),
        (frozenset({3}), "frozenset(3)"),
        ({"b": 1, "a": None}, "dict((=a,None),(=b,1))"),
        (Role.ADMIN, "Role(=admin)"),
        (Level.ONE, "Level(1)"),
        (Colour.RED, "Colour(=red)"),
        (UserId(UUID_1), f"UserId({UUID_1})"),
        (Email("ada@example.com"), "Email(=ada@example.com)"),
        (Query(UserId(UUID_1), seen=7), f"Query(UserId({UUID_1}),None)"),
        (Model(id=1, text="a"), "Model(1,=a)"),
        (Name("Ada"), "=Ada"),
        (Count(5), "5"),
        (SubUuid(int=UUID_1.int), str(UUID_1)),
        (Pair(1, "a"), "(1,=a)"),
    ],
)
def test_every_value_has_its_text(value: object, text: str) -> None:
    assert encode(value) == text
    assert encode(value) == text  # a type that was met before
    assert check_type(value) is value


def test_a_class_within_a_class_or_function_is_named_by_its_way() -> None:
    @dataclass(frozen=True)
    class Inner:
        x: int

    here = "test_a_class_within_a_class_or_function_is_named_by_its_way.<locals>.Inner"
    assert encode(Inner(1)) == f"{here}(1)"


def values() -> st.SearchStrategy[object]:
    text = st.text(alphabet="=(),:%#5TNa\u00e9\ud800", max_size=4)
    numbers = st.integers(-3, 12)
    leaves: st.SearchStrategy[object] = st.one_of(
        text,
        numbers,
        st.booleans(),
        st.none(),
        st.sampled_from([0.0, -0.0, 1.0, 5.0]),
        st.sampled_from([Decimal(1), Decimal("1.0"), Decimal(5)]),
        st.binary(max_size=2),
        st.sampled_from([UUID_1, UserId(UUID_1), OrderId(UUID_1), str(UUID_1)]),
        st.sampled_from([Role.ADMIN, Level.ONE, Colour.RED, "admin", "red", "Role(=admin)"]),
        st.sampled_from(
            [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC), time(1), date.max]
        ),
        st.timedeltas(timedelta(0), timedelta(seconds=2)),
    )
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple), max_leaves=5
    )


def identity(value: object) -> object:
    """A value with its type; the repr of a container shows those of its parts."""
    return (type(value).__name__, repr(value))


@given(values(), values())
def test_two_values_never_have_one_text(first: object, second: object) -> None:
    assert (encode(first) == encode(second)) == (identity(first) == identity(second))


@given(values())
def test_no_separator_of_a_template_stands_in_a_value(value: object) -> None:
    assert not set(encode(value)) & set(":/|;#! ")


@pytest.mark.parametrize(
    "value",
    [Plain(), object(), Plain, len, lambda: None, Secret("x"), [Plain()], {"a": Secret("x")}, (1, (Plain(),))],
    ids=type,
)
def test_a_type_without_a_lasting_text_is_refused(value: object) -> None:
    with pytest.raises(DefinitionError, match=r"has no lasting text for a cache key: name one of its attributes"):
        encode(value)


@pytest.mark.parametrize("value", [Plain(), Secret("x")], ids=type)
def test_a_tag_takes_no_such_type_either(value: object) -> None:
    with pytest.raises(DefinitionError) as caught:
        check_type(value)
    assert str(caught.value) == (
        f"a {type(value).__qualname__} has no lasting text for a cache key: name one of its attributes in the template,"
        " as in {parameter.attribute}, or put the parameter into ignore="
    )


def test_what_is_refused_stays_refused() -> None:
    for _ in range(2):
        with pytest.raises(DefinitionError):
            encode(Plain())
    assert Plain not in ENCODERS


def test_the_fields_of_a_type() -> None:
    @dataclass
    class Data:
        a: int
        b: int = field(compare=False)

    class Attribute(NamedTuple):
        name: str
        eq: bool

    class Attrs:
        __attrs_attrs__ = (Attribute("a", True), Attribute("b", False))

    class Struct:
        __struct_fields__ = ("a", "b")

    assert declared_fields(Data) == ("a",)
    assert declared_fields(Attrs) == ("a",)
    assert declared_fields(Struct) == ("a", "b")
    assert declared_fields(Model) == ("id", "text")
    assert declared_fields(Plain) == ()
    assert declared_fields(int) == ()


def test_a_template_cannot_look_like_a_digest() -> None:
    assert encode_literal("50%#off") == "50%25#off"


@pytest.mark.parametrize("name", ["", "a", "x" * MAX_LENGTH, "ü" * MAX_LENGTH])
def test_a_short_name_stays(name: str) -> None:
    assert shorten(name) == name


@pytest.mark.parametrize("tail", ["a", "\ud800", "%#"])
def test_a_long_name_is_cut_and_stays_its_own(tail: str) -> None:
    names = ["x" * MAX_LENGTH + tail * count for count in range(1, 20)]
    short = [shorten(name) for name in names]
    assert len(set(short)) == len(names)
    assert all(len(name) == MAX_LENGTH and name.startswith("x" * 100) for name in short)
    assert [shorten(name) for name in names] == short


def test_a_name_that_looks_shortened_is_shortened() -> None:
    forged = shorten("y" * 300)
    assert shorten(forged) != forged


@pytest.mark.parametrize("value", [UTC, uuid4], ids=type)
def test_no_functions_and_no_zones(value: object) -> None:
    with pytest.raises(DefinitionError):
        encode(value)
