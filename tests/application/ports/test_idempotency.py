"""What the port asks for is enough for a store of one's own."""

from cleanarch_kit.application import IdempotencyClaim, IdempotencyStore


async def test_an_object_with_claim_is_a_store() -> None:
    class Claim:
        result: bytes | None = None

        async def complete(self, result: bytes, /) -> None:
            self.result = result

        async def release(self) -> None:
            self.result = None

    class OneClaim:
        def __init__(self) -> None:
            self._claim = Claim()

        async def claim(self, key: str, /) -> IdempotencyClaim:
            return self._claim

    store: IdempotencyStore = OneClaim()
    await (await store.claim("a")).complete(b"1")
    assert (await store.claim("a")).result == b"1"
    await (await store.claim("a")).release()
    assert (await store.claim("a")).result is None
