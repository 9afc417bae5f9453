from dataclasses import dataclass

from pydantic import BaseModel

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.adapters.memory.mapper import InMemoryMapper
from cleanarch_kit.domain import AggregateRoot, EntityId


class RootId(EntityId): ...


@dataclass(kw_only=True)
class Root(AggregateRoot[RootId]):
    name: str
    colour: str = "red"


@dataclass
class Plain:
    id: int
    name: str
    stars: int = 0


class Versioned:
    id: int
    version: int

    def __init__(self, id: int, name: str) -> None:  # noqa: A002 - the field's own word
        self.id, self.name, self.version = id, name, 0


class Model(BaseModel):
    id: int
    name: str


class Roots(InMemoryRepository[Root, RootId]): ...


class Plains(InMemoryRepository[Plain, int]): ...


class Versioneds(InMemoryRepository[Versioned, int]): ...


class Models(InMemoryRepository[Model, int]): ...


def test_what_has_a_version_field_is_versioned() -> None:
    assert InMemoryMapper(Root).versioned
    assert InMemoryMapper(Versioned).versioned
    assert not InMemoryMapper(Plain).versioned
    assert not InMemoryMapper(Model).versioned


async def test_anything_with_an_identity_can_be_stored() -> None:
    store = InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await Versioneds(unit).add(Versioned(1, "plain class"))
        await Models(unit).add(Model(id=1, name="pydantic model"))
    async with InMemoryUnitOfWork(store) as unit:
        (await Versioneds(unit).get(1)).name = "changed"
        (await Models(unit).get(1)).name = "changed, too"
    async with InMemoryUnitOfWork(store) as unit:
        versioned, model = await Versioneds(unit).get(1), await Models(unit).get(1)
        assert (versioned.name, versioned.version) == ("changed", 2)
        assert (model.name, type(model)) == ("changed, too", Model)
        assert [found.name for found in await Models(unit).list(lambda m: m.name == "changed, too")] == ["changed, too"]


async def test_without_a_version_only_changed_fields_are_written() -> None:
    """So that two who change different fields do not undo each other, as in SQL."""
    store = InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await Plains(unit).add(Plain(1, "old"))
    async with InMemoryUnitOfWork(store) as mine:
        loaded = await Plains(mine).get(1)
        async with InMemoryUnitOfWork(store) as theirs:
            (await Plains(theirs).get(1)).stars = 5
        loaded.name = "new"
    async with InMemoryUnitOfWork(store) as unit:
        assert await Plains(unit).get(1) == Plain(1, "new", 5)


async def test_a_detached_entity_is_written_as_a_whole() -> None:
    store = InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await Plains(unit).add(Plain(1, "old", 1))
    async with InMemoryUnitOfWork(store) as unit:
        await Plains(unit).update(Plain(1, "new"))
    async with InMemoryUnitOfWork(store) as unit:
        assert await Plains(unit).get(1) == Plain(1, "new", 0)


async def test_what_has_no_version_and_is_gone_may_be_deleted_again() -> None:
    store = InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await Plains(unit).add(Plain(1, "old"))
    async with InMemoryUnitOfWork(store) as mine:
        await Plains(mine).get(1)
        async with InMemoryUnitOfWork(store) as theirs:
            assert await Plains(theirs).delete(1)
        assert await Plains(mine).delete(1)
    async with InMemoryUnitOfWork(store) as unit:
        assert await Plains(unit).count() == 0


async def test_entities_of_a_subclass_are_stored_with_those_of_the_class() -> None:
    @dataclass(kw_only=True)
    class Special(Root):
        bonus: int = 0

    store = InMemoryStore()
    special = Special(id=RootId.new(), name="special", bonus=3)
    async with InMemoryUnitOfWork(store) as unit:
        await Roots(unit).add(special)
    async with InMemoryUnitOfWork(store) as unit:
        found = await Roots(unit).get(special.id)
        assert isinstance(found, Special)
        assert found.bonus == 3
