import logging
from collections.abc import Generator

import pytest

from cleanarch_kit.application import MessageContext, message_context
from users.shared.logging import CorrelationFilter, configure_logging


@pytest.fixture
def untouched_root() -> Generator[logging.Logger]:
    """The root logger, which is afterwards as it was."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield root
    root.setLevel(level)
    root.handlers[:] = handlers


def test_a_record_has_the_correlation_id_of_what_is_being_handled() -> None:
    record = logging.LogRecord("users", logging.INFO, __file__, 1, "text", None, None)
    assert CorrelationFilter().filter(record)
    assert vars(record)["correlation_id"] == "-"
    with message_context(MessageContext.new("trace-7")):
        CorrelationFilter().filter(record)
    assert vars(record)["correlation_id"] == "trace-7"


def test_each_line_shows_it(untouched_root: logging.Logger, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    with message_context(MessageContext.new("trace-7")):
        logging.getLogger("users").info("hello")
        logging.getLogger("users").debug("not shown")
    for handler in untouched_root.handlers:
        handler.flush()
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith("INFO users [trace-7] hello")
