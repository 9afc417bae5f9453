"""What is tracked, with a mapper over plain dicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.application.tracking.data_mapper import DataMapper, Status, Tracked
from cleanarch_kit.application.tracking.identity_map import IdentityMap, pull_events, set_version
from cleanarch_kit.domain import AggregateRoot, DomainEvent
from cleanarch_kit.errors import ConcurrencyError, UnitOfWorkStateError


@dataclass(frozen=True, kw_only=True)
class Moved(DomainEvent, name="test.moved"):
    """Something moved."""


@dataclass(kw_only=True)
class Root(AggregateRoot[int]):
    place: str = ""


@dataclass
class Plain:
    id: int
    place: str = ""


class Mapper(DataMapper[Root, None]):
    """A snapshot is a tuple of identity, place and version; nothing is ever written."""

    entity_type = Root
    versioned = True

    def snapshot(self, entity: Root) -> object:
        return entity.id, entity.place, entity.version

    def load(self, snapshot: object) -> Root:
        root = Root(id=0)
        self.restore(root, snapshot)
        return root

    def restore(self, entity: Root, snapshot: object) -> None:
        assert isinstance(snapshot, tuple)
        entity.id, entity.place, entity.version = snapshot

    async def fetch(self, connection: None, identity: object, *, for_update: bool, skip_locked: bool) -> object | None:
        raise NotImplementedError

    async def insert(self, connection: None, added: Sequence[Tracked[Root]]) -> None:
        raise NotImplementedError

    async def update(self, connection: None, changed: Sequence[Tracked[Root]]) -> None:
        raise NotImplementedError

    async def delete(self, connection: None, removed: Sequence[Tracked[Root]]) -> None:
        raise NotImplementedError

    async def delete_by_id(self, connection: None, identity: object) -> bool:
        raise NotImplementedError


@pytest.fixture
def roots() -> IdentityMap[Root, None]:
    return IdentityMap(Mapper())


def test_what_was_read_becomes_one_object_per_identity(roots: IdentityMap[Root, None]) -> None:
    one, two = roots.admit([(1, "a", 3), (2, "b", 1)])
    assert (one.place, one.version, two.place) == ("a", 3, "b")
    again, three = roots.admit([(1, "newer", 4), (3, "c", 1)])
    assert again is one
    assert one.place == "a"
    assert three.place == "c"
    assert list(roots.by_id) == [1, 2, 3]


def test_a_refresh_takes_over_what_the_store_has_now(roots: IdentityMap[Root, None]) -> None:
    (root,) = roots.admit([(1, "a", 1)])
    assert roots.admit([(1, "b", 2)], refresh=True) == [root]
    assert (root.place, root.version, roots.by_id[1].version) == ("b", 2, 2)
    root.place = "mine"
    roots.admit([(1, "b", 2)], refresh=True)
    assert root.place == "mine"  # the store has not changed meanwhile, so nothing is lost
    with pytest.raises(ConcurrencyError) as caught:
        roots.admit([(1, "theirs", 3)], refresh=True)
    assert caught.value.expected == 2
    assert root.place == "mine"


def test_an_expired_entity_is_refreshed_by_the_next_read(roots: IdentityMap[Root, None]) -> None:
    (root,) = roots.admit([(1, "a", 1)])
    detached = Root(id=2)
    roots.track(detached, Status.STORED)
    roots.track(Root(id=3), Status.NEW)
    roots.expire()
    assert [tracked.status for tracked in roots.by_id.values()] == [Status.EXPIRED, Status.STORED, Status.NEW]
    roots.admit([(1, "b", 2)])
    assert (root.place, roots.by_id[1].status) == ("b", Status.STORED)


def test_a_detached_entity_is_not_refreshed(roots: IdentityMap[Root, None]) -> None:
    detached = Root(id=1, place="mine")
    roots.track(detached, Status.STORED)
    assert roots.admit([(1, "theirs", 1)], refresh=True) == [detached]
    assert detached.place == "mine"


def test_scanning_prepares_what_changed(roots: IdentityMap[Root, None]) -> None:
    same, moved, told = roots.admit([(1, "a", 1), (2, "a", 1), (3, "a", 1)])
    moved.place = "b"
    told.record_event(event := Moved())
    new, gone = Root(id=4), Root(id=5)
    roots.track(new, Status.NEW)
    roots.track(gone, Status.DELETED)
    gone.record_event(farewell := Moved())
    assert roots.changed
    recorded: list[tuple[AggregateRoot[Any], tuple[DomainEvent, ...]]] = []
    noted: list[Tracked[Root]] = []
    changed = roots.scan(recorded, noted.append)
    assert [tracked.entity for tracked in changed] == [moved, told]
    assert recorded == [(told, (event,)), (gone, (farewell,))]
    assert [tracked.entity for tracked in noted] == [moved, told, new]
    assert (same.version, moved.version, told.version, new.version, gone.version) == (1, 2, 2, 1, 0)
    assert roots.by_id[4].current == (4, "", 1)
    roots.written(changed)
    assert (changed[0].snapshot, changed[0].version, changed[0].status) == ((2, "b", 2), 2, Status.STORED)
    assert roots.scan([], list[object]().append) == []


def test_resetting_gives_every_entity_the_state_of_the_store(roots: IdentityMap[Root, None]) -> None:
    moved, told = roots.admit([(1, "a", 1), (2, "a", 1)])
    gone = Root(id=3, place="gone")
    roots.track(gone, Status.DELETED)
    moved.place = "b"
    told.record_event(Moved())
    gone.record_event(Moved())
    (since,) = roots.admit([(4, "since", 1)])
    since.place = "changed"
    roots.reset({roots.by_id[1]: roots.by_id[1].snapshot, roots.by_id[2]: (2, "another", 1)})
    assert (moved.place, told.pull_events(), gone.place, gone.pull_events()) == ("a", (), "gone", ())
    assert since.place == "since"
    assert [tracked.status for tracked in roots.by_id.values()] == [
        Status.STORED,
        Status.EXPIRED,
        Status.DELETED,
        Status.EXPIRED,
    ]


def test_resetting_gives_back_what_cannot_even_be_stored(roots: IdentityMap[Root, None]) -> None:
    class Choosy(Mapper):
        def snapshot(self, entity: Root) -> object:
            if not entity.place:
                raise ValueError("no place")
            return super().snapshot(entity)

    roots.mapper = Choosy()
    (root,) = roots.admit([(1, "a", 1)])
    root.place = ""
    roots.reset({roots.by_id[1]: roots.by_id[1].snapshot})
    assert root.place == "a"


def test_a_mapper_without_versions_has_none() -> None:
    class Unversioned(Mapper):
        versioned = False

    roots = IdentityMap(Unversioned())
    (root,) = roots.admit([(1, "a", 5)])
    assert roots.by_id[1].version is None
    root.place = "b"
    (changed,) = roots.scan([], list[object]().append)
    assert (root.version, changed.version) == (5, None)
    roots.written([changed])
    assert changed.version is None
    root.record_event(Moved())
    assert (
        roots.scan([], list[object]().append) == []
    )  # without a version an event alone changes nothing that is stored
    roots.admit([(1, "c", 5)], refresh=True)
    assert (root.place, roots.by_id[1].version) == ("c", None)


def test_versions_and_events_of_whatever_is_stored() -> None:
    @dataclass(frozen=True)
    class Frozen:
        id: int
        version: int = 0

    frozen, plain, root = Frozen(1), Plain(1), Root(id=1)
    set_version(frozen, 7)
    set_version(plain, None)
    assert frozen.version == 7
    assert not hasattr(plain, "version")
    root.record_event(event := Moved())
    assert pull_events(root) == (event,)
    assert pull_events(root) == pull_events(plain) == ()


class Distinct(Mapper):
    """Counts the comparisons of single entities; what is read at once has no identity twice."""

    distinct = True
    compared = 0

    def snapshot(self, entity: Root) -> object:
        self.compared += 1
        return super().snapshot(entity)

    def suspects(self, entities: Sequence[Root], snapshots: Sequence[object]) -> list[int]:
        found = enumerate(zip(entities, snapshots, strict=True))
        return [at for at, (it, snapshot) in found if (it.id, it.place, it.version) != snapshot]


@pytest.fixture
def read() -> IdentityMap[Root, None]:
    return IdentityMap(Distinct())


def test_what_was_only_read_is_compared_as_a_whole(read: IdentityMap[Root, None]) -> None:
    one, two = read.admit([(1, "a", 1), (2, "a", 1)])
    assert (read.scan([], list[object]().append), read.changed) == ([], False)
    assert isinstance(read.mapper, Distinct)
    assert read.mapper.compared == 0
    two.place = "b"
    assert read.changed
    (changed,) = read.scan([], list[object]().append)
    assert (changed.entity, changed.version, two.version, one.version) == (two, 1, 2, 1)


def test_what_was_only_read_is_found_and_told_apart(read: IdentityMap[Root, None]) -> None:
    one, two = read.admit([(1, "a", 1), (2, "a", 1)])
    given = read.admit([(2, "newer", 2), (3, "c", 1)])
    assert given[0] is two
    assert [tracked.entity for tracked in read.by_id.values()] == [one, two, given[1]]


def test_an_event_alone_makes_the_next_version_of_what_was_only_read(read: IdentityMap[Root, None]) -> None:
    (root,) = read.admit([(1, "a", 1)])
    root.record_event(Moved())
    recorded: list[tuple[AggregateRoot[Any], tuple[DomainEvent, ...]]] = []
    (changed,) = read.scan(recorded, list[object]().append)
    assert (changed.entity, root.version, len(recorded)) == (root, 2, 1)


def test_the_version_that_counts_is_the_one_that_was_read(read: IdentityMap[Root, None]) -> None:
    (root,) = read.admit([(1, "a", 3)])
    root.version = 1
    assert read.by_id[1].version == 3


def test_the_callers_list_is_its_own(read: IdentityMap[Root, None]) -> None:
    entities = read.admit([(1, "a", 1), (2, "a", 1)])
    entities.clear()
    assert list(read.by_id) == [1, 2]


def test_what_was_deleted_here_is_found_no_more_whatever_the_store_says(roots: IdentityMap[Root, None]) -> None:
    roots.track(Root(id=1, place="never stored"), Status.NEW).status = Status.DELETED
    assert [root.id for root in roots.admit([(1, "stored by others", 7), (2, "b", 1)])] == [2]


def test_an_entity_with_another_identity_than_before_is_refused(roots: IdentityMap[Root, None]) -> None:
    one, two = roots.admit([(1, "a", 1), (2, "b", 1)])
    one.id = two.id
    with pytest.raises(UnitOfWorkStateError) as caught:
        roots.scan([], lambda tracked: None)
    assert str(caught.value) == (
        "the identity of a tracked Root was changed, which would write over another one:"
        " add a new Root and delete the old one"
    )
