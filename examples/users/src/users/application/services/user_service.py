from cleanarch_kit.application import CommandBus, Page, QueryBus
from cleanarch_kit.domain import Email
from users.application.commands.activate_user import ActivateUser
from users.application.commands.change_role import ChangeRole
from users.application.commands.deactivate_user import DeactivateUser
from users.application.commands.register_user import RegisterUser
from users.application.queries.get_profile import GetProfile
from users.application.queries.list_users import ListUsers
from users.application.queries.user_profile import UserProfile
from users.domain.value_objects.password import Password
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_id import UserId
from users.domain.value_objects.user_name import UserName

__all__ = ["UserService"]


class UserService:
    """The use cases as one object, for callers that want to see what they changed.

    Each command is committed before the profile is read, so what comes back is what everybody else sees too.
    """

    def __init__(self, commands: CommandBus, queries: QueryBus) -> None:
        self._commands = commands
        self._queries = queries

    async def register(self, email: Email, name: UserName, password: Password) -> UserProfile:
        """Make somebody a user.

        Raises:
            EmailTakenError: another user has this e-mail address.
        """
        return await self.profile(await self._commands.execute(RegisterUser(email, name, password)))

    async def activate(self, user_id: UserId) -> UserProfile:
        """Let a user use the service again."""
        await self._commands.execute(ActivateUser(user_id))
        return await self.profile(user_id)

    async def deactivate(self, user_id: UserId) -> UserProfile:
        """Keep a user from using the service."""
        await self._commands.execute(DeactivateUser(user_id))
        return await self.profile(user_id)

    async def change_role(self, user_id: UserId, role: Role) -> UserProfile:
        """Give a user another role.

        Raises:
            InactiveUserError: the user is deactivated.
        """
        await self._commands.execute(ChangeRole(user_id, role))
        return await self.profile(user_id)

    async def profile(self, user_id: UserId) -> UserProfile:
        """One user.

        Raises:
            NotFoundError: there is no such user.
        """
        return await self._queries.execute(GetProfile(user_id))

    async def list(self, query: ListUsers) -> Page[UserProfile]:
        """Users, a page at a time."""
        return await self._queries.execute(query)
