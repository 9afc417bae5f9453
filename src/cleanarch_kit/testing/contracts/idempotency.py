"""What every `IdempotencyStore` promises, as tests."""

import asyncio
from abc import ABC
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import pytest

from cleanarch_kit.application.ports.idempotency import IdempotencyClaim, IdempotencyStore
from cleanarch_kit.errors import IdempotencyConflictError

__all__ = ["IdempotencyStoreContract", "OpenStore"]

OpenStore = Callable[[], AbstractAsyncContextManager[IdempotencyStore]]
"""Opens the store under test for one request: leaving commits, leaving with an exception takes everything back."""


class _BrokenError(Exception):
    """What a handler raises."""


async def _handle(open_store: OpenStore, key: str, result: bytes) -> bytes:
    """Handle a request once, as the middleware does."""
    async with open_store() as store:
        claim = await store.claim(key)
        if claim.result is not None:
            return claim.result
        await asyncio.sleep(0)
        await claim.complete(result)
        return result


async def _once_free(store: IdempotencyStore, key: str) -> IdempotencyClaim:
    """Claim a key as soon as it can be."""
    while True:
        try:
            return await store.claim(key)
        except IdempotencyConflictError:
            await asyncio.sleep(0.02)


class IdempotencyStoreContract(ABC):
    """Tests for a store of idempotent requests.

    Derive a test class from it and give it a fixture ``subject`` with what opens your store:

        class TestMyStore(IdempotencyStoreContract):
            @pytest.fixture
            def subject(self) -> OpenStore:
                return MyUnitOfWorkWithStore

    They need pytest-asyncio in its automatic mode.

    Attributes:
        transactional: whether a claim and its result are taken back with the transaction they were made in. A store
            that is not is told by `release`.
    """

    transactional: bool = False

    @pytest.fixture
    def hasty(self) -> "OpenStore | AsyncIterator[OpenStore] | None":
        """What opens the store with claims that end by themselves after 0.2 seconds; None where a transaction does it.

        To be overridden by a store that is not transactional.
        """
        return None

    @pytest.fixture
    def subject(self) -> "OpenStore | AsyncIterator[OpenStore]":
        """What opens the store under test. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture 'subject' that opens the store")

    async def test_a_request_has_one_result(self, subject: OpenStore) -> None:
        key = uuid4().hex
        assert [await _handle(subject, key, result) for result in (b"1", b"2", b"3")] == [b"1"] * 3

    async def test_requests_are_told_apart(self, subject: OpenStore) -> None:
        key = uuid4().hex
        keys = [f"Order:{key}", f"order:{key}", f"Order:{key}0", "x" * 165]
        for number, each in enumerate(keys):
            assert await _handle(subject, each, str(number).encode()) == str(number).encode()

    @pytest.mark.parametrize("result", [b"null", bytes(range(256)), b"x" * 200_000], ids=["null", "bytes", "large"])
    async def test_a_result_comes_back_as_it_was(self, subject: OpenStore, result: bytes) -> None:
        key = uuid4().hex
        await _handle(subject, key, result)
        assert await _handle(subject, key, b"other") == result

    async def test_a_request_that_failed_may_be_handled_again(self, subject: OpenStore) -> None:
        key = uuid4().hex
        with pytest.raises(_BrokenError):
            async with subject() as store:
                claim = await store.claim(key)
                assert claim.result is None
                if not self.transactional:
                    await claim.release()
                raise _BrokenError
        assert await _handle(subject, key, b"1") == b"1"

    async def test_a_result_is_kept_if_what_it_belongs_to_is(self, subject: OpenStore) -> None:
        """In a transaction that was taken back it is lost; after the commit it stays, whatever comes then."""
        key = uuid4().hex
        with pytest.raises(_BrokenError):
            async with subject() as store:
                await (await store.claim(key)).complete(b"first")
                raise _BrokenError
        assert await _handle(subject, key, b"second") == (b"second" if self.transactional else b"first")

    async def test_while_one_handles_a_request_nobody_else_does(self, subject: OpenStore) -> None:
        key = uuid4().hex
        claimed = asyncio.Event()

        async def later() -> bytes:
            await claimed.wait()
            return await _handle(subject, key, b"2")

        second = asyncio.create_task(later())  # begun out here, so that it does not find itself in the transaction
        async with subject() as store:
            claim = await store.claim(key)
            claimed.set()
            done, _ = await asyncio.wait([second], timeout=0.1)
            if done:  # it was refused
                with pytest.raises(IdempotencyConflictError):
                    await second
            await claim.complete(b"1")
        if not done:  # it waited
            assert await second == b"1"
        assert await _handle(subject, key, b"3") == b"1"

    async def test_of_many_at_once_one_handles_the_request(self, subject: OpenStore) -> None:
        key = uuid4().hex
        answers = await asyncio.gather(
            *(_handle(subject, key, str(number).encode()) for number in range(8)), return_exceptions=True
        )
        results = {answer for answer in answers if isinstance(answer, bytes)}
        refused = [answer for answer in answers if not isinstance(answer, bytes)]
        assert len(results) == 1
        assert all(isinstance(answer, IdempotencyConflictError) for answer in refused)
        assert await _handle(subject, key, b"late") in results

    async def test_a_claim_is_not_granted_again_to_its_own_holder(self, subject: OpenStore) -> None:
        key = uuid4().hex
        async with subject() as store:
            claim = await store.claim(key)
            with pytest.raises(IdempotencyConflictError):
                await store.claim(key)
            await claim.complete(b"1")
            assert (await store.claim(key)).result == b"1"

    async def test_a_claim_that_was_left_alone_ends_and_its_holder_overwrites_nothing(
        self, subject: OpenStore, hasty: OpenStore | None
    ) -> None:
        if hasty is None:
            pytest.skip(f"{type(self).__name__} has claims that end with a transaction")
        key = uuid4().hex
        async with hasty() as store:
            late = await store.claim(key)
        async with subject() as store, asyncio.timeout(30):
            claim = await _once_free(store, key)
            with pytest.raises(IdempotencyConflictError):
                await late.complete(b"too late")
            await late.release()
            with pytest.raises(IdempotencyConflictError):
                await store.claim(key)
            await claim.complete(b"1")
            with pytest.raises(IdempotencyConflictError):
                await late.complete(b"far too late")
            await late.release()
        assert await _handle(subject, key, b"2") == b"1"

    async def test_a_result_is_kept_where_the_claim_had_ended_and_nobody_took_it(
        self, subject: OpenStore, hasty: OpenStore | None
    ) -> None:
        if hasty is None:
            pytest.skip(f"{type(self).__name__} has claims that end with a transaction")
        key = uuid4().hex
        async with hasty() as store, asyncio.timeout(30):
            late = await store.claim(key)
            await (await _once_free(store, key)).release()
            await late.complete(b"1")
        assert await _handle(subject, key, b"2") == b"1"
