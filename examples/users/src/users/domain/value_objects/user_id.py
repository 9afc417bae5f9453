from cleanarch_kit.domain import EntityId

__all__ = ["UserId"]


class UserId(EntityId):
    """Identity of a user."""
