"""What an exception carries on its way to the caller: a note that names the handler, and no frame of the bus."""

from contextlib import suppress

__all__ = ["noted", "passed_on", "without_frames", "without_frames_of"]


def noted(error: BaseException, note: str) -> None:
    """Add a note to an exception, once: one object that is raised again and again does not collect them.

    An exception that refuses it, such as a frozen dataclass, passes without.
    """
    if note not in getattr(error, "__notes__", ()):
        with suppress(AttributeError, TypeError):
            error.add_note(note)


def without_frames(error: BaseException, count: int) -> None:
    """Take the outermost frames out of an exception's traceback, but for what leads to none.

    To be called where the exception was caught, before a bare ``raise``, which adds nothing to the traceback: so the
    frame of whoever catches it here is gone when it arrives further out. An exception that was raised by one of these
    frames itself keeps it.
    """
    traceback = error.__traceback__
    while count and traceback is not None and traceback.tb_next is not None:
        traceback, count = traceback.tb_next, count - 1
    error.with_traceback(traceback)


def without_frames_of(error: BaseException, *modules: str) -> None:
    """Take the outermost frames that belong to modules, or to modules below them, out of a traceback.

    As with `without_frames`, who raised the exception stays in it.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        home = f"{traceback.tb_frame.f_globals.get('__name__')}."
        if not any(home.startswith(f"{module}.") for module in modules):
            break
        traceback = traceback.tb_next
    error.with_traceback(traceback)


def passed_on(error: BaseException, note: str) -> None:
    """Note who handled the message, and leave the frame that caught the exception out of its traceback.

    Cancellation, and whatever else is no `Exception`, gets no note.
    """
    if isinstance(error, Exception):
        noted(error, note)
    without_frames(error, 1)
