"""One claim's way to the sink: a batch where that works, one by one where it does not."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from cleanarch_kit.application.ports.event_sink import EventSink
from cleanarch_kit.application.ports.outbox import OutboxEntry

__all__ = ["LONGEST", "Outcome", "deliver"]

LONGEST = 3
"""How many timeouts of a single send a delivery takes at most."""

_PROBES = 2


@dataclass(slots=True)
class Outcome:
    """What a delivery came to. Entries in neither list were not tried, or must wait behind one that failed.

    Attributes:
        published: confirmed by the sink.
        failed: sent alone and not confirmed, with the error.
    """

    published: list[OutboxEntry] = field(default_factory=list[OutboxEntry])
    failed: list[tuple[OutboxEntry, Exception]] = field(default_factory=list[tuple[OutboxEntry, Exception]])


async def deliver(entries: Sequence[OutboxEntry], sink: EventSink, timeout: float) -> Outcome:  # noqa: ASYNC109 - of each send, not of the whole
    """Send entries in an order that keeps the order of each subject.

    Entries of subjects without an earlier failure go as one batch. If that fails, nobody knows which of them is at
    fault, so they go one by one, and so do all others: an entry is only held to have failed if it failed alone, and
    what follows it in its subject is then left alone. If the first ones fail and none gets through, the fault is
    more likely the sink's, and the rest is left for later.

    Args:
        entries: by position; of each subject the oldest ones.
        sink: where to.
        timeout: seconds that one call of the sink may take; the whole delivery takes `LONGEST` times that at most.
    """
    fresh, suspects = _split(entries)
    outcome = Outcome()
    if len(fresh) > 1 and await _send(fresh, sink, timeout) is None:
        outcome.published += fresh
        fresh = []
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout
    blocked: set[str] = set()
    for entry in chain(fresh, suspects):
        if _key(entry) in blocked:
            continue
        error = await _send([entry], sink, timeout)
        if error is None:
            outcome.published.append(entry)
        else:
            outcome.failed.append((entry, error))
            blocked.add(_key(entry))
        if clock() >= deadline or (len(outcome.failed) >= _PROBES and not outcome.published):
            break
    return outcome


async def _send(entries: Sequence[OutboxEntry], sink: EventSink, timeout: float) -> Exception | None:  # noqa: ASYNC109 - as above
    try:
        async with asyncio.timeout(timeout):
            await sink.send([entry.envelope for entry in entries])
    except Exception as error:
        return error
    return None


def _split(entries: Sequence[OutboxEntry]) -> tuple[list[OutboxEntry], list[OutboxEntry]]:
    """Entries of subjects that have only fresh entries, and those of subjects that failed before."""
    suspicious = {_key(entry) for entry in entries if entry.attempts}
    fresh = [entry for entry in entries if _key(entry) not in suspicious]
    return fresh, [entry for entry in entries if _key(entry) in suspicious]


def _key(entry: OutboxEntry) -> str:
    return entry.envelope.subject or str(entry.envelope.id)
