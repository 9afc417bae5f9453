"""Stand-ins: what a criterion's lambda is given in place of an entity, its fields and the bools they make.

To a type checker they are what they stand for; at run time they note what is asked of them, or refuse.
"""

from typing import Any, NoReturn, cast

from cleanarch_kit.domain._operands import operand
from cleanarch_kit.domain.criteria import (
    And,
    Comparison,
    Field,
    Node,
    Not,
    Operator,
    Or,
    OrderKey,
    Truth,
    Value,
)
from cleanarch_kit.domain.field_types import Declared, Items, fields_of, is_composite, unknown_field

__all__ = [
    "TracedCondition",
    "TracedField",
    "TracedOrder",
    "as_bool",
    "condition",
    "joined",
    "negated",
    "order_key",
    "single_field",
    "traced_field",
]

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
            "a criterion cannot use in: write contains(field, text) for text, one_of(field, values) for values,"
            " any_(o.lines, lambda line: ...) for what the entity owns"
        )

    def __iter__(self) -> NoReturn:
        raise TypeError(
            "a criterion cannot go through a field: write any_(o.lines, lambda line: ...) for what the entity owns"
        )

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

    def __init__(self, field: Field, declared: Declared) -> None:
        self.__traced__ = (field, declared)

    def __repr__(self) -> str:
        return f"<field {self.__traced__[0]}>"

    def __getattr__(self, name: str) -> "TracedField":
        if name.startswith("__"):
            raise AttributeError(name)
        field, owner = self.__traced__
        if isinstance(owner, Items):
            raise TypeError(_through(field))
        known = fields_of(owner) if owner is not None else None
        if known is None:
            if name.startswith("_"):
                raise TypeError(f"{name!r} is private: a criterion compares public fields")
            return TracedField(Field((*field.path, name), field.scope), None)
        if owner is not None and name not in known:
            raise TypeError(unknown_field(owner, name, known))
        return TracedField(Field((*field.path, name), field.scope), known[name])

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse: a method was called."""
        self._refuse_items()
        raise TypeError(
            f"a criterion cannot call {self.__traced__[0]}(): it compares stored fields; write contains(field, text),"
            " starts_with(field, text), with ignore_case=True where case does not matter"
        )

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse_items()
        raise TypeError(f"a criterion cannot look into {self.__traced__[0]}: it compares whole fields")

    def __and__(self, other: object) -> TracedCondition:
        return _joined(And, self, other)

    def __rand__(self, other: object) -> TracedCondition:
        return _joined(And, other, self)

    def __or__(self, other: object) -> TracedCondition:
        return _joined(Or, self, other)

    def __ror__(self, other: object) -> TracedCondition:
        return _joined(Or, other, self)

    def __eq__(self, other: object) -> bool:
        return _compared("==", self, other)

    def __ne__(self, other: object) -> bool:
        return _compared("!=", self, other)

    def __lt__(self, other: object) -> bool:
        return _compared("<", self, other)

    def __le__(self, other: object) -> bool:
        return _compared("<=", self, other)

    def __gt__(self, other: object) -> bool:
        return _compared(">", self, other)

    def __ge__(self, other: object) -> bool:
        return _compared(">=", self, other)

    __hash__ = _Traced.__hash__

    def _no_arithmetic(self, *_: object) -> NoReturn:
        self._refuse_items()
        raise TypeError(
            f"a criterion cannot compute with {self.__traced__[0]}: compute the other side before the lambda"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _no_arithmetic
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = __abs__ = (
        _no_arithmetic
    )
    __len__ = __int__ = __float__ = __index__ = _no_arithmetic

    def _refuse_items(self) -> None:
        field, declared = self.__traced__
        if isinstance(declared, Items):
            raise TypeError(_through(field))


class TracedOrder:
    """Stands in for what ``asc`` and ``desc`` give."""

    __slots__ = ("key",)

    def __init__(self, key: OrderKey) -> None:
        self.key = key


def order_key(field: object, *, descending: bool = False, nulls_first: bool = False) -> OrderKey:
    """The key for ordering by a traced field; a finished key stays as it is.

    Raises:
        TypeError: it is no traced field, or one that has no order.
    """
    if isinstance(field, TracedOrder):
        return field.key
    if isinstance(field, OrderKey):
        return field
    traced, declared = single_field(field, "an ordering")
    if is_composite(declared):
        raise TypeError(f"{traced} has several parts: order by one of them, such as {traced}.{_first_part(declared)}")
    return OrderKey(traced, descending, nulls_first)


def traced_field(field: object, reader: str) -> tuple[Field, Declared]:
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


def single_field(field: object, reader: str) -> tuple[Field, type | None]:
    """The path and declared type of a traced field that does not hold several objects.

    Raises:
        TypeError: it does, or it is something else; `reader` names who wanted a field.
    """
    traced, declared = traced_field(field, reader)
    if isinstance(declared, Items):
        raise TypeError(_through(traced))
    return traced, declared


def condition(result: object) -> Node:
    """The tree of a traced condition; a field of type bool is one, too.

    Raises:
        TypeError: it is no condition.
    """
    if isinstance(result, TracedCondition):
        return result.__traced__
    if isinstance(result, TracedField):
        field, declared = single_field(result, "a criterion")
        if declared not in (None, bool):
            raise TypeError(f"{field} is no condition: compare it, for example u.{field} == value")
        return Truth(field)
    if isinstance(result, bool):
        raise TypeError(
            f"{result} is no condition: a criterion compares fields of the entity; write is_null(field) for is None,"
            " pass None for no criterion, and decide with if before the lambda"
        )
    raise TypeError(f"a criterion gives a condition, such as u.name == name, not {_described(result)}")


def as_bool(node: Node) -> bool:
    """The stand-in for a condition; to a type checker it is the bool that it stands for."""
    return cast("bool", TracedCondition(node))


def negated(result: object) -> Node:
    """The contrary of a traced condition."""
    return Not(condition(result))


def _joined(kind: type[And] | type[Or], left: object, right: object) -> TracedCondition:
    return TracedCondition(joined(kind, [_operand(left), _operand(right)]))


def _operand(operand: object) -> Node:
    if not isinstance(operand, _Traced | bool):
        raise TypeError(
            f"& and | join conditions, not {_described(operand)}: they bind more tightly than comparisons,"
            " so write (u.name == name) & (u.rank > 1)"
        )
    return condition(operand)


def joined(kind: type[And] | type[Or], nodes: list[Node]) -> Node:
    """Two or more trees joined by AND or OR; those that are so joined already become part of it."""
    operands: list[Node] = []
    for node in nodes:
        operands.extend(node.operands if isinstance(node, kind) else (node,))
    return kind(tuple(operands))


def _compared(operator: Operator, left: TracedField, right: object) -> bool:
    field, declared = single_field(left, "a comparison")
    if operator not in ("==", "!=") and is_composite(declared):
        raise TypeError(f"{field} has several parts: compare one of them, such as {field}.{_first_part(declared)}")
    if isinstance(right, TracedField):
        return as_bool(Comparison(operator, field, single_field(right, "a comparison")[0]))
    if right is None:
        negation = f"not_(is_null(u.{field}))" if operator == "!=" else f"is_null(u.{field})"
        raise TypeError(f"nothing is {operator} None, in SQL: write {negation}")
    return as_bool(Comparison(operator, field, Value(operand(right, str(field)))))


def _through(field: Field) -> str:
    return (
        f"{field} holds several objects: write any_(o.{field}, lambda item: ...) for a condition on one of them,"
        f" any_(o.{field}) for whether there is any"
    )


def _first_part(composite: Any) -> str:
    return next(iter(fields_of(composite) or {"part": None}))


def _described(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
