"""The recordings, opened once a session and written by a run on real Fabric."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from tests.conformance.book import Book
from tests.networks import KINDS


@pytest.fixture(scope="session")
def book_of(fabric: str) -> Iterator[Callable[[str], Book]]:
    """What real Fabric answered on a kind of network; a run on it writes what it heard."""
    books: dict[str, Book] = {}

    def open_book(kind: str) -> Book:
        version = KINDS[kind].version
        return books.setdefault(version, Book(version))

    yield open_book
    if fabric == "docker":
        for book in books.values():
            book.write(date.today())


@pytest.fixture(scope="session")
def book(book_of: Callable[[str], Book]) -> Book:
    """What Fabric 3.1 answered."""
    return book_of("slice")
