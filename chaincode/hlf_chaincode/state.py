"""World state and private collections as a contract sees them.

Reads give what is committed: a transaction never sees its own writes. What the peer refuses is a StateError,
a QueryError for ranges, queries, histories and pages; its text is the peer's own.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from fabric_protos.ledger.queryresult import kv_query_result_pb2

from .keys import all_composite_range, partial_range, simple_range
from .policy import Rule
from .stub import Page as RawPage
from .stub import Stub
from .values.codec import from_json, to_json

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_T = TypeVar("_T")


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


class Results(Iterator[_T]):
    """Results that the peer hands out in parts, as they are asked for.

    They close themselves: at their end, when the last reference goes, at the end of the call, or of a
    ``with`` block around them. Left early, the peer notes only what was read for its phantom check.
    """

    def __init__(self, found: Iterator[bytes], read: Callable[[bytes], _T]) -> None:
        self._found = found
        self._read = read

    def __next__(self) -> _T:
        return self._read(next(self._found))

    def __enter__(self) -> Results[_T]:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Tell the peer that no more is wanted; done once, and nothing after the last result."""
        close: Callable[[], None] = getattr(self._found, "close", lambda: None)
        close()


class State:
    """Public state of this chaincode on this channel."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub

    def get(self, key: str) -> bytes | None:
        """The committed value of a key, or None."""
        return self._stub.get(key)

    def get_json(self, key: str, annotation: type[_T]) -> _T | None:
        """The committed value read by an annotation, or None; DecodeError when it has another form."""
        return _decoded(self._stub.get(key), annotation)

    def put_json(self, key: str, value: Any) -> None:
        """Write a value as exact JSON (see ``to_json``)."""
        self._stub.put(key, to_json(value))

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The committed values of several keys, in one message where the peer can."""
        return self._stub.get_many(keys)

    def put(self, key: str, value: bytes) -> None:
        """Write a value (not empty)."""
        self._stub.put(key, value)

    def delete(self, key: str) -> None:
        """Delete a key."""
        self._stub.delete(key)

    def range(self, start: str = "", end: str = "") -> Results[KeyValue]:
        """Simple keys from ``start`` (included) to ``end`` (excluded); "" is open."""
        return _key_values(self._stub.range(*simple_range(start, end)))

    def range_page(self, start: str, end: str, page_size: int, bookmark: str = "") -> Page:
        """One page of ``range``; only in functions that write nothing."""
        return _page(self._stub.range_page(*simple_range(start, end), page_size, bookmark))

    def by_partial_key(self, object_type: str, attributes: Sequence[str] = ()) -> Results[KeyValue]:
        """Composite keys that begin with these parts."""
        return _key_values(self._stub.range(*partial_range(object_type, attributes)))

    def by_partial_key_page(
        self, object_type: str, attributes: Sequence[str], page_size: int, bookmark: str = ""
    ) -> Page:
        """One page of ``by_partial_key``; only in functions that write nothing."""
        start, end = partial_range(object_type, attributes)
        return _page(self._stub.range_page(start, end, page_size, bookmark))

    def all_composite_page(self, page_size: int, bookmark: str = "") -> Page:
        """One page of all composite keys; only in functions that write nothing."""
        start, end = all_composite_range()
        return _page(self._stub.range_page(start, end, page_size, bookmark))

    def query(self, selector: str | Mapping[str, Any]) -> Results[KeyValue]:
        """A CouchDB query, as JSON text or as what becomes it; QueryError on a peer with LevelDB.

        The peer does not check for phantoms: a query in a transaction that writes guards nothing.
        """
        return _key_values(self._stub.query(_selector(selector)))

    def query_page(self, selector: str | Mapping[str, Any], page_size: int, bookmark: str = "") -> Page:
        """One page of a CouchDB query; only in functions that write nothing."""
        return _page(self._stub.query_page(_selector(selector), page_size, bookmark))

    def history(self, key: str) -> Results[Modification]:
        """All committed writes of a key, newest first; QueryError where the peer keeps no history."""
        return Results(self._stub.history(key), _modification)

    def set_policy(self, key: str, policy: bytes | Rule) -> None:
        """Set a key-level endorsement policy (see ``key_policy``); it replaces the chaincode's.

        Empty bytes take it away. On a key that does not exist and is not written here it does nothing.
        """
        self._stub.set_policy(key, _marshalled(policy))

    def get_policy(self, key: str) -> bytes | None:
        """The key-level endorsement policy, or None; ``read_policy`` says what it asks for."""
        return self._stub.get_policy(key)


