"""The recordings, opened once a session and written by a run on real Fabric."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.book import Book


@pytest.fixture(scope="session")
def book(fabric: str) -> Iterator[Book]:
    """What real Fabric answered; a run on it writes what it heard."""
    recordings = Book("3.1.5")
    yield recordings
    if fabric == "docker":
        recordings.write()
