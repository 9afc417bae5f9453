"""The markers add a type and nothing else, whatever the message is made with."""

import warnings
from dataclasses import dataclass
from typing import TypeVar

import attrs
import msgspec
import pytest
from pydantic import BaseModel

from cleanarch_kit.application import Command, Message, MessageBus, Query, StreamQuery, handles

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plain(Command[int]):
    x: int


class Model(BaseModel, Command[int]):
    x: int


class Struct(msgspec.Struct, Command[int], frozen=True):
    x: int


@attrs.frozen
class Attrs(Command[int]):
    x: int


@dataclass(frozen=True, slots=True)
class Bare(Command):
    pass


@dataclass(frozen=True, slots=True)
class Asked(Query[str]):
    pass


@dataclass(frozen=True, slots=True)
class Rows(StreamQuery[int]):
    pass


@pytest.mark.parametrize("message", [Plain(1), Struct(1), Attrs(1)])
def test_a_slotted_message_stays_without_a_dict(message: object) -> None:
    assert not hasattr(message, "__dict__")


@handles(Plain)
async def plain(command: Plain) -> int:
    return command.x


@handles(Model)
async def model(command: Model) -> int:
    return command.x


@handles(Struct)
async def struct(command: Struct) -> int:
    return command.x


@handles(Attrs)
async def attrs_class(command: Attrs) -> int:
    return command.x


async def test_messages_of_every_make_are_executed() -> None:
    bus = MessageBus([plain, model, struct, attrs_class])

    results = [await bus.execute(message) for message in (Plain(1), Model(x=2), Struct(3), Attrs(4))]

    assert results == [1, 2, 3, 4]


def test_a_model_can_be_a_message_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class Fresh(BaseModel, Query[str]):
            name: str

    assert Fresh(name="Ada").name == "Ada"


def test_commands_and_queries_are_messages_and_stream_queries_are_not() -> None:
    assert isinstance(Bare(), Message)
    assert isinstance(Asked(), Message)
    assert not isinstance(Rows(), Message)
