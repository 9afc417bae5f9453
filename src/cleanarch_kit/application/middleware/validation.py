"""`Validation`: rules for messages that their own types cannot state."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from cleanarch_kit.application.dispatch.dependencies import qualified_name
from cleanarch_kit.application.messages import Message, StreamQuery
from cleanarch_kit.application.middleware.protocol import Next, NextStream

__all__ = ["Rule", "Validation", "rule"]

ResultT = TypeVar("ResultT")
CheckedT = TypeVar("CheckedT", bound=Message[object] | StreamQuery[object])


@dataclass(frozen=True, slots=True)
class Rule:
    """A check for the messages of a class; `rule` makes it.

    Attributes:
        message_type: the class, with everything derived from it.
        check: takes the message and raises if it must not be handled.
    """

    message_type: type[object]
    check: Callable[[Any], None]


def rule(message_type: type[CheckedT], check: Callable[[CheckedT], None], /) -> Rule:
    """State a rule for messages.

    Args:
        message_type: the class of the messages, or a base class such as `Command`.
        check: a plain function that takes the message and raises an `InputError`, or a `DomainError`, if it must not
            be handled. It needs nothing but the message: what has to be looked up is the handler's own affair.
    """
    return Rule(message_type, check)


class Validation:
    """Checks messages before they are handled.

    Most of what is to be checked belongs into the types of the fields, where it holds everywhere: `Email`, `Money`, a
    constrained field of a model. Here is the place for what concerns several fields at once, and for rules of the
    application that a message's author does not know of.

    The rules of a message run in the order given, up to the first that raises. Messages without a rule do not pass here
    at all. It may stand on either side of the scope; outside, what is refused opens none.

    Args:
        rules: made by `rule`.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)

    def middleware_for(self, message_type: type[object], /) -> "_Checks | None":
        """Gather the rules of one message. See `MiddlewareFactory`."""
        checks = [rule.check for rule in self._rules if issubclass(message_type, rule.message_type)]
        return _Checks(checks) if checks else None


class _Checks:
    def __init__(self, checks: Sequence[Callable[[Any], None]]) -> None:
        self._checks = checks

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> ResultT:
        for check in self._checks:
            check(message)
        return await call_next(message)

    async def stream(self, query: StreamQuery[ResultT], call_next: NextStream[ResultT], /) -> AsyncGenerator[ResultT]:
        for check in self._checks:
            check(query)
        async with aclosing(call_next(query)) as items:
            async for item in items:
                yield item

    def __repr__(self) -> str:
        return f"Validation({', '.join(qualified_name(check) for check in self._checks)})"
