"""A port of one's own is declared over it, as over `SearchableRepository`."""

from abc import abstractmethod
from dataclasses import dataclass

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.application import BulkRepository, Upserted
from cleanarch_kit.domain import change, everything


@dataclass
class Item:
    id: int
    name: str


class Items(BulkRepository[Item, int]):
    @abstractmethod
    async def rename_all(self, name: str) -> int: ...


class InMemoryItems(InMemoryRepository[Item, int], Items):
    async def rename_all(self, name: str) -> int:
        return await self.update_where(everything, set=lambda item: change(item.name).to(name))


async def test_an_adapter_fits_the_port() -> None:
    assert Items.entity_type is Item
    async with InMemoryUnitOfWork(InMemoryStore()) as unit:
        items: Items = InMemoryItems(unit)
        upserted = await items.upsert([Item(1, "a"), Item(2, "b")])
        assert upserted == Upserted(inserted=2, updated=0)
        assert await items.rename_all("c") == 2
        assert (await items.get(1)).name == "c"
