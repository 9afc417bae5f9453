from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository
from cleanarch_kit.application import SortFields
from cleanarch_kit.domain import Email
from users.application.interfaces.user_repository import UserRepository
from users.domain.entities.user import User
from users.domain.value_objects.user_id import UserId
from users.infrastructure.database.tables import users

__all__ = ["SqlUserRepository"]


class SqlUserRepository(SqlAlchemyRepository[User, UserId], UserRepository):
    """Users in the table `users`; the mapping follows from the names."""

    table = users
    sort_fields: SortFields[User] = {
        "name": lambda user: user.name,
        "email": lambda user: user.email,
        "created": lambda user: user.created_at,
    }

    async def get_by_email(self, email: Email) -> User | None:
        """The user with this e-mail address, or None."""
        return await self.first(lambda user: user.email == email)
