"""The composition root: the only place that knows which adapter fills which port.

uvicorn --factory users.main:from_environment
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from cleanarch_kit.adapters.bcrypt import BcryptPasswordHasher
from cleanarch_kit.adapters.fastapi import Problem, install
from cleanarch_kit.adapters.memory import InMemoryEventPublisher
from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyInbox,
    SqlAlchemyOutbox,
    SqlAlchemyUnitOfWork,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.application import (
    Cache,
    Correlation,
    Inbox,
    Logging,
    MessageBus,
    PasswordHasher,
    Relay,
    Resolve,
    Retry,
    UnitOfWork,
    only,
    provide,
)
from cleanarch_kit.domain import Clock, SystemClock
from cleanarch_kit.errors import ConcurrencyError, TransientError
from users.api.middleware.access_log import AccessLogMiddleware
from users.api.v1.router import router
from users.application.commands import activate_user, change_role, deactivate_user, register_user
from users.application.commands.register_user import RegisterUser
from users.application.interfaces.mailer import Mailer
from users.application.interfaces.user_repository import UserRepository
from users.application.queries import get_profile, list_users
from users.application.services import welcome
from users.application.services.unique_email import refuse_taken_email
from users.domain.exceptions.user_errors import EmailTakenError
from users.infrastructure.cache.backend import open_cache_backend
from users.infrastructure.database.tables import metadata
from users.infrastructure.database.user_repository import SqlUserRepository
from users.infrastructure.external.folder_mailer import FolderMailer
from users.infrastructure.messaging.events import events
from users.infrastructure.messaging.in_process_sink import InProcessSink
from users.shared.config import Settings
from users.shared.logging import configure_logging

__all__ = ["create_app", "from_environment"]

HANDLERS = (register_user, activate_user, deactivate_user, change_role, get_profile, list_users)
PROBLEMS = {EmailTakenError: Problem(409, "E-mail address taken", "urn:problem-type:users:email-taken")}


def from_environment() -> FastAPI:
    """The service as its environment describes it, for a server process of its own."""
    settings = Settings()
    configure_logging(settings.log_level)
    return create_app(settings)


def create_app(settings: Settings) -> FastAPI:
    """The service, ready to be served. Nothing is opened before it starts."""
    engine = create_async_engine(settings.database_url)
    sessions = session_factory(engine)
    outbox = SqlAlchemyOutbox(sessions, events)
    cache_backend = open_cache_backend()
    cache = Cache(cache_backend, namespace="users")
    passwords = BcryptPasswordHasher(settings.password_rounds)
    mailer = FolderMailer(settings.mail_folder, settings.mail_sender)

    @asynccontextmanager
    async def scope(*, read_only: bool = False) -> AsyncGenerator[Resolve]:
        async with SqlAlchemyUnitOfWork(sessions, outbox=outbox, cache=cache, read_only=read_only) as unit:
            yield provide(
                {
                    UnitOfWork: lambda: unit,
                    UserRepository: lambda: SqlUserRepository(unit),
                    Inbox: lambda: SqlAlchemyInbox(unit),
                    Cache: lambda: cache,
                    PasswordHasher: lambda: passwords,
                    Mailer: lambda: mailer,
                    Clock: SystemClock,
                }
            )

    def query_scope() -> AbstractAsyncContextManager[Resolve]:
        return scope(read_only=True)

    bus = MessageBus(
        HANDLERS,
        middleware=[
            Correlation(),
            Logging(),
            Retry(on=(TransientError, ConcurrencyError)),
            only(RegisterUser, refuse_taken_email),
        ],
        scope=scope,
        query_scope=query_scope,
    )
    relay = Relay(outbox, InProcessSink(events, InMemoryEventPublisher([welcome], scope=scope)))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        try:
            yield
        finally:
            await cache_backend.close()
            await engine.dispose()

    app = FastAPI(title="Users", lifespan=lifespan)
    app.add_middleware(AccessLogMiddleware)
    install(app, bus=bus, background=[relay], problems=PROBLEMS)
    app.include_router(router)
    return app
