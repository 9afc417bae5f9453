"""Drivers' errors as ours, around a block of statements."""

from collections.abc import Generator
from contextlib import contextmanager

from cleanarch_kit.adapters.sqlalchemy.driver_errors import translate

__all__ = ["translated"]


@contextmanager
def translated() -> Generator[None]:
    """A block that raises a driver's error as one of ours, without its text in the traceback."""
    try:
        yield
    except Exception as error:
        ours = translate(error)
        if ours is None:
            raise
        raise ours from None
