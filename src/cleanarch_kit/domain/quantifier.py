"""`any_`: a condition on what an entity owns."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar, overload

from cleanarch_kit.domain.criteria import And, AnyOf, Comparison, Field, Node, Not, Or
from cleanarch_kit.domain.field_types import Items, is_leaf
from cleanarch_kit.domain.stand_ins import TracedField, as_bool, condition, traced_field

__all__ = ["any_"]

K = TypeVar("K")
T = TypeVar("T")


@overload
def any_(field: Mapping[K, T], criterion: Callable[[T], bool] | None = None) -> bool: ...
@overload
def any_(field: Iterable[T], criterion: Callable[[T], bool] | None = None) -> bool: ...
@overload
def any_(field: T | None, criterion: Callable[[T], bool] | None = None) -> bool: ...
def any_(field: object, criterion: Callable[..., bool] | None = None) -> bool:
    """Whether any object that the entity owns meets a condition: ``any_(o.lines, lambda line: line.sku == sku)``.

    True or false, never unknown: where the condition on an object is unknown, it does not count. Another `any_` may
    stand inside, over what the objects own. Of an object that may be None, mypy knows the fields through `present`:
    ``any_(present(o.address), lambda a: a.city == city)``.

    Args:
        field: a list, set or tuple of objects, a dict with objects as its values, or one object that may be None.
        criterion: a lambda over one of the objects, or a `Specification`. It compares fields of the object with each
            other and with values. Without one: whether there is any object.
    """
    path, declared = traced_field(field, "any_()")
    item = declared.type if isinstance(declared, Items) else declared
    if is_leaf(item):
        raise TypeError(f"{path} holds no objects with fields of their own: compare it, or write contains()")
    return as_bool(AnyOf(path, None if criterion is None else _traced(path, criterion, item)))


def _traced(field: Field, criterion: Callable[..., bool], item: type | None) -> Node:
    if not callable(criterion):
        raise TypeError(
            f"any_(o.{field}, ...) takes a lambda over one object, such as lambda item: item.name == name,"
            f" not {criterion!r}"
        )
    scope = object()
    node = condition(criterion(TracedField(Field((), scope), item)))
    for compared in _fields(node):
        if compared.scope is not scope:
            raise TypeError(
                f"inside any_(o.{field}, ...) a condition is about one object, and {compared} is none of its fields:"
                " join it to any_() with & or |"
            )
    return node


def _fields(node: Node) -> Iterator[Field]:
    """The fields that a tree compares; of what is inside another `AnyOf`, none."""
    match node:
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _fields(operand)
        case Not(operand):
            yield from _fields(operand)
        case Comparison(_, left, right):
            yield left
            if isinstance(right, Field):
                yield right
        case _:
            yield node.field