class PrivateCollection:
    """One private data collection of this chaincode."""

    def __init__(self, stub: Stub, name: str) -> None:
        if not name:
            raise ValueError("a collection has a name")
        self._stub = stub
        self.name = name

    def get(self, key: str) -> bytes | None:
        """The private value, or None; StateError where this peer is no member and the key exists."""
        return self._stub.get(key, self.name)

    def get_json(self, key: str, annotation: type[_T]) -> _T | None:
        """The private value read by an annotation, or None; DecodeError when it has another form."""
        return _decoded(self._stub.get(key, self.name), annotation)

    def put_json(self, key: str, value: Any) -> None:
        """Write a private value as exact JSON. Its hash is public: give it random bits to hide among."""
        self._stub.put(key, to_json(value), self.name)

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
        """Delete a private key and its private history on every peer (capability V2_5)."""
        self._stub.purge(key, self.name)

    def hash(self, key: str) -> bytes | None:
        """SHA-256 of the committed value, readable by every member of the channel; or None."""
        return self._stub.get_hash(key, self.name)

    def range(self, start: str = "", end: str = "") -> Results[KeyValue]:
        """Simple keys of the collection; only in functions that write nothing."""
        return _key_values(self._stub.range(*simple_range(start, end), self.name))

    def by_partial_key(self, object_type: str, attributes: Sequence[str] = ()) -> Results[KeyValue]:
        """Composite keys of the collection that begin with these parts; where nothing is written."""
        return _key_values(self._stub.range(*partial_range(object_type, attributes), self.name))

    def query(self, selector: str | Mapping[str, Any]) -> Results[KeyValue]:
        """A CouchDB query over the collection; only in functions that write nothing."""
        return _key_values(self._stub.query(_selector(selector), self.name))

    def set_policy(self, key: str, policy: bytes | Rule) -> None:
        """Set a key-level endorsement policy; it replaces the collection's."""
        self._stub.set_policy(key, _marshalled(policy), self.name)

    def get_policy(self, key: str) -> bytes | None:
        """The key-level endorsement policy, or None."""
        return self._stub.get_policy(key, self.name)


def _marshalled(policy: bytes | Rule) -> bytes:
    return policy.to_bytes() if isinstance(policy, Rule) else policy


def _decoded(value: bytes | None, annotation: type[_T]) -> _T | None:
    if value is None:
        return None
    decoded: _T = from_json(value, annotation)
    return decoded


def _selector(selector: str | Mapping[str, Any]) -> str:
    return selector if isinstance(selector, str) else to_json(selector).decode()


def _key_value(result: bytes) -> KeyValue:
    found = kv_query_result_pb2.KV.FromString(result)
    return KeyValue(found.key, found.value)


def _key_values(results: Iterator[bytes]) -> Results[KeyValue]:
    return Results(results, _key_value)


def _page(raw: RawPage) -> Page:
    return Page(tuple(map(_key_value, raw.results)), raw.bookmark)


def _modification(result: bytes) -> Modification:
    found = kv_query_result_pb2.KeyModification.FromString(result)
    stamp = found.timestamp
    when = _EPOCH + datetime.timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    return Modification(found.tx_id, None if found.is_delete else found.value, when, found.is_delete)
