from cleanarch_kit.application import PasswordHasher
from cleanarch_kit.domain import Secret


class ReversingHasher:
    """What a test of a use case may use in the place of a slow one."""

    async def hash(self, password: Secret | str) -> str:
        return (password.reveal() if isinstance(password, Secret) else password)[::-1]

    async def verify(self, password: Secret | str, hashed: str) -> bool:
        return await self.hash(password) == hashed


async def test_whatever_has_the_two_methods_is_a_hasher() -> None:
    hasher: PasswordHasher = ReversingHasher()
    assert await hasher.hash(Secret("abc")) == "cba"
    assert await hasher.verify("abc", "cba")
