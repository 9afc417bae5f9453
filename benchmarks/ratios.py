"""Measure contenders against each other, as ratios, so that a figure means the same on every machine.

All contenders of a table run interleaved, batch by batch, in one process and on one event loop. What is compared is
the best batch of each: the noise of a machine only ever adds.
"""

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Operation = Callable[[], Awaitable[object]]

BATCH_SECONDS = 0.004


@dataclass(frozen=True, slots=True)
class Row:
    """How one contender did: its best batch over the best of the baseline, and the quartiles round by round."""

    name: str
    ratio: float
    low: float
    high: float


async def _seconds(operation: Operation, times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        await operation()
    return time.process_time() - start


async def _batch_size(operation: Operation) -> int:
    times = 1
    while (seconds := await _seconds(operation, times)) < BATCH_SECONDS / 2:
        times *= 2
    return max(1, round(times * BATCH_SECONDS / seconds))


async def compare(contenders: Mapping[str, Operation], *, rounds: int = 60) -> list[Row]:
    """Run every contender in every round and give back one row each; the first is the baseline."""
    sizes = {name: await _batch_size(operation) for name, operation in contenders.items()}
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, operation in contenders.items():
                samples[name].append(await _seconds(operation, sizes[name]) / sizes[name])
    finally:
        gc.enable()
    baseline = next(iter(samples.values()))
    rows: list[Row] = []
    for name, seconds in samples.items():
        ratios = [one / base for one, base in zip(seconds, baseline, strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4)
        rows.append(Row(name, min(seconds) / min(baseline), low, high))
    return rows


async def table(title: str, contenders: Mapping[str, Operation], *, rounds: int = 60) -> None:
    """Compare, and print a table."""
    print(title)
    for row in await compare(contenders, rounds=rounds):
        print(f"  {row.name:<44} {row.ratio:7.2f}x   ({row.low:.2f} to {row.high:.2f})", flush=True)
    print()
