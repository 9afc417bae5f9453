from typing import TypeVar

from cleanarch_kit.application import Message, Next
from cleanarch_kit.errors import DuplicateError
from users.application.interfaces.user_repository import UNIQUE_EMAIL
from users.domain.exceptions.user_errors import EmailTakenError

__all__ = ["refuse_taken_email"]

ResultT = TypeVar("ResultT")


async def refuse_taken_email(message: Message[ResultT], proceed: Next[ResultT], /) -> ResultT:
    """Say in the domain's words that the unique key refused an e-mail address.

    A middleware around the unit of work, because the store speaks up when the user is written, which is as late as
    the commit. Asking beforehand whether the address is free would prove nothing: two may ask at once.
    """
    try:
        return await proceed(message)
    except DuplicateError as error:
        if error.constraint != UNIQUE_EMAIL:
            raise
        raise EmailTakenError from None
