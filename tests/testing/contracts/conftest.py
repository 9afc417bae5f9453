import inspect
from collections.abc import Awaitable, Callable

import pytest

from cleanarch_kit.testing.contracts.subject import Contract

FailuresOf = Callable[[Contract, Callable[[], object]], Awaitable[set[str]]]


@pytest.fixture
def failures_of() -> FailuresOf:
    """Runs every test of a contract against an adapter, and gives the names of those that fail."""

    async def failures(contract: Contract, make_subject: Callable[[], object]) -> set[str]:
        failed: set[str] = set()
        for name, test in inspect.getmembers(contract, inspect.iscoroutinefunction):
            if name.startswith("test_"):
                try:
                    await test(make_subject())
                except (Exception, pytest.fail.Exception):
                    failed.add(name)
        return failed

    return failures
