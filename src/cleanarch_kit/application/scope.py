"""Scope and resolver: how a handler gets what it depends on, without a container of ours.

A `Resolve` gives the object for a type. A `Scope` opens one for the time of one message. The bound methods of
containers that you may have already, such as ``dishka.AsyncContainer.get`` and ``svcs.Container.aget``, are resolvers
as they are; `provide` makes one of a mapping, and `scope_of` a whole scope.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from cleanarch_kit.errors import DependencyError

__all__ = ["MappedScope", "Resolve", "Scope", "key_name", "provide", "scope_of"]

DependencyT = TypeVar("DependencyT")


class Resolve(Protocol):
    """Gives the object to use for a type.

    Within one scope every call for one type gives the same object. A type that is not known is an error of the
    resolver's own choice; the bus passes it on untouched.
    """

    async def __call__(self, key: type[DependencyT], /) -> DependencyT:
        """Return the object for `key`."""
        ...


Scope: TypeAlias = Callable[[], AbstractAsyncContextManager[Resolve]]
"""Opens what one message needs (a unit of work, say) and gives its resolver; leaving it ends the message's work.

It is entered once for each message that needs something resolved, in the task that executes the message, and it is left
with the handler's exception if there is one, so that a unit of work in it can roll back.
"""


def key_name(key: object) -> str:
    """Return how a dependency's key is called in errors and explanations: ``UserRepository``, ``list[int]``."""
    return key.__qualname__ if isinstance(key, type) else str(key)


class _Provider:
    """A resolver over a mapping of factories, each called at most once."""

    __slots__ = ("_factories", "_made")

    def __init__(self, factories: Mapping[type[object], Callable[[], object]]) -> None:
        self._factories = factories
        self._made: dict[type[object], Any] = {}  # Any: what a factory gives is the word of whoever wrote the mapping

    async def __call__(self, key: type[DependencyT], /) -> DependencyT:
        made = self._made
        if key not in made:
            try:
                factory = self._factories[key]
            except KeyError:
                raise DependencyError(
                    f"nothing is provided for {key_name(key)}: give provide() a factory for it"
                ) from None
            value = factory()
            if hasattr(type(value), "__await__"):
                value = await cast("Awaitable[object]", value)
            made[key] = value
        found: DependencyT = made[key]
        return found


class MappedScope:
    """A scope in which nothing has to be opened or closed; `scope_of` makes it.

    Attributes:
        factories: what to call for which type.
    """

    __slots__ = ("factories",)

    def __init__(self, factories: Mapping[type[object], Callable[[], object]]) -> None:
        self.factories = dict(factories)

    def __call__(self) -> AbstractAsyncContextManager[Resolve]:
        """Open it for one message. See `Scope`."""
        return nullcontext(provide(self.factories))

    def __repr__(self) -> str:
        return f"scope_of({', '.join(map(key_name, self.factories))})"


def scope_of(factories: Mapping[type[object], Callable[[], object]], /) -> Scope:
    """Make a scope of a mapping, where nothing has to be closed after a message.

        MessageBus([add_book], scope=scope_of({Books: lambda: SqlBooks(pool), Clock: SystemClock}))

    Each factory is called as for `provide`: when its type is needed, and at most once for each message. The bus writes
    the calls into the way of a message when it is built, so that such a scope costs least.

    Args:
        factories: what to call for which type. It is copied.

    Returns:
        The scope. What needs a type that is not in the mapping raises `DependencyError`, and `MessageBus.verify` tells.
    """
    return MappedScope(factories)


def provide(factories: Mapping[type[object], Callable[[], object]], /) -> Resolve:
    """Make a resolver of a mapping from types to factories.

    Each factory takes no arguments, may be async, and is called when its type is first asked for, at most once for each
    call of `provide`. So call `provide` inside the scope, where the factories can close over what the scope opened:

        @asynccontextmanager
        async def scope() -> AsyncGenerator[Resolve]:
            async with SqlAlchemyUnitOfWork(sessions) as uow:
                yield provide({UserRepository: lambda: SqlUsers(uow)})

    Args:
        factories: what to call for which type.

    Returns:
        The resolver. Asking it for a type that is not in the mapping raises `DependencyError`.
    """
    return _Provider(factories)
