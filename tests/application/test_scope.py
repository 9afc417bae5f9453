"""`provide` makes a resolver of a mapping, and `scope_of` a scope."""

from typing import Any

import pytest

from cleanarch_kit.application import provide, scope_of
from cleanarch_kit.errors import DependencyError


class Users:
    pass


class Clock:
    pass


async def test_a_factory_is_called_when_its_type_is_first_asked_for_and_once() -> None:
    made: list[str] = []

    def users() -> Users:
        made.append("users")
        return Users()

    resolve = provide({Users: users, Clock: Clock})
    assert made == []

    first, second = await resolve(Users), await resolve(Users)

    assert first is second
    assert isinstance(await resolve(Clock), Clock)
    assert made == ["users"]


async def test_each_resolver_makes_its_own() -> None:
    factories: dict[type[object], Any] = {Users: Users}

    assert await provide(factories)(Users) is not await provide(factories)(Users)


async def test_a_factory_may_be_async() -> None:
    async def connect() -> Users:
        return Users()

    resolve = provide({Users: connect})

    assert await resolve(Users) is await resolve(Users)


async def test_none_is_something_that_a_factory_may_give() -> None:
    calls: list[None] = []
    resolve = provide({Users: lambda: calls.append(None)})

    assert await resolve(Users) is None
    assert await resolve(Users) is None
    assert len(calls) == 1


async def test_what_is_not_there_is_an_error_with_the_fix() -> None:
    with pytest.raises(DependencyError, match=r"^nothing is provided for Users: give provide\(\) a factory for it$"):
        await provide({})(Users)


async def test_a_key_that_is_no_class_is_named_too() -> None:
    alias: Any = list[int]
    with pytest.raises(DependencyError, match=r"nothing is provided for list\[int\]"):
        await provide({})(alias)


async def test_an_error_of_a_factory_arrives_unchanged_and_is_not_remembered() -> None:
    attempts: list[int] = []

    def flaky() -> Users:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("down")
        return Users()

    resolve = provide({Users: flaky})

    with pytest.raises(OSError, match="down"):
        await resolve(Users)
    assert isinstance(await resolve(Users), Users)


async def test_a_key_error_of_a_factory_is_not_taken_for_a_missing_factory() -> None:
    def broken() -> Users:
        known: dict[str, Users] = {}
        return known["missing"]

    with pytest.raises(KeyError, match="missing"):
        await provide({Users: broken})(Users)


async def test_a_mapping_is_a_scope() -> None:
    factories: dict[type[object], Any] = {Users: Users}
    scope = scope_of(factories)
    factories.clear()  # it has its own copy

    async with scope() as first, scope() as second:
        assert await first(Users) is await first(Users)
        assert await first(Users) is not await second(Users)
        with pytest.raises(DependencyError, match="nothing is provided for Clock"):
            await first(Clock)
    assert repr(scope) == "scope_of(Users)"
