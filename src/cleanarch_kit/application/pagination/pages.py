"""Pages of a result: what is asked for, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from cleanarch_kit.errors import InvalidCursorError, InvalidPageError

__all__ = ["CursorPage", "CursorRequest", "Page", "PageRequest", "Slice"]

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page by its number, checked when it is made. A subclass may set other bounds.

    Attributes:
        page: number of the page, from 1.
        per_page: how many items a page has.

    Raises:
        InvalidPageError: a field is not a whole number within its bounds; the error names the field.
    """

    max_page: ClassVar[int] = 10_000_000
    max_per_page: ClassVar[int] = 100

    page: int = 1
    per_page: int = 20

    def __post_init__(self) -> None:
        _check_bounds("page", self.page, self.max_page)
        _check_bounds("per_page", self.per_page, self.max_per_page)

    @property
    def offset(self) -> int:
        """How many items stand before this page."""
        return (self.page - 1) * self.per_page


@dataclass(frozen=True, slots=True)
class CursorRequest:
    """A page by its place in the order, checked when it is made. A subclass may set another bound.

    Attributes:
        size: how many items the page has at most.
        after: a cursor; the page starts behind it. Neither `after` nor `before`: the page starts at the beginning.
        before: a cursor; the page ends in front of it.

    Raises:
        InvalidPageError: ``size`` is not a whole number within its bounds.
        InvalidCursorError: a cursor is not text, or both cursors are given.
    """

    max_size: ClassVar[int] = 100

    size: int = 20
    after: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        _check_bounds("size", self.size, self.max_size)
        _check_text(self.after)
        _check_text(self.before)
        if self.after is not None and self.before is not None:
            raise InvalidCursorError("only one of after and before may be given")


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """A page with the total, which costs a second statement that counts.

    Attributes:
        items: the items of this page; none behind the last page.
        total: how many items all pages have together, behind the last page too.
        page: number of this page, from 1.
        per_page: how many items a full page has.
    """

    items: tuple[T_co, ...]
    total: int
    page: int
    per_page: int

    @property
    def pages(self) -> int:
        """How many pages there are; 0 where there is nothing."""
        return -(-self.total // self.per_page)

    @property
    def has_next(self) -> bool:
        """Whether a page follows this one."""
        return self.page < self.pages

    @property
    def has_previous(self) -> bool:
        """Whether a page stands before this one."""
        return self.page > 1

    def map(self, transform: "Callable[[T_co], U]") -> "Page[U]":
        """The same page of other items, for example of what is shown to a client."""
        return Page(tuple(map(transform, self.items)), self.total, self.page, self.per_page)


@dataclass(frozen=True, slots=True)
class Slice(Generic[T_co]):
    """A page without the total: it knows whether another one follows, and nothing has to be counted.

    Attributes:
        items: the items of this page.
        page: number of this page, from 1.
        per_page: how many items a full page has.
        has_next: whether a page follows this one.
    """

    items: tuple[T_co, ...]
    page: int
    per_page: int
    has_next: bool

    @property
    def has_previous(self) -> bool:
        """Whether a page stands before this one."""
        return self.page > 1

    def map(self, transform: "Callable[[T_co], U]") -> "Slice[U]":
        """The same page of other items, for example of what is shown to a client."""
        return Slice(tuple(map(transform, self.items)), self.page, self.per_page, self.has_next)


@dataclass(frozen=True, slots=True)
class CursorPage(Generic[T_co]):
    """A page by its place in the order: it costs the same at any depth and loses nothing while others write.

    Attributes:
        items: the items of this page, in the order that was asked for in either direction.
        next: cursor to be given as ``after`` for the page that follows; None where none does.
        previous: cursor to be given as ``before`` for the page that precedes; None where none does.
    """

    items: tuple[T_co, ...]
    next: str | None
    previous: str | None

    def map(self, transform: "Callable[[T_co], U]") -> "CursorPage[U]":
        """The same page of other items, for example of what is shown to a client."""
        return CursorPage(tuple(map(transform, self.items)), self.next, self.previous)


def _check_bounds(field: str, value: object, maximum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= maximum:
        raise InvalidPageError(field, f"must be a whole number from 1 to {maximum}")


def _check_text(cursor: object) -> None:
    if not isinstance(cursor, str | None):
        raise InvalidCursorError("it must be text")
