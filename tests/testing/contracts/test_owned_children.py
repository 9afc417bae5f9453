"""The contract about owned children catches those who break it."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.adapters.memory.mapper import InMemoryMapper
from cleanarch_kit.adapters.memory.state import capture, rebuild
from cleanarch_kit.adapters.memory.store import Row
from cleanarch_kit.application.pagination.keyset import Keyset
from cleanarch_kit.domain.criteria import AnyOf, Node, Not
from cleanarch_kit.domain.evaluation import evaluate
from cleanarch_kit.testing import Order, OrderId, OwnedChildrenContract, OwnedSubject

FailuresOf = Callable[[OwnedChildrenContract, Callable[[], OwnedSubject]], Awaitable[set[str]]]


class Orders(InMemoryRepository[Order, OrderId]):
    """Nothing to add."""


class Broken(InMemoryMapper[Order]):
    def __init__(self) -> None:
        super().__init__(Order)


class OrdersThrough(Orders):
    """A repository whose mapper is broken."""

    broken: type[Broken]

    def __init__(self, unit_of_work: InMemoryUnitOfWork) -> None:
        super().__init__(unit_of_work)
        self.entities.mapper = self.broken()


class WithoutOrder(OrdersThrough):
    """Lines come in the order of their ids."""

    class broken(Broken):  # noqa: N801 - it stands for the attribute
        def load_all(self, snapshots: Sequence[object]) -> list[Order]:
            orders = super().load_all(snapshots)
            for order in orders:
                order.lines.sort(key=lambda line: line.id.value)
            return orders


class BlindBelow(OrdersThrough):
    """What changes on the second level is not seen as a change."""

    class broken(Broken):  # noqa: N801
        def snapshot(self, entity: Order) -> object:
            order: Order = rebuild(capture(entity))
            for line in order.lines:
                line.allocations = []
            return capture(order)


class OtherObjects(OrdersThrough):
    """What is taken back is given new children."""

    class broken(Broken):  # noqa: N801
        def restore(self, entity: Order, snapshot: object) -> None:
            other: Order = rebuild(snapshot)
            for name, value in vars(other).items():
                setattr(entity, name, value)


class UnknownIsTrue(Orders):
    """A condition that is unknown of a child counts."""

    async def _found(self, node: Node | None, keyset: Keyset | None) -> list[Row]:
        if isinstance(node, AnyOf) and isinstance(node.condition, Not):
            condition = node.condition
            rows = await super()._found(None, keyset)
            return [row for row in rows if any(evaluate(condition, line) is not False for line in row.view.lines)]
        return await super()._found(node, keyset)


@pytest.mark.parametrize(
    ("orders", "meant", "others"),
    [
        (Orders, set[str](), set[str]()),
        (
            WithoutOrder,
            {"test_every_change_is_saved_and_gives_the_root_a_version"},
            {
                "test_a_detached_aggregate_is_saved_as_a_whole",
                "test_changes_of_several_aggregates_are_saved_together",
            },
        ),
        (
            BlindBelow,
            {"test_every_change_is_saved_and_gives_the_root_a_version"},
            {
                "test_a_child_goes_from_one_aggregate_to_another",
                "test_a_criterion_over_children_captures_values_and_goes_with_cursors",
                "test_a_detached_aggregate_is_saved_as_a_whole",
                "test_a_rolled_back_unit_leaves_nothing_behind",
                "test_a_savepoint_gives_the_same_objects_back",
                "test_aggregates_are_found_by_what_they_own",
                "test_an_aggregate_comes_back_whole",
                "test_changes_of_several_aggregates_are_saved_together",
                "test_children_are_read_anew_for_update",
                "test_every_way_of_reading_gives_the_children",
                "test_everything_goes_with_its_aggregate",
                "test_one_of_two_writers_of_a_child_loses",
            },
        ),
        (
            OtherObjects,
            {"test_a_savepoint_gives_the_same_objects_back"},
            {"test_children_are_read_anew_for_update"},
        ),
        (UnknownIsTrue, {"test_aggregates_are_found_by_what_they_own"}, set[str]()),
    ],
)
async def test_a_broken_repository_is_caught_by_the_tests_meant_for_it(
    failures_of: FailuresOf, orders: type[Orders], meant: set[str], others: set[str]
) -> None:
    def subject() -> OwnedSubject:
        return OwnedSubject(partial(InMemoryUnitOfWork, InMemoryStore()), orders)

    assert await failures_of(OwnedChildrenContract(), subject) == meant | others
