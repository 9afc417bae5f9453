from typing import Annotated

from fastapi import Depends

from cleanarch_kit.adapters.fastapi import get_bus
from cleanarch_kit.application import MessageBus
from users.application.services.user_service import UserService

__all__ = ["UserServiceDep", "get_user_service"]


def get_user_service(bus: Annotated[MessageBus, Depends(get_bus)]) -> UserService:
    """The use cases. Each of them has committed when it returns, which is before the response is sent."""
    return UserService(bus, bus)


UserServiceDep = Annotated[UserService, Depends(get_user_service)]
