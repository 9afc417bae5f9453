"""Tracing: how a lambda over an entity becomes a tree.

The lambda is called with a stand-in for the entity that notes what is asked of it. It is called each time, since it
may have captured other values since. What a tree cannot express raises a TypeError that says what to write instead.
"""

from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar, cast

from cleanarch_kit.domain._fields import fields_of, is_composite, unknown_field
from cleanarch_kit.domain._operands import operand
from cleanarch_kit.domain.criteria import (
    And,
    Comparison,
    Criterion,
    Field,
    Node,
    Not,
    Operator,
    Or,
    Ordering,
    OrderKey,
    Truth,
    Value,
)

__all__ = [
    "TracedCondition",
    "TracedField",
    "TracedOrder",
    "trace",
    "trace_all",
    "trace_ordering",
]

T = TypeVar("T")

_INSTEAD = (
    "write (a) & (b) for and, (a) | (b) for or, not_(a) for not, one_of(x, values) for in,"
    " (a < x) & (x < b) for a < x < b, and decide with if before the lambda"
)


class _Traced:
    """What stand-ins refuse alike."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError(f"a criterion is neither true nor false while it is read: {_INSTEAD}")

    def __hash__(self) -> int:
        raise TypeError("a criterion cannot look a field up in a set or dict: write one_of(field, values)")

    def __contains__(self, item: object) -> NoReturn:
        raise TypeError(
            "a criterion cannot use in: write contains(field, text) for text, one_of(field, values) for values"
        )

    def __iter__(self) -> NoReturn:
        raise TypeError("a criterion cannot go through a field: it compares fields of the entity itself")

    def __invert__(self) -> NoReturn:
        raise TypeError("a criterion is negated by not_(condition), not by ~, which is arithmetic on a bool")

    def __str__(self) -> NoReturn:
        raise TypeError("a field has no text while a criterion is read: compare it as it is")


class TracedCondition(_Traced):
    """Stands in for a bool; carries the tree of how it comes about."""

    __slots__ = ("__traced__",)

    def __init__(self, node: Node) -> None:
        self.__traced__ = node

    def __repr__(self) -> str:
        return f"<condition {self.__traced__!r}>"

    def __and__(self, other: object) -> "TracedCondition":
        return _joined(And, self, other)

    def __rand__(self, other: object) -> "TracedCondition":
        return _joined(And, other, self)

    def __or__(self, other: object) -> "TracedCondition":
        return _joined(Or, self, other)

    def __ror__(self, other: object) -> "TracedCondition":
        return _joined(Or, other, self)

    def _refuse(self, _: object) -> NoReturn:
        raise TypeError(f"a condition cannot be compared: put comparisons in parentheses, and {_INSTEAD}")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __hash__ = _Traced.__hash__


class TracedField(_Traced):
    """Stands in for a field's value, or with an empty path for the entity."""

    __slots__ = ("__traced__",)

    def __init__(self, field: Field, declared: type | None) -> None:
        self.__traced__ = (field, declared)

    def __repr__(self) -> str:
        return f"<field {self.__traced__[0]}>"

    def __getattr__(self, name: str) -> "TracedField":
        if name.startswith("__"):
            raise AttributeError(name)
        field, owner = self.__traced__
        known = fields_of(owner) if owner is not None else None
        if known is None:
            if name.startswith("_"):
                raise TypeError(f"{name!r} is private: a criterion compares public fields")
            return TracedField(Field((*field.path, name)), None)
        if owner is not None and name not in known:
            raise TypeError(unknown_field(owner, name, known))
        return TracedField(Field((*field.path, name)), known[name])

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse: a method was called."""
        raise TypeError(
            f"a criterion cannot call {self.__traced__[0]}(): it compares stored fields; write contains(field, text),"
            " starts_with(field, text), with ignore_case=True where case does not matter"
        )

    def __getitem__(self, key: object) -> NoReturn:
        raise TypeError(f"a criterion cannot look into {self.__traced__[0]}: it compares whole fields")

    def __and__(self, other: object) -> TracedCondition:
        return _joined(And, self, other)

    def __rand__(self, other: object) -> TracedCondition:
        return _joined(And, other, self)

    def __or__(self, other: object) -> TracedCondition:
        return _joined(Or, self, other)

    def __ror__(self, other: object) -> TracedCondition:
        return _joined(Or, other, self)

    def __eq__(self, other: object) -> TracedCondition:  # type: ignore[override]
        return _compared("==", self, other)

    def __ne__(self, other: object) -> TracedCondition:  # type: ignore[override]
        return _compared("!=", self, other)

    def __lt__(self, other: object) -> TracedCondition:
        return _compared("<", self, other)

    def __le__(self, other: object) -> TracedCondition:
        return _compared("<=", self, other)

    def __gt__(self, other: object) -> TracedCondition:
        return _compared(">", self, other)

    def __ge__(self, other: object) -> TracedCondition:
        return _compared(">=", self, other)

    __hash__ = _Traced.__hash__

    def _no_arithmetic(self, *_: object) -> NoReturn:
        raise TypeError(
            f"a criterion cannot compute with {self.__traced__[0]}: compute the other side before the lambda"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _no_arithmetic
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = __abs__ = (
        _no_arithmetic
    )
    __len__ = __int__ = __float__ = __index__ = _no_arithmetic


class TracedOrder:
    """Stands in for what ``asc`` and ``desc`` give."""

    __slots__ = ("key",)

    def __init__(self, key: OrderKey) -> None:
        self.key = key


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
    """Trace several criteria and join them by AND. None among them is no criterion; without any, the result is None.

    Raises:
        TypeError: see `trace`.
    """
    nodes = [trace(criterion, entity) for criterion in criteria if criterion is not None]
    if len(nodes) > 1:
        return _join(And, nodes)
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


def order_key(field: object, *, descending: bool = False, nulls_first: bool = False) -> OrderKey:
    """The key for ordering by a traced field; a finished key stays as it is.

    Raises:
        TypeError: it is no traced field, or one that has no order.
    """
    if isinstance(field, TracedOrder):
        return field.key
    if isinstance(field, OrderKey):
        return field
    traced, declared = traced_field(field, "an ordering")
    if is_composite(declared):
        raise TypeError(f"{traced} has several parts: order by one of them, such as {traced}.{_first_part(declared)}")
    return OrderKey(traced, descending, nulls_first)


def traced_field(field: object, reader: str) -> tuple[Field, type | None]:
    """The path and declared type of a traced field.

    Raises:
        TypeError: it is something else; `reader` names who wanted a field.
    """
    if not isinstance(field, TracedField):
        raise TypeError(
            f"{reader} reads a field of the entity, such as u.name in lambda u: ..., not {_described(field)}"
        )
    if not field.__traced__[0].path:
        raise TypeError(f"{reader} reads a field of the entity, not the entity as a whole: write u.id, for example")
    return field.__traced__


def condition(result: object) -> Node:
    """The tree of a traced condition; a field of type bool is one, too.

    Raises:
        TypeError: it is no condition.
    """
    if isinstance(result, TracedCondition):
        return result.__traced__
    if isinstance(result, TracedField):
        field, declared = traced_field(result, "a criterion")
        if declared not in (None, bool):
            raise TypeError(f"{field} is no condition: compare it, for example u.{field} == value")
        return Truth(field)
    if isinstance(result, bool):
        raise TypeError(
            f"{result} is no condition: a criterion compares fields of the entity; pass None for no criterion,"
            " and decide with if before the lambda"
        )
    raise TypeError(f"a criterion gives a condition, such as u.name == name, not {_described(result)}")


def negated(result: object) -> Node:
    """The contrary of a traced condition."""
    return Not(condition(result))


def _joined(kind: type[And] | type[Or], left: object, right: object) -> TracedCondition:
    return TracedCondition(_join(kind, [condition(left), condition(right)]))


def _join(kind: type[And] | type[Or], nodes: list[Node]) -> Node:
    operands: list[Node] = []
    for node in nodes:
        operands.extend(node.operands if isinstance(node, kind) else (node,))
    return kind(tuple(operands))


def _compared(operator: Operator, left: TracedField, right: object) -> TracedCondition:
    field, declared = traced_field(left, "a comparison")
    if operator not in ("==", "!=") and is_composite(declared):
        raise TypeError(f"{field} has several parts: compare one of them, such as {field}.{_first_part(declared)}")
    if isinstance(right, TracedField):
        return TracedCondition(Comparison(operator, field, traced_field(right, "a comparison")[0]))
    if right is None:
        negation = f"not_(is_null(u.{field}))" if operator == "!=" else f"is_null(u.{field})"
        raise TypeError(f"nothing is {operator} None, in SQL: write {negation}")
    return TracedCondition(Comparison(operator, field, Value(operand(right, str(field)))))


def _first_part(composite: Any) -> str:
    return next(iter(fields_of(composite) or {"part": None}))


def _described(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
