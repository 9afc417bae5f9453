"""An exception keeps what it was, gains one note, and loses the frames that say nothing."""

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cleanarch_kit.application.dispatch.tracebacks import noted, passed_on, without_frames, without_frames_of


def fail() -> None:
    raise ValueError("broken")


def through(call: Callable[[], None], frames: int) -> None:
    try:
        call()
    except ValueError as error:
        without_frames(error, frames)
        raise


def names(call: Callable[[], None]) -> list[str]:
    with pytest.raises(ValueError, match="broken") as caught:
        call()
    return [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][1:]  # without this one


def test_a_note_is_added_once() -> None:
    error = ValueError()

    noted(error, "while handling")
    noted(error, "while handling")
    noted(error, "while sending")

    assert error.__notes__ == ["while handling", "while sending"]


def test_an_exception_that_takes_no_note_passes_without() -> None:
    @dataclass(frozen=True)
    class FrozenError(Exception):
        reason: str

    error = FrozenError("broken")
    passed_on(error, "while handling")

    assert not hasattr(error, "__notes__")


def test_the_frame_that_caught_an_exception_is_not_in_its_traceback() -> None:
    assert names(lambda: through(fail, 0)) == ["<lambda>", "through", "fail"]
    assert names(lambda: through(fail, 1)) == ["<lambda>", "fail"]
    assert names(lambda: through(lambda: through(fail, 0), 2)) == ["<lambda>", "through", "fail"]


def test_who_raised_it_is_always_in_its_traceback() -> None:
    def raising() -> None:
        try:
            raise ValueError("broken")
        except ValueError as error:
            without_frames(error, 5)
            raise

    assert names(raising) == ["raising"]
    assert names(lambda: through(fail, 9)) == ["<lambda>", "fail"]


def test_the_frames_of_modules_can_be_left_out_up_to_the_first_of_others() -> None:
    def leaving_out(call: Callable[[], None], *modules: str) -> None:
        try:
            call()
        except ValueError as error:
            without_frames_of(error, *modules)
            raise

    def loads() -> None:
        json.loads("{}", object_hook=lambda _: fail())

    def dumps() -> None:
        json.dumps(object(), default=lambda _: loads())

    here = __name__
    assert names(lambda: leaving_out(dumps, here[:-1])) == ["<lambda>", "leaving_out", "dumps", *names(dumps)[1:]]
    assert names(lambda: leaving_out(dumps, here))[:2] == ["<lambda>", "dumps"]  # of json, which is another module
    assert names(lambda: leaving_out(dumps, here, "json")) == ["<lambda>", "fail"]


def test_an_exception_without_a_traceback_has_none_afterwards() -> None:
    error = ValueError()
    without_frames(error, 1)
    assert error.__traceback__ is None


def test_whoever_passes_it_on_leaves_a_note_and_no_frame() -> None:
    def passing() -> None:
        try:
            fail()
        except ValueError as error:
            passed_on(error, "while handling")
            raise

    with pytest.raises(ValueError, match="broken") as caught:
        passing()
    assert caught.value.__notes__ == ["while handling"]
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][1:] == ["fail"]


def test_what_is_no_exception_gets_no_note() -> None:
    error = KeyboardInterrupt()
    passed_on(error, "while handling")
    assert not hasattr(error, "__notes__")
