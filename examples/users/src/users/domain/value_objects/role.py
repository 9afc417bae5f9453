from enum import StrEnum

__all__ = ["Role"]


class Role(StrEnum):
    """What a user may do."""

    USER = "user"
    MODERATOR = "moderator"
    ADMIN = "admin"
