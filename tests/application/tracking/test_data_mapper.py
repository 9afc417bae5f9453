"""What every data mapper has in common, whatever the store."""

from dataclasses import dataclass

from cleanarch_kit.adapters.memory.mapper import InMemoryMapper
from cleanarch_kit.application.tracking.data_mapper import Status, Tracked
from cleanarch_kit.domain import AggregateRoot
from cleanarch_kit.errors import ConcurrencyError, NotFoundError


@dataclass(kw_only=True)
class Root(AggregateRoot[int]):
    place: str = ""


def test_several_are_loaded_and_compared_as_one_is() -> None:
    mapper = InMemoryMapper(Root)
    snapshots = [mapper.snapshot(Root(id=number, place="a")) for number in range(2)]
    roots = mapper.load_all(snapshots)
    assert [(root.id, root.place) for root in roots] == [(0, "a"), (1, "a")]
    assert mapper.suspects(roots, snapshots) == []
    roots[1].place = "b"
    assert mapper.suspects(roots, snapshots) == [1]


def test_a_stale_entity_is_a_conflict_or_was_never_there() -> None:
    mapper = InMemoryMapper(Root)
    conflict = mapper.stale(Tracked(Root(id=1), None, 4, Status.STORED))
    assert isinstance(conflict, ConcurrencyError)
    assert (conflict.entity, conflict.id, conflict.expected) == ("Root", 1, 4)
    for version in (0, None):
        missing = mapper.stale(Tracked(Root(id=1), None, version, Status.STORED))
        assert isinstance(missing, NotFoundError)
