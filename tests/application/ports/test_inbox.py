import pytest

from cleanarch_kit.application.ports.inbox import checked_consumer
from cleanarch_kit.errors import InvalidValueError


@pytest.mark.parametrize("name", ["m", "welcome-mail", "Rechnung für Käufer", "x" * 200])
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert checked_consumer(name) == name


@pytest.mark.parametrize("name", ["", " ", "mail ", "\tmail", "ma\nil", "ma\0il", "\ud800", "x" * 201])
def test_a_name_that_could_be_mistaken_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        checked_consumer(name)
    assert str(caught.value) == "consumer must have 1 to 200 printable characters and no spaces around them"
