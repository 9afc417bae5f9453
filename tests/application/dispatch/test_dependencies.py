"""What a handler asks for is read from its signature, and every misunderstanding is an error with file and line."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Annotated, Any

import attrs
import pytest

from cleanarch_kit.application.dispatch.dependencies import (
    Dependency,
    constructor_dependencies,
    keyword_dependencies,
    location_of,
    qualified_name,
)
from cleanarch_kit.errors import DefinitionError

WriteModule = Callable[[str, str], ModuleType]


class Users:
    pass


class Clock:
    pass


def read(function: Callable[..., object], positional: int = 1) -> tuple[Dependency, ...]:
    return keyword_dependencies(function, positional=positional, owner="shop.handle")


def test_parameters_behind_the_message_are_dependencies_by_type() -> None:
    async def handle(command: object, clock: Clock, *, users: Users) -> None: ...

    assert read(handle) == (Dependency("clock", Clock), Dependency("users", Users))


def test_a_parameter_with_a_default_and_a_collecting_one_are_left_alone() -> None:
    async def handle(command: object, *rest: object, users: Users, limit: int = 3, **options: object) -> None: ...

    assert read(handle) == (Dependency("users", Users),)


def test_only_dependencies_are_evaluated(write_module: WriteModule) -> None:
    module = write_module(
        "elsewhere",
        """
        class Users: ...
        async def handle(command: "Nowhere", *, users: "Users") -> "Neither": ...
        """,
    )

    assert read(module.handle) == (Dependency("users", module.Users),)


def test_names_of_the_function_around_are_known() -> None:
    class Local:
        pass

    async def handle(command: object, *, local: "Local") -> type[Local]:
        return Local

    assert read(handle) == (Dependency("local", Local),)


def test_annotations_of_a_postponing_module_are_evaluated(write_module: WriteModule) -> None:
    module = write_module(
        "postponing",
        """
        from __future__ import annotations
        class Users: ...
        async def handle(command: object, *, users: Users) -> None: ...
        """,
    )

    assert read(module.handle) == (Dependency("users", module.Users),)


def test_metadata_is_no_part_of_the_type() -> None:
    async def handle(command: object, *, users: Annotated[Users, "tenant"]) -> None: ...

    assert read(handle) == (Dependency("users", Users),)


def test_a_generic_alias_may_be_asked_for() -> None:
    async def handle(command: object, *, names: list[int]) -> None: ...

    assert read(handle)[0].key == list[int]


def test_a_name_that_exists_for_type_checkers_only_is_told_as_such(write_module: WriteModule) -> None:
    module = write_module(
        "checking",
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from elsewhere import Users
        async def handle(command: object, *, users: Users) -> None: ...
        """,
    )

    with pytest.raises(DefinitionError) as caught:
        read(module.handle)
    assert str(caught.value) == (
        f"parameter 'users' of shop.handle ({module.__file__}:6) is annotated with 'Users', and 'Users' does not exist"
        " at run time: import it outside of `if TYPE_CHECKING:`"
    )
    assert caught.value.__cause__ is None


def test_a_parameter_without_an_annotation_is_refused(write_module: WriteModule) -> None:
    module = write_module("untyped", "async def handle(command, *, users): ...")

    with pytest.raises(
        DefinitionError, match=r"parameter 'users' of shop.handle \(.*\) has no annotation: annotate it with the type"
    ):
        read(module.handle)


def test_a_dependency_that_cannot_be_given_by_name_is_refused() -> None:
    async def handle(command: object, users: Users, /) -> None: ...

    with pytest.raises(DefinitionError, match=r"parameter 'users' .* is positional only: make it a keyword parameter"):
        read(handle)


def test_a_function_that_takes_no_message_is_refused() -> None:
    async def handle(*, users: Users) -> None: ...

    with pytest.raises(DefinitionError, match=r"shop.handle must take its message by position \(.*test_dependencies"):
        read(handle)


def test_a_collecting_parameter_takes_the_message_too() -> None:
    async def handle(*args: object, users: Users) -> None: ...

    assert read(handle) == (Dependency("users", Users),)


def test_a_bound_method_and_a_callable_object_are_read_without_self() -> None:
    class Handler:
        async def handle(self, command: object, *, users: "Users") -> None: ...

        async def __call__(self, command: object, *, clock: "Clock") -> None: ...

    assert read(Handler().handle) == (Dependency("users", Users),)
    assert read(Handler()) == (Dependency("clock", Clock),)


def test_what_a_partial_leaves_open_is_read() -> None:
    async def handle(command: object, *, users: "Users", clock: "Clock") -> None: ...

    assert read(partial(handle, users=Users())) == (Dependency("clock", Clock),)


class WithConstructor:
    def __init__(self, users: "Users", *, clock: Clock, limit: int = 3) -> None: ...


@dataclass
class AsDataclass:
    users: "Users"
    clock: Clock


@attrs.define
class WithAttrs:
    users: Users
    clock: Clock


class Inheriting(WithConstructor):
    pass


@pytest.mark.parametrize("cls", [WithConstructor, AsDataclass, WithAttrs, Inheriting])
def test_the_constructor_of_a_class_says_what_it_needs(cls: type[object]) -> None:
    assert constructor_dependencies(cls, owner="x") == (Dependency("users", Users), Dependency("clock", Clock))


def test_what_can_be_given_by_position_is_known() -> None:
    class Mixed:
        def __init__(self, users: Users, limit: int = 3, *, clock: Clock) -> None: ...

    class WithDefault:
        def __init__(self, limit: int = 3, *, users: Users) -> None: ...

    def positions(cls: type[object]) -> list[bool]:
        return [each.by_position for each in constructor_dependencies(cls, owner="x")]

    assert positions(Mixed) == [True, False]
    assert positions(AsDataclass) == [True, True]
    assert positions(WithDefault) == [False]


def test_a_class_without_a_constructor_needs_nothing() -> None:
    assert constructor_dependencies(Users, owner="x") == ()


def test_locations_are_file_and_line() -> None:
    line = test_locations_are_file_and_line.__code__.co_firstlineno

    assert location_of(test_locations_are_file_and_line) == f"{__file__}:{line}"
    assert location_of(Users).startswith(f"{__file__}:")
    assert location_of(Users()) == location_of(Users)
    assert location_of(object) == "builtins"


def test_names_are_module_and_qualified_name(write_module: WriteModule) -> None:
    plain: Any = qualified_name

    assert qualified_name(Users) == f"{__name__}.Users"
    assert qualified_name(Users()) == f"{__name__}.Users"
    assert qualified_name(plain) == "cleanarch_kit.application.dispatch.dependencies.qualified_name"
    assert qualified_name(write_module("shop", "")) == "shop"
