import asyncio

import pytest

from cleanarch_kit.adapters.memory.locks import LockTable
from cleanarch_kit.errors import TransientError


class Owner:
    """Told apart by being another object."""


@pytest.fixture
def locks() -> LockTable:
    return LockTable()


async def test_a_key_has_one_owner_at_a_time(locks: LockTable) -> None:
    first, second = Owner(), Owner()
    await locks.acquire("key", first)
    await locks.acquire("key", first)
    assert locks.owner_of("key") is first
    waiting = asyncio.create_task(locks.acquire("key", second))
    await asyncio.sleep(0)
    assert not waiting.done()
    locks.release(["key", "never taken"])
    await waiting
    assert locks.owner_of("key") is second
    assert locks.owner_of("another") is None


async def test_those_who_wait_are_served_in_order(locks: LockTable) -> None:
    owners = [Owner() for _ in range(5)]
    served: list[Owner] = []

    async def take(owner: Owner) -> None:
        await locks.acquire("key", owner)
        served.append(owner)
        locks.release(["key"])

    await locks.acquire("key", owners[0])
    tasks = [asyncio.create_task(take(owner)) for owner in owners[1:]]
    await asyncio.sleep(0)
    locks.release(["key"])
    await asyncio.gather(*tasks)
    assert served == owners[1:]


async def test_who_gives_up_waiting_stands_in_nobodys_way(locks: LockTable) -> None:
    first, second, third = Owner(), Owner(), Owner()
    await locks.acquire("key", first)
    gives_up = asyncio.create_task(locks.acquire("key", second))
    waits = asyncio.create_task(locks.acquire("key", third))
    await asyncio.sleep(0)
    gives_up.cancel()
    await asyncio.gather(gives_up, return_exceptions=True)
    locks.release(["key"])
    await waits
    assert locks.owner_of("key") is third


@pytest.mark.parametrize("length", [2, 3, 5])
async def test_a_circle_is_refused_to_the_one_who_closes_it(locks: LockTable, length: int) -> None:
    owners = [Owner() for _ in range(length)]
    for number, owner in enumerate(owners):
        await locks.acquire(number, owner)
    waiting = [asyncio.create_task(locks.acquire(number + 1, owners[number])) for number in range(length - 1)]
    await asyncio.sleep(0)
    with pytest.raises(TransientError, match="deadlock"):
        await locks.acquire(0, owners[-1])
    locks.release([length - 1])
    await waiting[-1]
    locks.release(range(length))
    await asyncio.gather(*waiting)


async def test_a_long_wait_without_a_circle_is_no_deadlock(locks: LockTable) -> None:
    first, second, third = Owner(), Owner(), Owner()
    await locks.acquire("a", first)
    await locks.acquire("b", second)
    waits_for_first = asyncio.create_task(locks.acquire("a", second))
    waits_for_second = asyncio.create_task(locks.acquire("b", third))
    await asyncio.sleep(0)
    locks.release(["a"])
    await waits_for_first
    locks.release(["a", "b"])
    await waits_for_second
