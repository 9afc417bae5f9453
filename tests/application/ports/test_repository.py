"""What is written once over the four abstract methods, for an adapter that has nothing but these."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest

from cleanarch_kit.application import (
    CursorPage,
    CursorRequest,
    Page,
    PageRequest,
    Repository,
    SearchableRepository,
    Slice,
    SortFields,
)
from cleanarch_kit.domain import Specification
from cleanarch_kit.domain.criteria import Criterion, Ordering
from cleanarch_kit.errors import InvalidSortError, NotFoundError


@dataclass
class Item:
    id: int
    name: str


class Items(SearchableRepository[Item, int]):
    """Over a list, ordered by identity."""

    sort_fields: SortFields[Item] = {"name": lambda i: i.name}

    def __init__(self, *items: Item) -> None:
        self.items = list(items)

    async def get_by_id(self, id: int, *, for_update: bool = False, skip_locked: bool = False) -> Item | None:  # noqa: A002 - as the port calls it
        return None if for_update and skip_locked else next((item for item in self.items if item.id == id), None)

    async def add(self, entity: Item) -> None:
        self.items.append(entity)

    async def update(self, entity: Item) -> None: ...

    async def delete(self, id: int) -> bool:  # noqa: A002 - as the port calls it
        raise NotImplementedError

    async def list(
        self,
        *where: Criterion[Item] | None,
        order_by: Ordering[Item] | None = None,
        limit: int | None = None,
        offset: int = 0,
        for_update: bool = False,
        skip_locked: bool = False,
    ) -> list[Item]:
        met = [item for item in self.items if all(Specification(each)(item) for each in where if each is not None)]
        return met[offset : None if limit is None else offset + limit]

    async def count(self, *where: Criterion[Item] | None) -> int:
        return len(await self.list(*where))

    async def scroll(
        self, request: CursorRequest, *where: Criterion[Item] | None, order_by: Ordering[Item] | None = None
    ) -> CursorPage[Item]:
        raise NotImplementedError

    async def stream(
        self, *where: Criterion[Item] | None, order_by: Ordering[Item] | None = None
    ) -> AsyncGenerator[Item]:
        for item in await self.list(*where):
            yield item


@pytest.fixture
def items() -> Items:
    return Items(*(Item(number, f"item {number}") for number in range(5)))


def test_the_type_of_the_entities_comes_from_the_class() -> None:
    class Port(SearchableRepository[Item, int]): ...

    class Adapter(Items, Port): ...

    assert Items.entity_type is Port.entity_type is Adapter.entity_type is Item
    assert not hasattr(Repository, "entity_type")


async def test_get_wants_it_to_exist(items: Items) -> None:
    assert await items.get(3) is items.items[3]
    with pytest.raises(NotFoundError) as caught:
        await items.get(9)
    assert str(caught.value) == "Item 9 does not exist"
    with pytest.raises(NotFoundError):
        await items.get(3, for_update=True, skip_locked=True)


async def test_the_rest_is_written_once(items: Items) -> None:
    await items.add_all([Item(5, "item 5"), Item(6, "item 6")])
    assert await items.first() is items.items[0]
    assert await items.first(lambda i: i.id > 6) is None
    assert await items.exists(lambda i: i.id > 5)
    assert not await items.exists(lambda i: i.id > 6)
    page = await items.paginate(PageRequest(page=2, per_page=3), lambda i: i.id > 0)
    assert page == Page(tuple(items.items[4:7]), 6, 2, 3)
    assert await items.slice(PageRequest(page=1, per_page=6)) == Slice(tuple(items.items[:6]), 1, 6, has_next=True)
    assert await items.slice(PageRequest(page=1, per_page=7)) == Slice(tuple(items.items), 1, 7, has_next=False)


def test_a_client_sorts_by_allowed_names(items: Items) -> None:
    assert items.sorted_by(None) is None
    assert items.sorted_by("-name") is not None
    with pytest.raises(InvalidSortError, match="use one of: name"):
        items.sorted_by("id")

    class NoFields(Items):
        sort_fields: SortFields[Item] = {}

    with pytest.raises(InvalidSortError, match="none is allowed"):
        NoFields().sorted_by("name")
