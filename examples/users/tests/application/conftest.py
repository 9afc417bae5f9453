from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from cleanarch_kit.adapters.memory import (
    InMemoryCacheBackend,
    InMemoryEventPublisher,
    InMemoryRepository,
    InMemoryStore,
    InMemoryUnitOfWork,
    UniqueKeys,
)
from cleanarch_kit.application import (
    Cache,
    MessageBus,
    PasswordHasher,
    Resolve,
    SortFields,
    UnitOfWork,
    only,
    provide,
)
from cleanarch_kit.domain import Clock, DomainEvent, Email, Secret
from users.application.commands import activate_user, change_role, deactivate_user, register_user
from users.application.commands.register_user import RegisterUser
from users.application.interfaces.user_repository import UNIQUE_EMAIL, UserRepository
from users.application.queries import get_profile, list_users
from users.application.services.unique_email import refuse_taken_email
from users.application.services.user_service import UserService
from users.domain.entities.user import User
from users.domain.value_objects.user_id import UserId


class InMemoryUsers(InMemoryRepository[User, UserId], UserRepository):
    """The port over the in-memory adapter, which passes the same contract as the real one."""

    unique: UniqueKeys[User] = {UNIQUE_EMAIL: lambda user: user.email}
    sort_fields: SortFields[User] = {
        "name": lambda user: user.name,
        "email": lambda user: user.email,
        "created": lambda user: user.created_at,
    }

    async def get_by_email(self, email: Email) -> User | None:
        return await self.first(lambda user: user.email == email)


class ReversingHasher:
    """Shows that a password was hashed, without taking its time."""

    async def hash(self, password: Secret | str) -> str:
        return (password.reveal() if isinstance(password, Secret) else password)[::-1]

    async def verify(self, password: Secret | str, hashed: str) -> bool:
        return await self.hash(password) == hashed


@dataclass
class TickingClock:
    """A minute passes with each look at it."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(minutes=1)
        return self.time


@dataclass
class World:
    """The use cases over in-memory adapters, and what a test wants to see of them."""

    store: InMemoryStore = field(default_factory=InMemoryStore)
    events: list[DomainEvent] = field(default_factory=list[DomainEvent])
    clock: TickingClock = field(default_factory=TickingClock)

    def __post_init__(self) -> None:
        self.cache = Cache(InMemoryCacheBackend(), namespace="test")
        self.publisher = InMemoryEventPublisher()
        self.publisher.subscribe(DomainEvent, self._note)
        self.bus = MessageBus(
            [register_user, activate_user, deactivate_user, change_role, get_profile, list_users],
            middleware=[only(RegisterUser, refuse_taken_email)],
            scope=self.scope,
            query_scope=lambda: self.scope(read_only=True),
        )
        self.service = UserService(self.bus, self.bus)

    async def _note(self, event: DomainEvent) -> None:
        self.events.append(event)

    def open_unit(self, *, read_only: bool = False) -> InMemoryUnitOfWork:
        return InMemoryUnitOfWork(self.store, publisher=self.publisher, cache=self.cache, read_only=read_only)

    def scope(self, *, read_only: bool = False) -> AbstractAsyncContextManager[Resolve]:
        return self._opened(read_only)

    @asynccontextmanager
    async def _opened(self, read_only: bool) -> AsyncGenerator[Resolve]:
        async with self.open_unit(read_only=read_only) as unit:
            yield provide(
                {
                    UnitOfWork: lambda: unit,
                    UserRepository: lambda: InMemoryUsers(unit),
                    Cache: lambda: self.cache,
                    PasswordHasher: ReversingHasher,
                    Clock: lambda: self.clock,
                }
            )

    async def stored(self, user_id: UserId) -> User:
        """A user as the store has it, past bus and cache."""
        async with self.open_unit(read_only=True) as unit:
            return await InMemoryUsers(unit).get(user_id)


@pytest.fixture
def world() -> World:
    return World()
