from typing import Any

import pytest

from cleanarch_kit.application import EventFields, upcasts
from cleanarch_kit.application.events.upcasting import chains
from cleanarch_kit.errors import DefinitionError, SerializationError


@upcasts("shop.order.placed", 1)
def with_currency(fields: EventFields) -> EventFields:
    return {**fields, "currency": "EUR"}


@upcasts("shop.order.placed", 2)
def with_lines(fields: EventFields) -> EventFields:
    return {"lines": [fields]}


@upcasts("shop.order.placed", 3)
def careless(fields: EventFields) -> EventFields:
    return {"amount": fields["amount"]}


def test_an_upcaster_stays_callable() -> None:
    assert with_currency({"amount": 1}) == {"amount": 1, "currency": "EUR"}
    assert (with_currency.name, with_currency.version) == ("shop.order.placed", 1)


def test_steps_are_joined_up_to_a_class() -> None:
    assert chains([with_lines, with_currency], {"shop.order.placed.v3": object}) == {
        "shop.order.placed.v1": ("shop.order.placed.v3", (with_currency, with_lines)),
        "shop.order.placed.v2": ("shop.order.placed.v3", (with_lines,)),
    }


def test_a_chain_ends_at_the_first_class() -> None:
    known = {"shop.order.placed.v2": object, "shop.order.placed.v4": object}
    assert chains([with_currency, careless], known) == {
        "shop.order.placed.v1": ("shop.order.placed.v2", (with_currency,)),
        "shop.order.placed.v3": ("shop.order.placed.v4", (careless,)),
    }


def test_two_upcasters_of_one_version_are_refused() -> None:
    with pytest.raises(DefinitionError, match=r"^two upcasters start from shop.order.placed.v1: remove one$"):
        chains([with_currency, with_currency], {"shop.order.placed.v2": object})


def test_an_upcaster_beside_a_class_is_refused() -> None:
    known = {"shop.order.placed.v1": object, "shop.order.placed.v2": object}
    with pytest.raises(DefinitionError, match=r"^shop.order.placed.v1 has both a class and an upcaster: remove one$"):
        chains([with_currency], known)


def test_a_chain_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        chains([with_currency, with_lines], {})
    assert caught.value.problem == (
        "the upcaster of shop.order.placed.v1 leads to shop.order.placed.v3, which has neither a class nor an upcaster"
    )


def test_what_an_upcaster_trips_over_is_said_without_the_data() -> None:
    with pytest.raises(SerializationError) as caught:
        careless({"hunter2": 1})
    assert caught.value.rule == f"could not be lifted by {__name__}.careless (KeyError)"
    assert caught.value.__context__ is None


def test_an_upcaster_must_return_a_dict() -> None:
    nothing: Any = None
    broken = upcasts("shop.order.placed", 1)(lambda fields: nothing)
    with pytest.raises(SerializationError, match=r"<lambda> \(not a dict\)$"):
        broken({})
