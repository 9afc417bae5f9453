"""Handlers are found in functions, classes, instances and modules, each once and in order."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from cleanarch_kit.application import Command, StreamQuery, handles, on
from cleanarch_kit.application.dispatch.dependencies import Dependency
from cleanarch_kit.application.dispatch.discovery import Handler, discover, handler_of, written_in
from cleanarch_kit.application.handlers import EventMark, MessageMark
from cleanarch_kit.domain import DomainEvent
from cleanarch_kit.errors import DefinitionError

untyped_handles: Any = handles  # for what a type checker would not let pass
WriteModule = Callable[[str, str], ModuleType]


class Users:
    pass


@dataclass(frozen=True)
class Create(Command[int]):
    pass


@dataclass(frozen=True)
class Rename(Command[int]):
    pass


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    pass


@dataclass(frozen=True, kw_only=True)
class Created(DomainEvent, name="discovery.created"):
    pass


@dataclass(frozen=True, kw_only=True)
class Renamed(DomainEvent, name="discovery.renamed"):
    pass


@handles(Create)
async def create(command: Create, *, users: Users) -> int:
    return 1


class Both:
    def __init__(self, users: Users) -> None:
        self.users = users

    @handles(Rename)
    async def rename(self, command: Rename) -> int:
        return 1

    @handles(Create)
    async def create(self, command: Create) -> int:
        return 1

    @handles(Rows)
    async def rows(self, query: Rows) -> AsyncIterator[int]:
        yield 1

    @on(Created)
    async def created(self, event: Created) -> None: ...

    def unmarked(self) -> None: ...


def subjects(handlers: list[Handler]) -> list[type[object]]:
    return [handler.subject for handler in handlers]


def test_a_function_is_a_handler_with_its_dependencies() -> None:
    (handler,) = discover([create], MessageMark)

    assert (handler.subject, handler.target, handler.construct, handler.source) == (Create, create, None, create)
    assert handler.dependencies == (Dependency("users", Users),)
    assert handler.name == f"{__name__}.create"
    function: Any = create
    line = function.__code__.co_firstlineno
    assert handler.location == f"{__file__}:{line}"
    assert handler.note == f"while handling Create by {__name__}.create ({__file__}:{line})"


def test_a_class_holds_a_handler_for_each_marked_method_in_the_order_of_writing() -> None:
    handlers = discover([Both], MessageMark)

    assert subjects(handlers) == [Rename, Create, Rows]
    assert {handler.construct for handler in handlers} == {Both}
    assert {handler.dependencies for handler in handlers} == {(Dependency("users", Users),)}
    assert handlers[0].name == f"{__name__}.Both.rename"


def test_of_a_class_with_both_kinds_of_handlers_only_one_kind_counts() -> None:
    assert subjects(discover([Both], EventMark)) == [Created]


def test_what_is_no_method_of_an_instance_is_refused_rather_than_overlooked() -> None:
    async def handle(command: Any) -> int:
        return 1

    async def other(command: Any) -> int:
        return 1

    class Static:
        create = staticmethod(untyped_handles(Create)(handle))

        @handles(Rename)
        async def rename(self, command: Rename) -> int:
            return 1

    class OfClass:
        create = untyped_handles(Create)(classmethod(other))

    for given in (Static, Static(), OfClass, OfClass()):
        with pytest.raises(DefinitionError, match=r"(handle|other) \(.+\) is a (static|class)method: make it a method"):
            discover([given], MessageMark)


def test_a_method_without_its_message_is_refused() -> None:
    async def nothing(self: object) -> int:
        return 1

    class Forgetful:
        create = untyped_handles(Create)(nothing)

    for given in (Forgetful, Forgetful()):
        with pytest.raises(DefinitionError, match=r"nothing must take its message by position \("):
            discover([given], MessageMark)


def test_a_class_that_cannot_be_constructed_is_refused() -> None:
    class Abstract(ABC):
        @handles(Create)
        async def create(self, command: Create) -> int:
            return await self.rest()

        @abstractmethod
        async def rest(self) -> int: ...

    with pytest.raises(DefinitionError, match=r"Abstract \(.+\) is abstract: give the bus a class that can be"):
        discover([Abstract], MessageMark)


def test_an_instance_is_used_as_it_is() -> None:
    both = Both(Users())
    handlers = discover([both], MessageMark)

    assert subjects(handlers) == [Rename, Create, Rows]
    assert handlers[0].target == both.rename
    assert handlers[0].construct is None
    assert handlers[0].dependencies == ()


def test_a_bound_method_is_a_handler_by_itself() -> None:
    both = Both(Users())

    assert subjects(discover([both.create], MessageMark)) == [Create]


def test_a_subclass_inherits_marked_methods_and_an_override_without_a_mark_is_none() -> None:
    class Inherits(Both):
        async def create(self, command: Create) -> int:
            return 2

    assert subjects(discover([Inherits], MessageMark)) == [Rename, Rows]


def test_what_is_given_twice_counts_once() -> None:
    both = Both(Users())

    assert subjects(discover([create, create], MessageMark)) == [Create]
    assert subjects(discover([both, both], MessageMark)) == [Rename, Create, Rows]
    assert subjects(discover([Both, both], MessageMark)) == [Rename, Create, Rows] * 2


def test_a_function_that_is_marked_for_two_events_is_two_handlers() -> None:
    @on(Created)
    @on(Renamed)
    async def audit(event: Created | Renamed) -> None: ...

    assert subjects(discover([audit], EventMark)) == [Created, Renamed]


SHOP = """
    import abc
    from dataclasses import dataclass
    from cleanarch_kit.application import Command, handles
    from {other} import *

    @dataclass(frozen=True)
    class Open(Command[int]): ...

    @dataclass(frozen=True)
    class Close(Command[int]): ...

    @handles(Open)
    async def open_shop(command: Open) -> int:
        return 1

    class Closing:
        @handles(Close)
        async def handle(self, command: Close) -> int:
            return 2

    class Abstract(abc.ABC):
        @handles(Close)
        async def handle(self, command: Close) -> int:
            return 2

        @abc.abstractmethod
        def needed(self) -> None: ...

    ready = Closing()
    constant = 3
    """

OTHER = """
    from dataclasses import dataclass
    from cleanarch_kit.application import Command, handles

    @dataclass(frozen=True)
    class Elsewhere(Command[int]): ...

    @handles(Elsewhere)
    async def elsewhere(command: Elsewhere) -> int:
        return 3
    """


def test_of_a_module_count_the_functions_and_concrete_classes_that_are_written_in_it(write_module: WriteModule) -> None:
    write_module("other", OTHER)
    shop = write_module("shop", SHOP.format(other="other"))

    assert subjects(discover([shop], MessageMark)) == [shop.Open, shop.Close]


def test_what_a_package_gathers_from_below_counts_too(write_module: WriteModule) -> None:
    write_module("shop.orders", OTHER)
    shop = write_module("shop", SHOP.format(other="shop.orders"))

    assert {subject.__name__ for subject in subjects(discover([shop], MessageMark))} == {"Elsewhere", "Open", "Close"}
    assert shop.elsewhere in list(written_in(shop))


@pytest.mark.parametrize(
    ("candidate", "name"),
    [(Users, "Users"), (Users(), "Users"), (len, "builtins.len"), (discover, "discovery.discover")],
)
def test_what_is_no_handler_is_refused_by_name(candidate: object, name: str) -> None:
    with pytest.raises(DefinitionError, match=rf"{name} \(.*\) is no handler: mark a function or a method with @han"):
        discover([candidate], MessageMark)


def test_a_handler_of_the_other_kind_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"create \(.*\) is no handler: mark a function or a method with @on$"):
        discover([create], EventMark)


def test_a_module_without_a_handler_is_refused(write_module: WriteModule) -> None:
    with pytest.raises(DefinitionError, match=r"^empty \(.*\) is no handler"):
        discover([write_module("empty", "")], MessageMark)


def test_a_method_that_asks_for_more_than_its_message_is_refused() -> None:
    class Asking:
        async def handle(self, command: Create, *, users: Users) -> int:
            return 1

    untyped_handles(Create)(Asking.handle)
    for given in (Asking, Asking()):
        with pytest.raises(
            DefinitionError, match=r"Asking.handle \(.*\) asks for more than its message: let the constructor of its"
        ):
            discover([given], MessageMark)


def test_a_callable_without_a_mark_can_be_made_a_handler_of_a_class() -> None:
    async def listen(event: Created, *, users: Users) -> None: ...

    handler = handler_of(listen, Created)

    assert (handler.subject, handler.target) == (Created, listen)
    assert handler.dependencies == (Dependency("users", Users),)
