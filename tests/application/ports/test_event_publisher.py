"""What the port asks for is enough for a publisher of one's own."""

from dataclasses import dataclass

from cleanarch_kit.application import EventPublisher
from cleanarch_kit.domain import DomainEvent


@dataclass(frozen=True, kw_only=True)
class Happened(DomainEvent, name="ports.happened"):
    pass


async def test_an_object_with_publish_is_a_publisher() -> None:
    class Listing:
        def __init__(self) -> None:
            self.events: list[DomainEvent] = []

        async def publish(self, *events: DomainEvent) -> None:
            self.events += events

    listing = Listing()
    publisher: EventPublisher = listing
    first, second = Happened(), Happened()
    await publisher.publish(first, second)

    assert listing.events == [first, second]
