"""`Authorization`: a policy for every message, and no message without one."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Concatenate, TypeVar

from cleanarch_kit.application.dispatch.dependencies import (
    Dependency,
    keyword_dependencies,
    location_of,
    qualified_name,
)
from cleanarch_kit.application.messages import Message, StreamQuery
from cleanarch_kit.application.middleware.protocol import Next, NextStream
from cleanarch_kit.errors import AccessDeniedError, DefinitionError

__all__ = ["Authorization", "Policy", "anyone", "policy"]

ResultT = TypeVar("ResultT")
GuardedT = TypeVar("GuardedT", bound=Message[object] | StreamQuery[object])


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may have the messages of a class handled; `policy` makes it.

    Attributes:
        message_type: the class, with everything derived from it that has no policy of its own.
        allows: takes the message, and what it depends on by keyword, and says whether it may be handled.
    """

    message_type: type[object]
    allows: Callable[..., Awaitable[bool]]


def policy(message_type: type[GuardedT], allows: Callable[Concatenate[GuardedT, ...], Awaitable[bool]], /) -> Policy:
    """State who may have messages handled.

        async def owner(command: CloseAccount, *, caller: Caller, accounts: AccountRepository) -> bool:
            return (await accounts.get(command.account_id)).owner == caller.id

        Authorization([policy(CloseAccount, owner), policy(Query, anyone)])

    Args:
        message_type: the class of the messages, or a base class such as `Query`.
        allows: an async function that takes the message and returns whether it may be handled. It says by keyword
            parameters what it needs, which is resolved in the scope like that of a handler.
    """
    return Policy(message_type, allows)


async def anyone(message: object, /) -> bool:  # noqa: ARG001 - a policy takes the message
    """The policy of messages that everybody may have handled."""
    return True


class Authorization:
    """Has the policy of each message decide whether it is handled.

    The policy of the message's own class counts, else that of its nearest base class. A message without any is an error
    when the bus is built, so that none is forgotten. Give it to the bus as ``scoped_middleware`` if a policy needs
    something resolved, and before anything that answers in the handler's place, such as an `Idempotency`.

    Args:
        policies: made by `policy`.

    Raises:
        DefinitionError: two policies for one class.
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._policies: dict[type[object], Policy] = {}
        for given in policies:
            if given.message_type in self._policies:
                raise DefinitionError(f"{given.message_type.__qualname__} has two policies: keep one")
            self._policies[given.message_type] = given

    def middleware_for(self, message_type: type[object], /) -> "_Guard":
        """Find the policy of one message. See `MiddlewareFactory`."""
        for base in message_type.__mro__:
            if base in self._policies:
                return _Guard(self._policies[base].allows)
        raise DefinitionError(
            f"{message_type.__qualname__} ({location_of(message_type)}) has no policy: give Authorization one for it,"
            " policy(..., anyone) if everybody may have it handled"
        )


class _Guard:
    def __init__(self, allows: Callable[..., Awaitable[bool]]) -> None:
        self._allows = allows
        self.guards = allows is not anyone
        self.dependencies: tuple[Dependency, ...] = keyword_dependencies(
            allows, positional=1, owner=qualified_name(allows)
        )

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /, **dependencies: Any) -> ResultT:
        if not await self._allows(message, **dependencies):
            raise AccessDeniedError(type(message).__qualname__)
        return await call_next(message)

    async def stream(
        self, query: StreamQuery[ResultT], call_next: NextStream[ResultT], /, **dependencies: Any
    ) -> AsyncGenerator[ResultT]:
        if not await self._allows(query, **dependencies):
            raise AccessDeniedError(type(query).__qualname__)
        async with aclosing(call_next(query)) as items:
            async for item in items:
                yield item

    def __repr__(self) -> str:
        return f"Authorization({qualified_name(self._allows)})"
