"""What a repository and its unit of work should do, as plainly as it can be said: for comparison, not for use."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace

from cleanarch_kit.errors import ConcurrencyError, DuplicateError, NotFoundError, UnitOfWorkStateError

__all__ = ["ModelBook", "ModelUnit"]


@dataclass
class ModelBook:
    """A book, as the model sees it.

    Attributes:
        number: its identity.
        isbn: its unique key.
        title: a text.
        rank: a number or None.
        version: as often as it was saved.
    """

    number: int
    isbn: str
    title: str
    rank: int | None
    version: int = 0


@dataclass
class _Tracked:
    book: ModelBook
    stored: ModelBook | None
    loaded: bool
    original: int
    deleted: bool = False
    expired: bool = False


@dataclass
class _Memory:
    """What a savepoint remembers: the rows, what was tracked, and in which state."""

    rows: dict[int, ModelBook]
    tracked: dict[int, _Tracked]
    states: dict[int, tuple[ModelBook, ModelBook | None, bool]]


@dataclass
class ModelUnit:
    """A unit of work of the model.

    Attributes:
        rows: what it sees in the store: a copy of what is committed, and its own changes.
    """

    rows: dict[int, ModelBook]
    _tracked: dict[int, _Tracked] = field(default_factory=dict[int, _Tracked])
    _new: list[int] = field(default_factory=list[int])
    _removed: list[int] = field(default_factory=list[int])
    _failed: bool = False
    _savepoints: list[_Memory] = field(default_factory=list[_Memory])

    @property
    def savepoints(self) -> int:
        """How many savepoints are open."""
        return len(self._savepoints)

    @property
    def alive(self) -> dict[int, ModelBook]:
        """The tracked books that are not deleted; none while only the rollback is left."""
        if self._failed:
            return {}
        return {number: tracked.book for number, tracked in self._tracked.items() if not tracked.deleted}

    def refused_twice(self, number: int, isbn: str) -> bool:
        """Whether a row would break two constraints at once: which one is named, stores do not agree on."""
        taken = [*self.rows.values(), *(self._tracked[new].book for new in self._new)]
        tracked = self._tracked.get(number)
        unknown = tracked is None or tracked.expired
        return number in self.rows and unknown and any(book.isbn == isbn for book in taken)

    def get(self, number: int) -> ModelBook | None:
        """The tracked book, or the stored one, tracked from now on."""
        self._usable()
        tracked = self._tracked.get(number)
        if tracked is not None:
            tracked.expired = False
            return None if tracked.deleted else tracked.book
        if number not in self.rows:
            return None
        return self._load(number)

    def add(self, book: ModelBook) -> None:
        """Store a new book with the next flush."""
        self._usable()
        if self._removed:
            self.flush()
        tracked = self._tracked.get(book.number)
        if tracked is not None and not tracked.deleted and not tracked.expired:
            raise DuplicateError("primary_key")
        self._tracked[book.number] = _Tracked(book, None, loaded=False, original=book.version)
        self._new.append(book.number)

    def update(self, book: ModelBook) -> None:
        """Save a detached book with the next flush."""
        self._usable()
        tracked = self._tracked.get(book.number)
        if tracked is None:
            self._tracked[book.number] = _Tracked(book, None, loaded=False, original=book.version)
        elif tracked.deleted:
            raise NotFoundError("Book", book.number)
        elif tracked.book is not book:
            raise UnitOfWorkStateError("second object")

    def delete(self, number: int) -> bool:
        """Delete a tracked book with the next flush, another one at once."""
        self._usable()
        tracked = self._tracked.get(number)
        if tracked is None:
            self.flush()
            return self.rows.pop(number, None) is not None
        if tracked.deleted:
            return False
        tracked.deleted = True
        if number in self._new:
            self._new.remove(number)
        else:
            self._removed.append(number)
        return True

    def search(self, wanted: Callable[[ModelBook], bool]) -> list[ModelBook]:
        """All books that are wanted, tracked, by rank (None last) and identity."""
        self.flush()
        found = [row for row in self.rows.values() if wanted(row)]
        found.sort(key=lambda row: (row.rank is None, row.rank or 0, row.number))
        return [book for row in found if (book := self.get(row.number)) is not None]

    def count(self, wanted: Callable[[ModelBook], bool]) -> int:
        """How many books are wanted; none is tracked for it."""
        self.flush()
        return sum(map(wanted, self.rows.values()))

    def flush(self) -> None:
        """Insert, update and delete, in this order; the first refusal leaves only the rollback."""
        self._usable()
        try:
            self._insert()
            self._write_changes()
            for number in self._removed:
                tracked = self._tracked[number]
                expected = tracked.original if tracked.stored is None else tracked.stored.version
                if number not in self.rows or self.rows[number].version != expected:
                    raise ConcurrencyError("Book", number, expected)
                del self.rows[number]
        except Exception:
            self._failed = True
            raise
        self._new, self._removed = [], []

    def begin_savepoint(self) -> None:
        """Write what is pending, and remember everything."""
        self.flush()
        states = {
            number: (replace(tracked.book), tracked.stored and replace(tracked.stored), tracked.deleted)
            for number, tracked in self._tracked.items()
        }
        self._savepoints.append(_Memory(deepcopy(self.rows), dict(self._tracked), states))

    def release_savepoint(self) -> None:
        """Keep what was done since; where that fails, go back."""
        try:
            self.flush()
        except Exception:
            self.return_to_savepoint()
            raise
        self._savepoints.pop()

    def return_to_savepoint(self) -> None:
        """Go back, in the same objects; what was only read since stays tracked, until it is read anew."""
        memory = self._savepoints.pop()
        self.rows = memory.rows
        since = {number: tracked for number, tracked in self._tracked.items() if tracked.loaded}
        for tracked in self._tracked.values():
            tracked.book.version = tracked.original if not tracked.loaded else tracked.book.version
        self._tracked = memory.tracked
        for number, (book, stored, deleted) in memory.states.items():
            tracked = self._tracked[number]
            # Whoever changes what was deleted before keeps the change: no store has anything to do with it.
            vars(tracked.book).update({"version": book.version} if deleted else vars(book))
            tracked.stored, tracked.deleted = stored, deleted
        for number, tracked in since.items():
            if number in self.rows and number not in self._tracked:
                vars(tracked.book).update(vars(self.rows[number]))
                tracked.stored, tracked.deleted, tracked.expired = replace(self.rows[number]), False, True
                self._tracked[number] = tracked
        self._new, self._removed, self._failed = [], [], False

    def give_up(self) -> dict[int, ModelBook]:
        """Roll back: every object gets back the version that it had, and is detached."""
        for tracked in self._tracked.values():
            tracked.book.version = tracked.original
        return self.detached()

    def detached(self) -> dict[int, ModelBook]:
        """The objects that are left over when the unit of work has ended."""
        return {number: tracked.book for number, tracked in self._tracked.items()}

    def _insert(self) -> None:
        for number in self._new:
            tracked = self._tracked[number]
            tracked.book.version += 1
            if number in self.rows:
                raise DuplicateError("primary_key")
            if any(row.isbn == tracked.book.isbn for row in self.rows.values()):
                raise DuplicateError("uq_books_isbn")
            self.rows[number] = replace(tracked.book)
            tracked.stored = replace(tracked.book)

    def _write_changes(self) -> None:
        for number, tracked in self._tracked.items():
            if tracked.deleted or tracked.stored == tracked.book:
                continue
            expected = tracked.book.version if tracked.stored is None else tracked.stored.version
            tracked.book.version = expected + 1
            row = self.rows.get(number)
            if row is None or row.version != expected:
                raise ConcurrencyError("Book", number, expected)
            self.rows[number] = replace(tracked.book)
            tracked.stored = replace(tracked.book)

    def _usable(self) -> None:
        if self._failed:
            raise UnitOfWorkStateError("failed")

    def _load(self, number: int) -> ModelBook:
        book = replace(self.rows[number])
        self._tracked[number] = _Tracked(book, replace(book), loaded=True, original=book.version)
        return book
