from cleanarch_kit.application import EventRegistry
from users.domain.events.user_events import UserActivated, UserDeactivated, UserRegistered, UserRoleChanged

__all__ = ["events"]

events = EventRegistry([UserRegistered, UserActivated, UserDeactivated, UserRoleChanged], source="/users")
