"""Which exceptions say no, and which say that something is broken."""

from cleanarch_kit.errors import AccessDeniedError, DomainError, InputError, NotFoundError

__all__ = ["is_refusal"]

_REFUSALS = (DomainError, InputError, NotFoundError, AccessDeniedError)


def is_refusal(error: BaseException) -> bool:
    """Tell whether a message was refused, by a rule of the domain, its input or its policy, and not failed."""
    return isinstance(error, _REFUSALS)
