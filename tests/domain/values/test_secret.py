import copy
import json
import logging
import pickle
import traceback
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.domain import Secret
from cleanarch_kit.errors import DomainError, InvalidValueError

HIDDEN = "hunter2"


@dataclass(frozen=True)
class Login:
    name: str
    password: Secret


SECRET = Secret(HIDDEN)


def test_what_is_hidden_can_be_revealed() -> None:
    assert SECRET.reveal() == HIDDEN


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET:>20}",
        f"{SECRET!r:.12}",
        "%s %r" % (SECRET, SECRET),  # noqa: UP031 - a way of showing it
        "{0} {0!r}".format(SECRET),  # noqa: UP032 - a way of showing it
        repr(Login("ada", SECRET)),
        str([SECRET]),
        json.dumps({"password": SECRET}, default=str),
    ],
)
def test_no_text_shows_it(shown: str) -> None:
    assert "**" in shown
    assert not any(HIDDEN[i : i + 3] in shown for i in range(len(HIDDEN) - 2))


def test_its_length_does_not_show_either() -> None:
    assert repr(Secret("a")) == repr(Secret("a" * 1_000)) == "Secret('**********')"
    assert str(Secret("a")) == "**********"


def test_json_does_not_take_it_by_itself() -> None:
    with pytest.raises(TypeError, match="Secret is not JSON serializable"):
        json.dumps(SECRET)


def test_a_log_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger(__name__).warning("login %s %r", SECRET, Login("ada", SECRET), extra={"password": SECRET})
    assert "**********" in caplog.text
    assert HIDDEN not in caplog.text
    assert HIDDEN not in str(vars(caplog.records[0]))


def test_no_attribute_shows_it() -> None:
    assert not hasattr(SECRET, "__dict__")
    assert not hasattr(SECRET, "value")
    assert HIDDEN not in str(dir(SECRET))


def test_secrets_are_equal_by_content() -> None:
    assert Secret(HIDDEN) == SECRET
    assert Secret("other") != SECRET
    assert Secret("pässword") == Secret("pässword")
    assert SECRET != HIDDEN
    assert len({SECRET, Secret(HIDDEN), Secret("other")}) == 2


def test_secrets_have_no_order() -> None:
    secrets: list[Any] = [SECRET, Secret("b")]
    with pytest.raises(TypeError, match="not supported"):
        sorted(secrets)


def test_a_secret_never_changes() -> None:
    for name in ("_revealed", "other"):
        with pytest.raises(AttributeError, match="Secret is immutable: build a new one"):
            setattr(SECRET, name, "x")
        with pytest.raises(AttributeError, match="Secret is immutable: build a new one"):
            delattr(SECRET, name)


def test_it_can_be_copied_and_brought_to_another_process() -> None:
    assert copy.copy(SECRET) is SECRET
    assert copy.deepcopy(Login("ada", SECRET)).password is SECRET
    assert pickle.loads(pickle.dumps(SECRET)) == SECRET


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", "Secret must have from 1 to 65536 characters"),
        ("x" * 65_537, "Secret must have from 1 to 65536 characters"),
        ("hunter2\0", "Secret must not contain NUL"),
        ("hunter2\ud800", "Secret must not contain lone surrogates"),
        (b"hunter2", "Secret must be text"),
        (["hunter2"], "Secret must be text"),
        (None, "Secret must be text"),
        (5, "Secret must be text"),
        (True, "Secret must be text"),
    ],
)
def test_bad_input_is_refused_and_not_shown(bad: Any, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Secret(bad)
    assert str(caught.value) == message
    assert isinstance(caught.value, DomainError)
    assert HIDDEN not in "".join(traceback.format_exception(caught.value))
