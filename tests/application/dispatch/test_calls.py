"""The loose type takes whatever can be called, and nothing else."""

from cleanarch_kit.application.dispatch.calls import Call


def test_it_is_what_can_be_called() -> None:
    async def handle(message: object) -> None: ...

    calls: list[Call] = [len, str.upper, handle]

    assert [calls[0]("abc"), calls[1]("abc")] == [3, "ABC"]
