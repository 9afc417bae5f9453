"""Running a criterion's tree in memory, with SQL's three-valued logic."""

import operator
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final, cast

from cleanarch_kit.domain.criteria import And, AnyOf, Comparison, Field, IsNull, Node, Not, OneOf, TextMatch, Truth
from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["evaluate", "field_value", "plain_value"]

_content: Final[Callable[[object], object]] = operator.attrgetter("value")
_OPERATORS: Mapping[str, Callable[..., bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ASCII_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def evaluate(node: Node, entity: object) -> bool | None:
    """Tell whether the tree is true of an entity: True, False, or None where it is unknown."""
    result: bool | None
    match node:
        case Comparison():
            result = _compare(node, entity)
        case TextMatch():
            result = _match_text(node, field_value(node.field, entity))
        case OneOf(field, values):
            result = _among(field_value(field, entity), values)
        case IsNull(field):
            result = field_value(field, entity) is None
        case Truth(field):
            value = field_value(field, entity)
            result = None if value is None else bool(value)
        case AnyOf(field, condition):
            items = _items(field_value(field, entity))
            result = any(condition is None or evaluate(condition, item) is True for item in items)
        case Not(operand):
            contrary = evaluate(operand, entity)
            result = None if contrary is None else not contrary
        case And(operands):
            result = _decide(operands, entity, decisive=False)
        case _:
            result = _decide(node.operands, entity, decisive=True)
    return result


def field_value(field: Field, entity: object) -> object:
    """The plain value at the end of a field's path, or None as soon as the path leads to None."""
    value = entity
    for name in field.path:
        if value is None:
            return None
        value = getattr(value, name)
    return plain_value(value)


def plain_value(value: object) -> object:
    """What a value is compared by: the content of a one-field value and of an enum member, else itself."""
    return _content(value) if isinstance(value, ScalarValue | Enum) else value


def _compare(comparison: Comparison, entity: object) -> bool | None:
    left, right = field_value(comparison.left, entity), comparison.right
    other = field_value(right, entity) if isinstance(right, Field) else plain_value(right.value)
    return None if left is None or other is None else _OPERATORS[comparison.operator](left, other)


def _match_text(match: TextMatch, value: object) -> bool | None:
    if value is None:
        return None
    text, part = str(value), match.text
    if match.ignore_case:
        text, part = text.translate(_ASCII_LOWER), part.translate(_ASCII_LOWER)
    return text.startswith(part) if match.kind == "starts_with" else part in text


def _items(value: object) -> Iterable[object]:
    """What a field holds: the values of a dict, the items of another collection, or the one object that is there."""
    if isinstance(value, Mapping):
        return cast("Mapping[object, object]", value).values()
    if isinstance(value, Iterable):
        return cast("Iterable[object]", value)
    return () if value is None else (value,)


def _among(value: object, values: tuple[object, ...]) -> bool | None:
    if values and value is None:
        return None
    return any(value == plain_value(candidate) for candidate in values)


def _decide(operands: tuple[Node, ...], entity: object, *, decisive: bool) -> bool | None:
    """AND and OR: one decisive operand settles it, else one unknown operand leaves it unknown."""
    unknown = False
    for operand in operands:
        result = evaluate(operand, entity)
        if result is decisive:
            return decisive
        unknown = unknown or result is None
    return None if unknown else not decisive
