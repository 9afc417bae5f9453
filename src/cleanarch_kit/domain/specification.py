"""Criteria with a name, and the words that criteria are written with."""

from collections.abc import Iterable
from typing import Generic, Never, NoReturn, TypeVar, cast

from cleanarch_kit.domain._operands import operand
from cleanarch_kit.domain._primitives import text
from cleanarch_kit.domain.criteria import Criterion, IsNull, OneOf, TextMatch, TextMatchKind
from cleanarch_kit.domain.evaluation import evaluate
from cleanarch_kit.domain.stand_ins import (
    TracedField,
    TracedOrder,
    as_bool,
    condition,
    negated,
    order_key,
    single_field,
    traced_field,
)
from cleanarch_kit.domain.tracing import trace
from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["Specification", "asc", "contains", "desc", "is_null", "not_", "one_of", "present", "starts_with"]

_NO_SPECIFICATION = "a Specification combines with another: wrap the lambda, as in Specification[User](lambda u: ...)"

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Specification(Generic[T_contra]):
    """A criterion to keep, to name and to combine: ``active & ~blocked``.

    Goes wherever a criterion goes. Called with an entity, it tells whether the entity satisfies it, as a database
    would: what is unknown is not satisfied. Called inside another criterion, it becomes part of it.

    Args:
        criterion: a lambda over the entity. It is read anew each time.
    """

    __slots__ = ("_criterion",)

    def __init__(self, criterion: Criterion[T_contra]) -> None:
        self._criterion = criterion

    def __call__(self, entity: T_contra) -> bool:
        """Whether the entity satisfies it; inside another criterion, a part of that."""
        if isinstance(entity, TracedField):
            return as_bool(condition(self._criterion(entity)))
        return evaluate(trace(self._criterion, type(entity)), entity) is True

    def __and__(self, other: "Specification[T_contra]") -> "Specification[T_contra]":
        _require_specification(other)
        return Specification(lambda entity: self(entity) & other(entity))

    def __or__(self, other: "Specification[T_contra]") -> "Specification[T_contra]":
        _require_specification(other)
        return Specification(lambda entity: self(entity) | other(entity))

    def __rand__(self, other: Never) -> NoReturn:
        raise TypeError(_NO_SPECIFICATION)

    __ror__ = __rand__

    def __invert__(self) -> "Specification[T_contra]":
        return Specification(lambda entity: not_(self(entity)))

    def __bool__(self) -> NoReturn:
        raise TypeError("a Specification is neither true nor false: call it with an entity, or combine with &, | and ~")


def not_(condition: bool) -> bool:
    """The contrary of a condition. Unknown stays unknown."""
    return as_bool(negated(condition))


def is_null(field: object) -> bool:
    """Whether a field holds None."""
    return as_bool(IsNull(traced_field(field, "is_null()")[0]))


def present(field: T | None) -> T:
    """An optional field, to be compared: ``present(u.rank) > 5``. Where it holds None the comparison is unknown."""
    traced_field(field, "present()")
    return cast("T", field)


def one_of(field: T | None, values: Iterable[T]) -> bool:
    """Whether a field equals one of some values. Without values it is false."""
    traced = single_field(field, "one_of()")[0]
    if isinstance(values, str | bytes):
        raise TypeError(f"one_of(u.{traced}, ...) takes several values: put the text into a list")
    items = tuple(values)
    if any(item is None for item in items):
        raise TypeError(f"nothing equals None, in SQL: write one_of(u.{traced}, values) | is_null(u.{traced})")
    return as_bool(OneOf(traced, tuple(operand(item, str(traced)) for item in items)))


def contains(field: str | ScalarValue[str] | None, part: str, *, ignore_case: bool = False) -> bool:
    """Whether a text field contains a text. No character of it is a wildcard.

    Args:
        field: a field with text or with a one-field value of text; where it holds None, the result is unknown.
        part: the text to look for; in the empty text, every text is found.
        ignore_case: do not tell ASCII capitals from small letters; other letters as the store does.
    """
    return as_bool(_text_match("contains", field, part, ignore_case=ignore_case))


def starts_with(field: str | ScalarValue[str] | None, part: str, *, ignore_case: bool = False) -> bool:
    """Whether a text field starts with a text. As `contains` in all else."""
    return as_bool(_text_match("starts_with", field, part, ignore_case=ignore_case))


def asc(field: object, *, nulls_first: bool = False) -> object:
    """Order by a field, smallest first; None last, unless `nulls_first` is set."""
    return TracedOrder(order_key(field, nulls_first=nulls_first))


def desc(field: object, *, nulls_first: bool = False) -> object:
    """Order by a field, greatest first; None last, unless `nulls_first` is set."""
    return TracedOrder(order_key(field, descending=True, nulls_first=nulls_first))


def _text_match(kind: TextMatchKind, field: object, part: object, *, ignore_case: bool) -> TextMatch:
    traced, declared = single_field(field, f"{kind}()")
    if declared is not None and not issubclass(getattr(declared, "value_type", declared), str):
        raise TypeError(f"{traced} is no text: {kind}() takes a field with text")
    if isinstance(part, TracedField):
        raise TypeError(f"{kind}(u.{traced}, text) takes a text that is known before, not another field")
    if part is None:
        raise TypeError(f"{kind}(u.{traced}, None) finds nothing: pass None in place of the whole criterion")
    return TextMatch(kind, traced, text("text in a criterion", part), ignore_case)


def _require_specification(other: object) -> None:
    if not isinstance(other, Specification):
        raise TypeError(_NO_SPECIFICATION)
