import pickle
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import cast
from uuid import RFC_4122, UUID, uuid4

import pytest

from cleanarch_kit.domain import EntityId, uuid7
from cleanarch_kit.domain.identity import Uuid7Generator
from cleanarch_kit.errors import DomainError, InvalidValueError

CANONICAL = "01890a5d-ac96-774b-bcce-b302099a8057"


class UserId(EntityId):
    """Of a user."""


class OrderId(EntityId):
    """Of an order."""


class DriversUuid(UUID):
    """As asyncpg has one."""


def increases(values: Iterable[UUID]) -> bool:
    return all(one < two for one, two in pairwise(values))


def make(count: int, generate: Callable[[], UUID] = uuid7) -> list[UUID]:
    return [generate() for _ in range(count)]


class TestUuid7:
    def test_it_is_a_uuid_of_version_7_that_holds_the_time(self) -> None:
        value = Uuid7Generator(lambda: 1_700_000_000_123_456_789)()
        assert (value.version, value.variant) == (7, RFC_4122)
        assert value.int >> 80 == 1_700_000_000_123

    def test_it_strictly_increases(self) -> None:
        assert increases([uuid7() for _ in range(20_000)])

    def test_it_strictly_increases_in_each_thread_and_never_repeats_across_them(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            runs = list(pool.map(make, [2_000] * 16))
        assert all(map(increases, runs))
        assert len({value for run in runs for value in run}) == 32_000

    def test_what_one_thread_asks_for_later_is_greater_than_what_another_got_before(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            assert increases([pool.submit(uuid7).result() for _ in range(2_000)])

    def test_it_increases_while_the_clock_stands_still_or_steps_back(self) -> None:
        ticks = iter([5_000_000, 5_000_000, 3_000_000, 0, 5_000_000, 6_000_000, 1_000_000, 7_000_000])
        generate = Uuid7Generator(lambda: next(ticks))
        values = [generate() for _ in range(8)]
        assert increases(values)
        assert [value.int >> 80 for value in values] == [5, 5, 5, 5, 5, 6, 6, 7]

    def test_it_increases_in_every_thread_while_the_clock_jumps_to_and_fro(self) -> None:
        rng = random.Random(1)  # noqa: S311 - a seed, not a secret
        generate = Uuid7Generator(lambda: rng.randint(0, 30) * 1_000_000)
        with ThreadPoolExecutor(8) as pool:
            runs = list(pool.map(make, [500] * 16, [generate] * 16))
        assert all(map(increases, runs))
        assert len({value for run in runs for value in run}) == 8_000

    def test_it_borrows_from_the_next_millisecond_when_the_counter_is_used_up(self) -> None:
        generate = Uuid7Generator(lambda: 5_000_000)
        first = generate()
        generate._counter = (1 << 42) - 2
        values = [generate() for _ in range(4)]
        assert increases([first, *values])
        assert [value.int >> 80 for value in values] == [5, 6, 6, 6]

    def test_neither_counter_nor_noise_can_be_guessed_from_the_time(self) -> None:
        values = {Uuid7Generator(lambda: 0)().int for _ in range(500)}
        assert len({value >> 62 & 0x3FFF for value in values}) > 100
        assert len({value & 0xFFFFFFFF for value in values}) > 490

    def test_a_forked_child_does_not_wait_for_a_lock_that_its_parent_held(self) -> None:
        generate = Uuid7Generator(lambda: 0)
        generate._lock.acquire()
        generate.part()
        before = generate()
        generate.part()
        assert generate().int - before.int > 1 << 32

    def test_parent_and_forked_child_never_make_the_same(self) -> None:
        done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True, timeout=60)
        made = done.stdout.split()
        assert len(made) == len(set(made)) == 2_000


FORKING = """
import os, sys
from cleanarch_kit.domain import uuid7
uuid7()
child = os.fork()
text = "\\n".join(str(uuid7()) for _ in range(1_000)) + "\\n"
if child:
    os.waitpid(child, 0)
sys.stdout.write(text)
sys.stdout.flush()
os._exit(0)
"""


class TestEntityId:
    def test_a_new_one_is_of_its_class_and_greater_than_the_one_before(self) -> None:
        first, second = UserId.new(), UserId.new()
        assert type(first) is UserId
        assert first.value.version == 7
        assert first < second
        assert second > first
        assert first <= second >= first

    def test_ids_of_different_classes_are_never_equal(self) -> None:
        value = uuid4()
        assert UserId(value) == UserId(value)
        assert UserId(value) != OrderId(value)
        assert UserId(value) != value
        assert len({UserId(value), OrderId(value), UserId(str(value))}) == 2

    def test_ids_of_different_classes_have_no_order(self) -> None:
        ids: list[EntityId] = [UserId.new(), OrderId.new()]
        with pytest.raises(TypeError, match="not supported"):
            sorted(ids)

    def test_text_is_canonical_in_either_case(self) -> None:
        assert str(UserId(CANONICAL.upper())) == CANONICAL
        assert repr(UserId(CANONICAL)) == f"UserId('{CANONICAL}')"
        assert f"{UserId(CANONICAL)}" == CANONICAL

    def test_it_survives_pickling(self) -> None:
        user_id = UserId.new()
        assert pickle.loads(pickle.dumps(user_id)) == user_id

    def test_a_pickle_needs_no_driver_where_it_is_read(self) -> None:
        user_id = UserId(DriversUuid(CANONICAL))
        read = pickle.loads(data := pickle.dumps(user_id))
        assert read == user_id == UserId(CANONICAL)
        assert type(read.value) is UUID
        assert DriversUuid.__name__.encode() not in data

    @pytest.mark.parametrize(
        "bad",
        [
            "{01890a5d-ac96-774b-bcce-b302099a8057}",
            "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5dac96774bbcceb302099a8057",
            "01890a5d-ac96-774b-bcce-b302099a805",
            "01890a5d-ac96-774b-bcce-b302099a8057\n",
            " 01890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5d-ac96-774b-bcce-b302099a80_7",
            "0189\u0660a5d-ac96-774b-bcce-b302099a8057",
            "g1890a5d-ac96-774b-bcce-b302099a8057",
            "",
            "\0" * 36,
            "\ud800" * 36,
            "x" * 1_000_000,
            b"01890a5d-ac96-774b-bcce-b302099a8057",
            5,
            None,
            True,
            float("nan"),
            object(),
        ],
    )
    def test_anything_else_is_refused(self, bad: object) -> None:
        with pytest.raises(InvalidValueError) as caught:
            UserId(cast("str", bad))
        assert isinstance(caught.value, DomainError)
        assert isinstance(caught.value, ValueError)
        assert re.fullmatch("UserId must be a UUID in its canonical form, such as [0-9a-f-]{36}", str(caught.value))
