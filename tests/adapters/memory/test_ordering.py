from itertools import product

import pytest

from cleanarch_kit.adapters.memory.ordering import position
from cleanarch_kit.domain.criteria import Field, OrderKey


def key(*, descending: bool, nulls_first: bool) -> OrderKey:
    return OrderKey(Field(("x",)), descending, nulls_first)


@pytest.mark.parametrize(
    ("descending", "nulls_first", "expected"),
    [
        (False, False, [1, 2, 3, None]),
        (True, False, [3, 2, 1, None]),
        (False, True, [None, 1, 2, 3]),
        (True, True, [None, 3, 2, 1]),
    ],
)
def test_values_and_none_stand_where_the_key_wants_them(
    descending: bool, nulls_first: bool, expected: list[int | None]
) -> None:
    keys = [key(descending=descending, nulls_first=nulls_first)]
    assert sorted([2, None, 3, 1], key=lambda value: position(keys, [value])) == expected


def test_later_keys_decide_ties_each_in_its_own_direction() -> None:
    keys = [key(descending=True, nulls_first=False), key(descending=False, nulls_first=True)]
    values = [None, 1, 2]
    ordered = sorted(product(values, values), key=lambda pair: position(keys, pair))
    assert ordered == [(2, None), (2, 1), (2, 2), (1, None), (1, 1), (1, 2), (None, None), (None, 1), (None, 2)]


def test_equal_values_have_one_place() -> None:
    for descending in (False, True):
        keys = [key(descending=descending, nulls_first=False)]
        assert position(keys, ["a"]) == position(keys, ["a"])
        assert position(keys, ["a"]) != position(keys, ["b"])
        assert position(keys, [None]) == position(keys, [None])
    assert position([key(descending=True, nulls_first=False)], ["a"]) != position(
        [key(descending=False, nulls_first=False)], ["a"]
    )


def test_values_that_have_no_order_are_refused() -> None:
    keys = [key(descending=True, nulls_first=False)]
    with pytest.raises(TypeError):
        sorted([1, "a"], key=lambda value: position(keys, [value]))
