from dataclasses import dataclass

from cleanarch_kit.application import Cache, Query, cached, handles
from users.application.interfaces.user_repository import UserRepository
from users.application.queries.user_profile import UserProfile
from users.domain.value_objects.user_id import UserId

__all__ = ["GetProfile", "GetProfileHandler", "profile_tag"]


def profile_tag(user_id: UserId) -> str:
    """The cache tag of everything that shows this user. Whoever changes the user invalidates it."""
    return f"user:{user_id}"


@dataclass(frozen=True, slots=True)
class GetProfile(Query[UserProfile]):
    """One user's profile."""

    user_id: UserId


class GetProfileHandler:
    """Reads a profile, from the cache where it is there."""

    def __init__(self, users: UserRepository, cache: Cache) -> None:
        self._users = users
        self._cache = cache

    @handles(GetProfile)
    async def handle(self, query: GetProfile) -> UserProfile:
        """Answer the query."""
        return await self.profile(query.user_id)

    @cached("profile:{user_id}", ttl=300, tags=("user:{user_id}",))
    async def profile(self, user_id: UserId) -> UserProfile:
        """The profile, kept for five minutes or until the user changes."""
        return UserProfile.of(await self._users.get(user_id))
