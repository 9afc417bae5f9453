"""Tracing: how a lambda over an entity becomes a tree.

The lambda is called with a stand-in for the entity that notes what is asked of it. It is called each time, since it
may have captured other values since. What a tree cannot express raises a TypeError that says what to write instead.
"""

from collections.abc import Iterable
from typing import TypeVar, cast

from cleanarch_kit.domain.criteria import And, Criterion, Field, Node, Ordering, OrderKey
from cleanarch_kit.domain.stand_ins import TracedField, condition, joined, order_key

__all__ = ["everything", "trace", "trace_all", "trace_ordering"]

T = TypeVar("T")


def everything(entity: object) -> bool:
    """The criterion that every entity meets, for methods that want one said: ``delete_where(everything)``.

    It stands alone: it is no part of other criteria, which say more.
    """
    if isinstance(entity, TracedField):
        raise TypeError("everything stands alone: leave it out where there is another criterion")
    return True


def trace(criterion: Criterion[T], entity: type[T] | None = None) -> Node:
    """Call a criterion with a stand-in and return the tree of what it asks.

    Args:
        criterion: a lambda over the entity, or a `Specification`.
        entity: the entity's class. With it, an unknown field is an error here; without it, the adapter's.

    Raises:
        TypeError: the lambda does what a criterion cannot; the text says what to write.
    """
    if not callable(criterion):
        raise TypeError(f"a criterion is a lambda over the entity, such as lambda u: u.name == name, not {criterion!r}")
    return condition(criterion(cast("T", TracedField(Field(()), entity))))


def trace_all(criteria: "Iterable[Criterion[T] | None]", entity: type[T] | None = None) -> Node | None:
    """Trace several criteria and join them by AND. None among them is no criterion, and so is `everything`.

    Returns:
        The tree, or None without any criterion.

    Raises:
        TypeError: see `trace`.
    """
    nodes = [trace(criterion, entity) for criterion in criteria if criterion not in (None, everything)]
    if len(nodes) > 1:
        return joined(And, nodes)
    return nodes[0] if nodes else None


def trace_ordering(ordering: Ordering[T], entity: type[T] | None = None) -> tuple[OrderKey, ...]:
    """Call an ordering with a stand-in and return its keys. A finished `OrderKey` among them stays as it is.

    Raises:
        TypeError: the lambda gives something else than fields, ``asc(field)`` and ``desc(field)``.
    """
    if not callable(ordering):
        raise TypeError(f"an ordering is a lambda over the entity, such as lambda u: desc(u.name), not {ordering!r}")
    result = ordering(cast("T", TracedField(Field(()), entity)))
    entries: tuple[object, ...] = (
        tuple(cast("Iterable[object]", result)) if isinstance(result, tuple | list) else (result,)
    )
    if not entries:
        raise TypeError("an ordering names one field at least: lambda u: u.name")
    return tuple(map(order_key, entries))
