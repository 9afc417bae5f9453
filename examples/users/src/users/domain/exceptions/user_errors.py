from cleanarch_kit.errors import DomainError

__all__ = ["EmailTakenError", "InactiveUserError"]


class EmailTakenError(DomainError):
    """Another user has this e-mail address. Which address, the caller knows; the log need not."""

    def __str__(self) -> str:
        return "this e-mail address is registered already"


class InactiveUserError(DomainError):
    """A deactivated user cannot be given a role."""

    def __str__(self) -> str:
        return "this user is deactivated: activate the user first"
