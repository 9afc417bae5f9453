"""A relay in a process of its own, which may be made to die in the middle.

python relay_process.py URL FILE KILL_AT: sends into FILE, one line per event; after so many sent batches, and before
the outbox hears of the last one, the process kills itself as `kill -9` does. KILL_AT 0 lets it drain everything.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyOutbox, create_async_engine, session_factory
from cleanarch_kit.application import Envelope, EventRegistry, Relay
from cleanarch_kit.domain import DomainEvent


@dataclass(frozen=True, kw_only=True)
class Ticked(DomainEvent, name="cleanarch_kit.contract.ticked"):
    """The event of the contract, without the half of a second that importing the contracts takes."""

    number: int
    text: str = ""


EVENTS = EventRegistry([Ticked], source="/contract")


class FileSink:
    def __init__(self, path: Path, kill_at: int) -> None:
        self.path = path
        self.kill_at = kill_at
        self.sent = 0

    async def send(self, batch: Sequence[Envelope]) -> None:
        with self.path.open("a") as file:
            for envelope in batch:
                event = EVENTS.decode(envelope)
                assert isinstance(event, Ticked)
                file.write(f"{envelope.subject} {event.number}\n")
        self.sent += 1
        if self.sent == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, path: Path, kill_at: int) -> None:
    engine = create_async_engine(url)
    outbox = SqlAlchemyOutbox(session_factory(engine), EVENTS)
    relay = Relay(outbox, FileSink(path, kill_at), batch=5, timeout=0.2)
    while (await outbox.stats()).pending:
        await relay.drain_once()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
