"""READ COMMITTED, as small as it can be."""

import asyncio

import pytest

from cleanarch_kit.adapters.memory import InMemoryStore
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.errors import TransientError, UnitOfWorkStateError


@pytest.fixture
def store() -> InMemoryStore:
    store = InMemoryStore()
    store.tables["t"] = {1: "one", 2: "two"}
    return store


async def begun(store: InMemoryStore) -> InMemoryTransaction:
    transaction = InMemoryTransaction(store)
    await transaction.begin()
    return transaction


async def test_it_sees_what_is_committed_and_its_own_changes(store: InMemoryStore) -> None:
    transaction = await begun(store)
    assert transaction.connection is transaction
    transaction.put("t", 1, None)
    transaction.put("t", 3, "three")
    store.tables["t"][2] = "two, changed by somebody"
    assert (transaction.read("t", 1), transaction.read("t", 2), transaction.read("t", 3)) == (
        None,
        "two, changed by somebody",
        "three",
    )
    assert dict(transaction.items("t")) == {2: "two, changed by somebody", 3: "three"}
    assert store.tables["t"] == {1: "one", 2: "two, changed by somebody"}
    await transaction.commit()
    await transaction.close()
    assert store.tables["t"] == {2: "two, changed by somebody", 3: "three"}


async def test_a_rollback_leaves_nothing(store: InMemoryStore) -> None:
    transaction = await begun(store)
    transaction.put("t", 1, "changed")
    transaction.put("new", 1, "added")
    await transaction.rollback()
    await transaction.commit()
    await transaction.close()
    assert store.tables == {"t": {1: "one", 2: "two"}}


async def test_what_was_never_there_can_be_deleted(store: InMemoryStore) -> None:
    transaction = await begun(store)
    transaction.put("t", 9, None)
    await transaction.commit()
    assert store.tables["t"] == {1: "one", 2: "two"}


async def test_a_savepoint_undoes_writes_and_releases_locks(store: InMemoryStore) -> None:
    transaction = await begun(store)
    transaction.put("t", 1, "before")
    await transaction.lock("t", 1)
    savepoint = await transaction.savepoint()
    await transaction.lock("t", 2)
    for value in ("inside", "inside again", None):
        transaction.put("t", 1, value)
        transaction.put("t", 2, value)
    await savepoint.rollback()
    assert (transaction.read("t", 1), transaction.read("t", 2)) == ("before", "two")
    assert store.locks.owner_of(("t", 1)) is transaction
    assert store.locks.owner_of(("t", 2)) is None
    kept = await transaction.savepoint()
    transaction.put("t", 2, "kept")
    await kept.commit()
    assert transaction.read("t", 2) == "kept"


async def test_a_lock_is_held_to_the_end(store: InMemoryStore) -> None:
    async def other() -> InMemoryTransaction:
        return await begun(store)

    mine, theirs = await begun(store), await asyncio.create_task(other())
    await mine.lock("t", 1)
    await mine.lock("t", 1)
    assert theirs.locked_elsewhere("t", 1)
    assert not mine.locked_elsewhere("t", 1)
    assert not theirs.locked_elsewhere("t", 2)
    waiting = asyncio.create_task(theirs.lock("t", 1))
    for _ in range(3):
        await asyncio.sleep(0)
    await mine.commit()
    assert not waiting.done()
    await mine.close()
    await waiting
    await theirs.lock("t", 2)
    with pytest.raises(TransientError):
        third = await asyncio.create_task(other())
        await third.lock("t", 3)
        deadlocked = asyncio.create_task(theirs.lock("t", 3))
        await asyncio.sleep(0)
        try:
            await third.lock("t", 2)
        finally:
            await third.close()
            await deadlocked


async def test_a_task_does_not_wait_for_itself(store: InMemoryStore) -> None:
    outer, inner = await begun(store), await begun(store)
    await outer.lock("t", 1)
    with pytest.raises(UnitOfWorkStateError) as caught:
        await inner.lock("t", 1)
    assert str(caught.value) == (
        "this unit of work would wait for itself: another one of the same task is still open and has changed or locked"
        " the same row; leave its block first"
    )
