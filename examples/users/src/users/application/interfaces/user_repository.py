from abc import abstractmethod
from typing import Final

from cleanarch_kit.application import SearchableRepository
from cleanarch_kit.domain import Email
from users.domain.entities.user import User
from users.domain.value_objects.user_id import UserId

__all__ = ["UNIQUE_EMAIL", "UserRepository"]

UNIQUE_EMAIL: Final = "uq_users_email"
"""Name of the unique key by which every store keeps e-mail addresses apart."""


class UserRepository(SearchableRepository[User, UserId]):
    """All users.

    An adapter declares the unique key `UNIQUE_EMAIL` over the e-mail address, and the sort fields ``name``,
    ``email`` and ``created``.
    """

    @abstractmethod
    async def get_by_email(self, email: Email) -> User | None:
        """The user with this e-mail address, or None."""
