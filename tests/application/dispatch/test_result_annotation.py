"""What a message's class says its result is."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Generic, TypeVar

import attrs
import msgspec
import pytest
from pydantic import BaseModel

from cleanarch_kit.application import Command, Message, Query
from cleanarch_kit.application.dispatch.result_annotation import result_annotation
from cleanarch_kit.errors import DefinitionError

WriteModule = Callable[[str, str], ModuleType]
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Slotted(Command[int]):
    x: int


class Model(BaseModel, Query[list[int]]):
    x: int


class Struct(msgspec.Struct, Command[int | None]):
    x: int


@attrs.frozen
class Attrs(Query["Later"]):
    x: int


class Later:
    pass


class Bare(Command):
    pass


class Base(Query[T], Generic[T]):
    pass


class Derived(Base[dict[str, int]]):
    pass


class Further(Derived):
    pass


class Swapped(Generic[T, U], Base[U]):
    pass


class FromSwapped(Swapped[str, bytes]):
    pass


class Mixin:
    pass


class Mixed(Mixin, Slotted):
    pass


class OwnMarker(Message[float]):
    pass


class BareBase(Bare):
    pass


@pytest.mark.parametrize(
    ("message_type", "expected"),
    [
        (Slotted, int),
        (Model, list[int]),
        (Struct, int | None),
        (Attrs, Later),
        (Bare, type(None)),
        (BareBase, type(None)),
        (Derived, dict[str, int]),
        (Further, dict[str, int]),
        (FromSwapped, bytes),
        (Mixed, int),
        (OwnMarker, float),
    ],
)
def test_it_is_found_however_the_class_is_made(message_type: type[object], expected: object) -> None:
    assert result_annotation(message_type) == expected


@pytest.mark.parametrize("message_type", [Base, Swapped, Mixin])
def test_a_class_that_leaves_it_open_is_refused(message_type: type[object]) -> None:
    with pytest.raises(DefinitionError) as caught:
        result_annotation(message_type)
    assert str(caught.value).startswith(f"{message_type.__qualname__} ({__file__}:")
    assert str(caught.value).endswith(
        "does not say what its result is: derive it from Command[...] or Query[...] with the type of the result"
    )


def test_a_name_that_exists_for_type_checkers_only_is_told_as_such(write_module: WriteModule) -> None:
    module = write_module(
        "checking",
        """
        from cleanarch_kit.application import Query
        class Find(Query["User"]): ...
        """,
    )
    with pytest.raises(DefinitionError, match="has a result of type 'User', which does not exist at run time: import"):
        result_annotation(module.Find)
