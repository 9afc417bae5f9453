"""One line for each message, without anything that a user typed."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.application import (
    Command,
    Correlation,
    Logging,
    MessageBus,
    MessageContext,
    StreamQuery,
    handles,
    message_context,
)
from cleanarch_kit.errors import AccessDeniedError, DomainError, InvalidPageError, NotFoundError

CANARY = "hunter2"


@dataclass(frozen=True)
class SignIn(Command[str]):
    password: str


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    upto: int


@handles(SignIn)
async def sign_in(command: SignIn) -> str:
    return command.password


@handles(Rows)
async def rows(query: Rows) -> AsyncIterator[int]:
    for number in range(query.upto):
        yield number
    if query.upto > 2:
        raise ValueError(CANARY)


def failing(error: BaseException) -> Any:
    @handles(SignIn)
    async def fail(command: SignIn) -> str:
        raise error

    return fail


@pytest.fixture(autouse=True)
def listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="cleanarch_kit.messages")


def only(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    (record,) = caplog.records
    assert record.name == "cleanarch_kit.messages"
    assert CANARY not in record.getMessage()
    assert CANARY not in repr(vars(record))
    return record


async def test_a_message_is_logged_when_it_was_handled(caplog: pytest.LogCaptureFixture) -> None:
    bus = MessageBus([sign_in], middleware=[Correlation(), Logging()])
    with message_context(MessageContext.new("request-1")) as request:
        assert await bus.execute(SignIn(CANARY)) == CANARY

    record = only(caplog)
    fields = vars(record)
    assert record.levelno == logging.INFO
    assert fields["message_type"] == "SignIn"
    assert (fields["correlation_id"], fields["causation_id"]) == ("request-1", str(request.message_id))
    assert fields["message_id"] not in {None, str(request.message_id)}
    assert fields["milliseconds"] >= 0
    assert record.getMessage() == f"SignIn was handled in {fields['milliseconds']} ms (correlation id request-1)"


async def test_without_a_context_there_are_no_ids(caplog: pytest.LogCaptureFixture) -> None:
    await MessageBus([sign_in], middleware=[Logging()]).execute(SignIn(CANARY))

    fields = vars(only(caplog))
    assert (fields["message_id"], fields["correlation_id"], fields["causation_id"]) == (None, None, None)


@pytest.mark.parametrize(
    "error",
    [DomainError(CANARY), InvalidPageError("page", CANARY), NotFoundError("User", CANARY), AccessDeniedError("X")],
)
async def test_a_refusal_is_no_error(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    with pytest.raises(type(error)):
        await MessageBus([failing(error)], middleware=[Logging()]).execute(SignIn(CANARY))

    record = only(caplog)
    assert record.levelno == logging.INFO
    assert record.getMessage().startswith(f"SignIn was refused by {type(error).__name__} at {__file__}:")


async def test_a_failure_is_an_error_named_by_type_and_place(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match=CANARY):
        await MessageBus([failing(ValueError(CANARY))], middleware=[Logging()]).execute(SignIn(CANARY))

    record = only(caplog)
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith(f"SignIn failed with ValueError at {__file__}:")


async def test_a_cancellation_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(asyncio.CancelledError):
        await MessageBus([failing(asyncio.CancelledError(CANARY))], middleware=[Logging()]).execute(SignIn(CANARY))

    record = only(caplog)
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("SignIn was ended by CancelledError in ")


async def test_a_correlation_id_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    forged = "1\nERROR all is lost\x1b[31m\u2028"
    with message_context(MessageContext.new(forged)):
        await MessageBus([sign_in], middleware=[Logging()]).execute(SignIn(CANARY))

    text = only(caplog).getMessage()
    assert text.isprintable()
    assert "\\nERROR all is lost" in text


async def test_nothing_is_made_up_for_a_logger_that_does_not_listen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="quiet")
    await MessageBus([sign_in], middleware=[Logging(logging.getLogger("quiet"))]).execute(SignIn(CANARY))
    assert caplog.records == []


@pytest.mark.parametrize(
    ("upto", "consumed", "text", "level"),
    [
        (2, 2, "Rows was handled in ", logging.INFO),
        (2, 1, "Rows was left by its consumer in ", logging.INFO),
        (3, 3, f"Rows failed with ValueError at {__file__}:", logging.ERROR),
    ],
)
async def test_a_stream_is_logged_when_it_ends(
    caplog: pytest.LogCaptureFixture, upto: int, consumed: int, text: str, level: int
) -> None:
    items = MessageBus([rows], middleware=[Logging()]).stream(Rows(upto))
    for _ in range(consumed):
        await anext(items)
    if consumed == 3:
        with pytest.raises(ValueError, match=CANARY):
            await anext(items)
    elif consumed == 2:
        with pytest.raises(StopAsyncIteration):
            await anext(items)
    await items.aclose()

    record = only(caplog)
    assert record.levelno == level
    assert record.getMessage().startswith(text)
