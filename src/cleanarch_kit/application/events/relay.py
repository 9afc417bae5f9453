"""`Relay`: carries events from the outbox to a sink, in order and without losing any."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from cleanarch_kit.application.backoff import Backoff, full_jitter, jittered
from cleanarch_kit.application.events.delivery import LONGEST, Outcome, deliver
from cleanarch_kit.application.events.wake_up import Signal
from cleanarch_kit.application.ports.event_sink import EventSink
from cleanarch_kit.application.ports.outbox import LAST_PARTITION, Claim, FailedEntry, Outbox, OutboxEntry
from cleanarch_kit.errors import DefinitionError

__all__ = ["Relay", "RelayReport"]

_log = logging.getLogger(__name__)
_rest = full_jitter(first=1.0, longest=30.0)
_LONGEST_KIND = 200


@dataclass(frozen=True, slots=True)
class RelayReport:
    """What a pass over the outbox came to.

    Attributes:
        published: events that the sink confirmed and that left the outbox.
        delayed: events that failed and wait for their next attempt.
        given_up: events that failed once too often and were moved to the dead letters.
    """

    published: int = 0
    delayed: int = 0
    given_up: int = 0

    def __add__(self, other: "RelayReport") -> "RelayReport":
        """The sum of both."""
        return RelayReport(
            self.published + other.published, self.delayed + other.delayed, self.given_up + other.given_up
        )


class Relay:
    """Drains an outbox into a sink.

    Every event is delivered at least once: after a crash, a timeout or a lost reply it comes again, under the same
    id. Events of one subject arrive in their order, however many relays run in however many processes. An event that
    fails makes its own subject wait, with exponential backoff and full jitter; others go on. After `max_attempts`
    it is given up: moved to the dead letters, so that its subject goes on without it. As long as several events
    fail and none gets through, the sink is held to be down and nothing is given up, however long that takes.

    The relay moves bytes and never decodes them, so that no event can jam it.
    """

    def __init__(
        self,
        outbox: Outbox,
        sink: EventSink,
        *,
        batch: int = 100,
        poll: float = 1.0,
        timeout: float = 10.0,
        max_attempts: int = 20,
        backoff: Backoff | None = None,
    ) -> None:
        """Bring outbox and sink together; both stay the caller's to close.

        Args:
            outbox: where events wait.
            sink: where they go.
            batch: how many events to send at once.
            poll: seconds between two looks at the outbox when nobody nudges; varied by half of it.
            timeout: seconds that one call of the sink may take.
            max_attempts: how often an event is tried before it is given up.
            backoff: seconds to wait after that many attempts; by default doubling from 1 to 300, with full jitter.

        Raises:
            DefinitionError: a number is out of range.
        """
        if batch < 1 or max_attempts < 1 or poll <= 0 or timeout <= 0:
            raise DefinitionError("batch and max_attempts must be at least 1, poll and timeout more than 0")
        self._outbox = outbox
        self._sink = sink
        self._batch = batch
        self._poll = poll
        self._timeout = timeout
        self._max_attempts = max_attempts
        self._backoff = backoff or full_jitter()
        self._cursor = -1
        self._failing: frozenset[UUID] = frozenset()
        self._stopping = False

    async def drain_once(self) -> RelayReport:
        """Make one pass over the partitions, a batch at a time, and look at each that has due events and is free.

        A pass ends early when the sink seems to be down; the next one then begins where it ended. It may be
        cancelled at any time: what was sent and not yet settled is sent again.

        Returns:
            What became of the events that were tried.

        Raises:
            StorageError: the outbox cannot be read or written.
        """
        report, _ = await self._pass()
        return report

    async def run(self) -> None:
        """Drain the outbox until `stop`, at each nudge from a commit of this process and at every poll.

        Never ends by itself: what goes wrong is logged by its type and tried again, with growing pauses while the
        outbox cannot be reached or the sink is down. One run at a time; for more, make more relays.
        """
        failures = 0
        try:
            with self._outbox.wake_up.subscribe() as signal:
                while not self._stopping:
                    signal.clear()
                    try:
                        _, full = await self._pass()
                    except Exception as error:
                        failures += 1
                        _log.warning("the outbox cannot be drained (%s)", _kind(error))
                    else:
                        failures = failures + 1 if self._sink_is_down else 0
                        if full:
                            continue
                    if failures:
                        await self._rest(signal, _rest(failures))
                    else:
                        await signal.wait(jittered(self._poll))
        finally:
            self._stopping = False

    def stop(self) -> None:
        """Let `run` return once the batch in hand is settled; if it does not run yet, as soon as it begins."""
        self._stopping = True
        self._outbox.wake_up.notify()

    @property
    def _sink_is_down(self) -> bool:
        return len(self._failing) > 1

    async def _pass(self) -> tuple[RelayReport, bool]:
        """One pass; also tells whether more may be due: a batch was full, or something failed or was given up."""
        report, full = RelayReport(), False
        for after, until in self._lap():
            claims = self._outbox.claims(after=after, limit=self._batch, hold=LONGEST * self._timeout)
            async with aclosing(claims):
                async for claim in claims:
                    outcome = await deliver(claim.entries, self._sink, self._timeout)
                    report += await self._settle(claim, outcome)
                    full = full or len(claim.entries) >= self._batch or bool(outcome.failed)
                    if self._sink_is_down:
                        self._cursor = claim.last
                        return report, False
                    if claim.last >= until:
                        break
        self._cursor = -1
        return report, full

    def _lap(self) -> Sequence[tuple[int, int]]:
        """Ranges of partitions to go through: (after, until)."""
        if not 0 <= self._cursor < LAST_PARTITION:
            return [(-1, LAST_PARTITION)]
        return [(self._cursor, LAST_PARTITION), (-1, self._cursor)]

    async def _settle(self, claim: Claim, outcome: Outcome) -> RelayReport:
        if outcome.published:
            self._failing = frozenset()
        elif not self._sink_is_down:
            self._failing |= {entry.envelope.id for entry, _ in outcome.failed}
        failed = [self._verdict(entry, error) for entry, error in outcome.failed]
        await claim.settle([entry.position for entry in outcome.published], failed)
        given_up = sum(entry.retry_in is None for entry in failed)
        return RelayReport(len(outcome.published), len(failed) - given_up, given_up)

    def _verdict(self, entry: OutboxEntry, error: Exception) -> FailedEntry:
        attempts = entry.attempts + 1
        retry_in = None if attempts >= self._max_attempts and not self._sink_is_down else self._backoff(attempts)
        _log.log(
            logging.ERROR if retry_in is None else logging.WARNING,
            "event %s of type %s was not sent: attempt %d, %s, %s",
            entry.envelope.id,
            entry.envelope.type,
            attempts,
            _kind(error),
            "given up" if retry_in is None else f"next in {retry_in:.1f} s",
        )
        return FailedEntry(entry.position, _kind(error), retry_in)

    async def _rest(self, signal: Signal, seconds: float) -> None:
        """Wait through all nudges but that of `stop`."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while not self._stopping and clock() < end:
            signal.clear()
            await signal.wait(end - clock())


def _kind(error: Exception) -> str:
    """The error's class: its text may hold data."""
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")[:_LONGEST_KIND]
