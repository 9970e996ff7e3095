"""World state and private collections as a contract sees them.

Reads give what is committed: a transaction never sees its own writes.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from fabric_protos.ledger.queryresult import kv_query_result_pb2

from .keys import all_composite_range, partial_range, simple_range
from .stub import Page as RawPage
from .stub import Stub

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class KeyValue(NamedTuple):
    """One key with its committed value."""

    key: str
    value: bytes


class Page(NamedTuple):
    """Some records and the bookmark that continues after them; "" means there are no more."""

    items: tuple[KeyValue, ...]
    bookmark: str


class Modification(NamedTuple):
    """One committed write of a key. ``timestamp`` is the transaction's, UTC."""

    transaction_id: str
    value: bytes | None
    timestamp: datetime.datetime
    deleted: bool


class State:
    """Public state of this chaincode on this channel."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub

    def get(self, key: str) -> bytes | None:
        """The committed value of a key, or None."""
        return self._stub.get(key)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The committed values of several keys, in one message where the peer can."""
        return self._stub.get_many(keys)

    def put(self, key: str, value: bytes) -> None:
        """Write a value (not empty)."""
        self._stub.put(key, value)

    def delete(self, key: str) -> None:
        """Delete a key."""
        self._stub.delete(key)

    def range(self, start: str = "", end: str = "") -> Iterator[KeyValue]:
        """Simple keys from ``start`` (included) to ``end`` (excluded); "" is open."""
        return _key_values(self._stub.range(*simple_range(start, end)))

    def range_page(self, start: str, end: str, page_size: int, bookmark: str = "") -> Page:
        """One page of ``range``; only in functions that write nothing."""
        return _page(self._stub.range_page(*simple_range(start, end), page_size, bookmark))

    def by_partial_key(self, object_type: str, attributes: Sequence[str] = ()) -> Iterator[KeyValue]:
        """Composite keys that begin with these parts."""
        return _key_values(self._stub.range(*partial_range(object_type, attributes)))

    def by_partial_key_page(
        self, object_type: str, attributes: Sequence[str], page_size: int, bookmark: str = ""
    ) -> Page:
        """One page of ``by_partial_key``; only in functions that write nothing."""
        start, end = partial_range(object_type, attributes)
        return _page(self._stub.range_page(start, end, page_size, bookmark))

    def all_composite_page(self, page_size: int, bookmark: str = "") -> Page:
        """One page of all composite keys."""
        start, end = all_composite_range()
        return _page(self._stub.range_page(start, end, page_size, bookmark))

    def query(self, selector: str) -> Iterator[KeyValue]:
        """A CouchDB query; PeerError on a peer with LevelDB."""
        return _key_values(self._stub.query(selector))

    def query_page(self, selector: str, page_size: int, bookmark: str = "") -> Page:
        """One page of a CouchDB query."""
        return _page(self._stub.query_page(selector, page_size, bookmark))

    def history(self, key: str) -> Iterator[Modification]:
        """All committed writes of a key, newest first."""
        return _modifications(self._stub.history(key))

    def set_policy(self, key: str, policy: bytes) -> None:
        """Set a key-level endorsement policy (see ``key_policy``); it replaces the chaincode's."""
        self._stub.set_policy(key, policy)

    def get_policy(self, key: str) -> bytes | None:
        """The key-level endorsement policy, or None."""
        return self._stub.get_policy(key)


class PrivateCollection:
    """One private data collection of this chaincode."""

    def __init__(self, stub: Stub, name: str) -> None:
        if not name:
            raise ValueError("a collection has a name")
        self._stub = stub
        self.name = name

    def get(self, key: str) -> bytes | None:
        """The private value, or None; PeerError where this peer is no member and the key exists."""
        return self._stub.get(key, self.name)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Several private values. A peer without the data answers None here where ``get`` raises."""
        return self._stub.get_many(keys, self.name)

    def put(self, key: str, value: bytes) -> None:
        """Write a private value; its hash becomes public."""
        self._stub.put(key, value, self.name)

    def delete(self, key: str) -> None:
        """Delete a private key."""
        self._stub.delete(key, self.name)

    def purge(self, key: str) -> None:
        """Delete a private key and its private history on every peer."""
        self._stub.purge(key, self.name)

    def hash(self, key: str) -> bytes | None:
        """SHA-256 of the committed value, readable by every member of the channel; or None."""
        return self._stub.get_hash(key, self.name)

    def range(self, start: str = "", end: str = "") -> Iterator[KeyValue]:
        """Simple keys of the collection; only in functions that write nothing."""
        return _key_values(self._stub.range(*simple_range(start, end), self.name))

    def by_partial_key(self, object_type: str, attributes: Sequence[str] = ()) -> Iterator[KeyValue]:
        """Composite keys of the collection that begin with these parts."""
        return _key_values(self._stub.range(*partial_range(object_type, attributes), self.name))

    def query(self, selector: str) -> Iterator[KeyValue]:
        """A CouchDB query over the collection."""
        return _key_values(self._stub.query(selector, self.name))

    def set_policy(self, key: str, policy: bytes) -> None:
        """Set a key-level endorsement policy; it replaces the collection's."""
        self._stub.set_policy(key, policy, self.name)

    def get_policy(self, key: str) -> bytes | None:
        """The key-level endorsement policy, or None."""
        return self._stub.get_policy(key, self.name)


class _Mapped(Iterator["KeyValue"]):
    """Results turned into key and value; closing it closes the peer's iterator."""

    def __init__(self, results: Iterator[bytes]) -> None:
        self._results = results

    def __next__(self) -> KeyValue:
        found = kv_query_result_pb2.KV.FromString(next(self._results))
        return KeyValue(found.key, found.value)

    def close(self) -> None:
        close: Callable[[], None] = getattr(self._results, "close", lambda: None)
        close()


def _key_values(results: Iterator[bytes]) -> Iterator[KeyValue]:
    return _Mapped(results)


def _page(raw: RawPage) -> Page:
    found = [kv_query_result_pb2.KV.FromString(result) for result in raw.results]
    return Page(tuple(KeyValue(item.key, item.value) for item in found), raw.bookmark)


def _modifications(results: Iterator[bytes]) -> Iterator[Modification]:
    for result in results:
        found = kv_query_result_pb2.KeyModification.FromString(result)
        stamp = found.timestamp
        when = _EPOCH + datetime.timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
        value = None if found.is_delete else found.value
        yield Modification(found.tx_id, value, when, found.is_delete)
