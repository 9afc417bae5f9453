import traceback
from typing import Any

import pytest

from cleanarch_kit.errors import InvalidValueError
from users.domain.exceptions.user_errors import EmailTakenError
from users.domain.value_objects.password import Password
from users.domain.value_objects.user_name import UserName


@pytest.mark.parametrize("name", ["Ada", "Ada Lovelace", "Zoë", "李", "x" * 200, "O'Brien"])
def test_a_name_is_whatever_people_are_called(name: str) -> None:
    assert UserName(name).value == name


def test_white_space_around_a_name_does_not_count() -> None:
    assert UserName("  Ada \n") == UserName("Ada")


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 201, "x" * 1_000_000, "a\0b", "a\nb", "a\x1b[31m", "\ud800", "a\u2028b", 7, None]
)
def test_what_is_no_name_is_refused_without_being_shown(name: Any) -> None:
    with pytest.raises(InvalidValueError) as raised:
        UserName(name)
    assert raised.value.value_type == "UserName"
    assert len(str(raised.value)) < 200


def test_a_password_shows_nowhere() -> None:
    password = Password("correct horse")
    assert "horse" not in f"{password} {password!r} {[password]} {password:>30}"
    assert password.reveal() == "correct horse"


@pytest.mark.parametrize("password", ["", "sevenxx", "a\0bcdefgh", "\ud800abcdefg", "x" * 100_000])
def test_a_bad_password_is_refused_without_being_shown(password: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        Password(password)
    assert raised.value.value_type == "Password"
    assert not password or password not in "".join(traceback.format_exception(raised.value))


def test_a_taken_address_is_told_without_being_shown() -> None:
    assert str(EmailTakenError()) == "this e-mail address is registered already"
