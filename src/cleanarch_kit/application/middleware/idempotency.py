"""`Idempotency`: a command that is sent again is not handled again, but answered with its first result."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from cleanarch_kit.application.dispatch.dependencies import Dependency
from cleanarch_kit.application.dispatch.result_annotation import result_annotation
from cleanarch_kit.application.messages import Message
from cleanarch_kit.application.middleware.protocol import Next, Placement
from cleanarch_kit.application.ports.idempotency import IdempotencyStore
from cleanarch_kit.application.serialization import Codec
from cleanarch_kit.application.shielding import run_to_end
from cleanarch_kit.errors import (
    CommitOutcomeUnknownError,
    DefinitionError,
    HandlerTimeoutError,
    IdempotencyConflictError,
)

__all__ = ["Idempotency", "IdempotencyKey", "idempotent"]

ResultT = TypeVar("ResultT")
MessageT = TypeVar("MessageT", bound=Message[object])

# Any: messages and results of all types pass through one middleware
_KeyOf: TypeAlias = Callable[[Any], str | None]
_ResultCodec: TypeAlias = Codec[Any]

_PATIENCE = 5.0  # seconds to go on keeping a result after its caller was cancelled
_logger = logging.getLogger("cleanarch_kit.idempotency")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """How to know that two messages are one request; `idempotent` makes it.

    Attributes:
        message_type: the class of the messages.
        key: takes the message and returns its key, or None if it has none.
    """

    message_type: type[object]
    key: _KeyOf


def idempotent(message_type: type[MessageT], key: Callable[[MessageT], str | None], /) -> IdempotencyKey:
    """State how to know that two messages are one request.

    Args:
        message_type: the class of the messages; those derived from it do not count.
        key: a plain function that takes the message and returns the key that its sender gave it. Put the sender into it
            where senders choose keys themselves, or one gets the answer of another. None handles the message always.
    """
    return IdempotencyKey(message_type, key)


class Idempotency:
    """Handles each request once and answers its repetitions with the first result.

    Without `store`, it is given to the bus as ``scoped_middleware`` and uses the `IdempotencyStore` that the scope
    resolves. That store writes in the handler's own transaction, so that result and effect are committed together or
    not at all, and the effect happens exactly once.

    With `store`, it is given to the bus as ``middleware`` and keeps the result after the commit. If the process dies
    between the two, or it is not known whether there was a commit, because the message was cancelled, or timed out, or
    the reply to COMMIT was lost, repetitions are refused until the claim has ended by itself, and handled again after
    that.

    The result is stored by the type that the message's class states. It stands behind `Authorization`, or it would
    answer who is not allowed.

    Args:
        keys: made by `idempotent`; messages without one do not pass here at all.
        store: where results are kept, if not in the handler's transaction.

    Raises:
        DefinitionError: when the bus is built: two keys for one message, or a result without a JSON form.
    """

    def __init__(self, keys: Iterable[IdempotencyKey], *, store: IdempotencyStore | None = None) -> None:
        self._keys: dict[type[object], _KeyOf] = {}
        self._store = store
        for given in keys:
            if given.message_type in self._keys:
                raise DefinitionError(f"{given.message_type.__qualname__} has two idempotency keys: keep one")
            self._keys[given.message_type] = given.key

    def middleware_for(self, message_type: type[object], /) -> "_InTransaction | _AfterCommit | None":
        """Apply to messages that have a key. See `MiddlewareFactory`."""
        key = self._keys.get(message_type)
        if key is None:
            return None
        codec: _ResultCodec = Codec(result_annotation(message_type))
        name = _Name(message_type, key)
        return _InTransaction(name, codec) if self._store is None else _AfterCommit(name, codec, self._store)


class _Name:
    """Gives a request the name under which the store knows it: of bounded length, and without what a sender wrote."""

    def __init__(self, message_type: type[object], key: _KeyOf) -> None:
        self._key = key
        self._shown = message_type.__qualname__[-100:]
        self._salt = hashlib.sha256(f"{message_type.__module__}.{message_type.__qualname__}".encode())

    def __call__(self, message: object) -> str | None:
        key = self._key(message)
        if key is None:
            return None
        digest = self._salt.copy()
        digest.update(b"\0" + key.encode("utf-8", "surrogatepass"))
        return f"{self._shown}:{digest.hexdigest()}"


class _InTransaction:
    placement = Placement.INSIDE
    answers_itself = True
    dependencies = (Dependency("store", IdempotencyStore),)

    def __init__(self, name: _Name, codec: _ResultCodec) -> None:
        self._name = name
        self._codec = codec

    async def __call__(
        self, message: Message[ResultT], call_next: Next[ResultT], /, *, store: IdempotencyStore
    ) -> ResultT:
        name = self._name(message)
        if name is None:
            return await call_next(message)
        claim = await store.claim(name)
        if claim.result is not None:
            earlier: ResultT = self._codec.decode(claim.result)
            return earlier
        result = await call_next(message)  # an exception rolls the claim back with everything else
        await claim.complete(self._codec.encode(result))
        return result

    def __repr__(self) -> str:
        return "Idempotency(in the transaction)"


class _AfterCommit:
    placement = Placement.OUTSIDE
    answers_itself = True

    def __init__(self, name: _Name, codec: _ResultCodec, store: IdempotencyStore) -> None:
        self._name = name
        self._codec = codec
        self._store = store

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> ResultT:
        name = self._name(message)
        if name is None:
            return await call_next(message)
        claim = await self._store.claim(name)
        if claim.result is not None:
            earlier: ResultT = self._codec.decode(claim.result)
            return earlier
        try:
            result = await call_next(message)
        except (CommitOutcomeUnknownError, HandlerTimeoutError):
            raise
        except Exception:
            try:
                await claim.release()
            except Exception as failure:
                _report(message, "the claim could not be released and ends by itself", failure)
            raise
        try:  # it is committed, and must not look failed
            await run_to_end(claim.complete(self._codec.encode(result)), patience=_PATIENCE)
        except IdempotencyConflictError as failure:
            _report(message, "it took longer than its claim held, and was handled by somebody else too", failure)
        except Exception as failure:
            _report(message, "the result could not be kept, so that a repetition will be handled again", failure)
        return result

    def __repr__(self) -> str:
        return f"Idempotency({type(self._store).__qualname__})"


def _report(message: object, what: str, failure: Exception) -> None:
    _logger.error("%s: %s (%s)", type(message).__qualname__, what, type(failure).__qualname__)
