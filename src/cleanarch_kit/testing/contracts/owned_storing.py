"""The part of the contract about owned children that stores them."""

from dataclasses import replace
from itertools import product

import pytest

from cleanarch_kit.errors import ConcurrencyError, NotFoundError
from cleanarch_kit.testing.contracts.owned_changes import CHANGES, full_order
from cleanarch_kit.testing.contracts.owned_subject import Allocation, OwnedContract, OwnedSubject, a_line, an_order
from cleanarch_kit.testing.contracts.subject import Capability, needs

__all__ = ["OwnedStoringContract"]


class OwnedStoringContract(OwnedContract):
    """Aggregates are loaded, changed, saved, taken back and deleted as a whole."""

    async def test_an_aggregate_comes_back_whole(self, subject: OwnedSubject) -> None:
        full, bare = full_order(), an_order()
        await subject.add(full, bare)
        for order in (full, bare):
            found = await subject.order(order.id)
            assert found is not order
            assert found.state == order.state
            assert found.version == 1

    async def test_every_change_is_saved_and_gives_the_root_a_version(self, subject: OwnedSubject) -> None:
        orders = {name: full_order() for name in CHANGES}
        await subject.add(*orders.values())
        for name, order in orders.items():
            async with subject.unit_of_work() as unit:
                loaded = await subject.orders(unit).get(order.id)
                CHANGES[name](loaded)
                expected = loaded.state
            assert loaded.version == 2, name
            found = await subject.order(order.id)
            assert found.state == expected, name
            assert found.version == 2, name

    async def test_changes_of_several_aggregates_are_saved_together(self, subject: OwnedSubject) -> None:
        orders = {name: full_order() for name in CHANGES}
        await subject.add(*orders.values())
        async with subject.unit_of_work() as unit:
            repository = subject.orders(unit)
            loaded = {name: await repository.get(order.id) for name, order in orders.items()}
            for name, order in loaded.items():
                CHANGES[name](order)
            expected = {order.id: order.state for order in loaded.values()}
        async with subject.unit_of_work() as unit:
            assert {order.id: order.state for order in await subject.orders(unit).list()} == expected

    async def test_what_did_not_change_is_not_saved(self, subject: OwnedSubject) -> None:
        order = full_order()
        await subject.add(order)
        async with subject.unit_of_work() as unit:
            loaded = await subject.orders(unit).get(order.id)
            loaded.lines = [*loaded.lines]
            loaded.parcels = dict(loaded.parcels)
            loaded.tags = frozenset(set(loaded.tags))
            loaded.billing = replace(loaded.billing)
            assert not unit.changed
        assert (await subject.order(order.id)).version == 1

    async def test_everything_goes_with_its_aggregate(self, subject: OwnedSubject) -> None:
        for tracked in (True, False):
            order, other = full_order(), full_order()
            await subject.add(order, other)
            async with subject.unit_of_work() as unit:
                repository = subject.orders(unit)
                if tracked:
                    await repository.get(order.id)
                assert await repository.delete(order.id)
            with pytest.raises(NotFoundError):
                await subject.order(order.id)
            assert (await subject.order(other.id)).state == other.state
            await subject.add(order)  # which a row that was left would not allow
            assert (await subject.order(order.id)).state == order.state

    async def test_a_child_goes_from_one_aggregate_to_another(self, subject: OwnedSubject) -> None:
        for giving, taking in product(("changed", "deleted"), ("older", "younger", "added")):
            orders = [an_order(a_line("old")), an_order(a_line("x", "north"), a_line("y", "south")), an_order()]
            await subject.add(*orders)
            async with subject.unit_of_work() as unit:
                repository = subject.orders(unit)
                loaded = [await repository.get(order.id) for order in orders]
                source, taker = loaded[1], {"older": loaded[0], "younger": loaded[2]}.get(taking) or an_order()
                if taking == "added":
                    await repository.add(taker)
                moved = source.lines.pop(0)
                moved.allocations.append(Allocation("east", 5))
                taker.lines.append(moved)
                if giving == "deleted":
                    await repository.delete(source.id)
                expected = taker.state
            assert (await subject.order(taker.id)).state == expected, (giving, taking)
            if giving == "changed":
                assert [line.sku for line in (await subject.order(source.id)).lines] == ["y"]

    @needs(Capability.SAVEPOINTS)
    async def test_a_savepoint_gives_the_same_objects_back(self, subject: OwnedSubject) -> None:
        orders = {name: full_order() for name in CHANGES}
        await subject.add(*orders.values())
        async with subject.unit_of_work() as unit:
            repository = subject.orders(unit)
            loaded = {name: await repository.get(order.id) for name, order in orders.items()}
            before = {name: (order.state, order.lines[1], order.parcels["dhl"]) for name, order in loaded.items()}
            with pytest.raises(ZeroDivisionError):
                async with unit.savepoint():
                    for name, order in loaded.items():
                        CHANGES[name](order)
                    await repository.count()
                    raise ZeroDivisionError
            for name, order in loaded.items():
                state, line, parcel = before[name]
                assert order.state == state, name
                assert order.parcels["dhl"] is parcel, name
                if name not in ("a line less", "no line", "all lines others"):
                    assert order.lines[1] is line, name
            loaded["a line"].lines[1].sku = "after"
        assert (await subject.order(orders["a line"].id)).lines[1].sku == "after"
        assert (await subject.order(orders["no line"].id)).version == 1

    async def test_a_rolled_back_unit_leaves_nothing_behind(self, subject: OwnedSubject) -> None:
        order = full_order()
        await subject.add(order)
        loaded = order
        with pytest.raises(ZeroDivisionError):
            async with subject.unit_of_work() as unit:
                loaded = await subject.orders(unit).get(order.id)
                for name in ("a line", "an allocation more", "other tags", "the last line first"):
                    CHANGES[name](loaded)
                await subject.orders(unit).count()
                raise ZeroDivisionError
        found = await subject.order(order.id)
        assert (found.state, found.version, loaded.version) == (order.state, 1, 1)

    async def test_a_detached_aggregate_is_saved_as_a_whole(self, subject: OwnedSubject) -> None:
        orders = {name: full_order() for name in CHANGES}
        await subject.add(*orders.values())
        detached = {name: await subject.order(order.id) for name, order in orders.items()}
        stale = await subject.order(orders["a line"].id)
        async with subject.unit_of_work() as unit:
            for name, order in detached.items():
                CHANGES[name](order)
                await subject.orders(unit).update(order)
        for name, order in detached.items():
            found = await subject.order(order.id)
            assert (found.state, found.version) == (order.state, 2), name
        stale.lines[0].allocations.clear()
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as unit:
                await subject.orders(unit).update(stale)

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_children_are_read_anew_for_update(self, subject: OwnedSubject) -> None:
        order = full_order()
        await subject.add(order)
        async with subject.unit_of_work() as mine:
            loaded = await subject.orders(mine).get(order.id)
            line = loaded.lines[1]
            async with subject.unit_of_work() as theirs:
                other = await subject.orders(theirs).get(order.id)
                other.lines[1].allocations = [Allocation("theirs", 3)]
                other.lines.reverse()
            assert await subject.orders(mine).get(order.id, for_update=True) is loaded
            assert loaded.state == other.state
            assert loaded.lines[1] is line
            line.sku = "mine"
        assert (await subject.order(order.id)).lines[1].sku == "mine"

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_one_of_two_writers_of_a_child_loses(self, subject: OwnedSubject) -> None:
        order = full_order()
        await subject.add(order)
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as mine:
                loaded = await subject.orders(mine).get(order.id)
                async with subject.unit_of_work() as theirs:
                    (await subject.orders(theirs).get(order.id)).lines[0].allocations.clear()
                loaded.lines[1].allocations.clear()
        found = await subject.order(order.id)
        assert (len(found.lines[0].allocations), len(found.lines[1].allocations)) == (0, 1)
