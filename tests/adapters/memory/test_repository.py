"""The in-memory repository keeps the contract; and what is its own."""

from functools import partial

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.testing import Book, BookId, Note, NoteId, RepositoryContract, Subject


class InMemoryBooks(InMemoryRepository[Book, BookId]):
    unique: UniqueKeys[Book] = {"uq_books_isbn": lambda b: b.isbn}


class InMemoryNotes(InMemoryRepository[Note, NoteId]):
    """Nothing to add."""


class TestInMemoryRepository(RepositoryContract):
    @pytest.fixture
    def subject(self) -> Subject:
        store = InMemoryStore()
        return Subject(partial(InMemoryUnitOfWork, store), InMemoryBooks, InMemoryNotes)
