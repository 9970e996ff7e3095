"""A peer's answers to a running call: messages in, messages out, against one organization's view."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from ..stub import Message
from .world import CollectionSpec, Entry, ReadWriteSet, Scan, Version, World, in_range, key_hash

_BATCH = 100

Invoke = Callable[[str, str, list[bytes], "Simulation"], Message]
"""Runs a chaincode: name, channel, arguments, the calling simulation."""


class Refused(Exception):  # noqa: N818 - the field's word
    """The peer's no, without the prefix that names the request."""


class Simulation:
    """One endorsement at one organization's peer: what it read and wrote so far.

    ``caller`` is the MSP id and role of the proposal's creator.
    """

    def __init__(self, world: World, organization: str, caller: tuple[str, str], transaction_id: str) -> None:
        self.world = world
        self.organization = organization
        self.caller = caller
        self.transaction_id = transaction_id
        self.rwset = ReadWriteSet()
        self._wrote = False
        self._paged = False
        self._scanned_private = False

    def read(self, namespace: str, key: str) -> Entry | None:
        """A public key, noted as read."""
        entry = self.world.entry(namespace, key)
        self.rwset.reads[namespace, key] = entry.version if entry else None
        return entry

    def read_hash(self, namespace: str, collection: str, key: str) -> Entry | None:
        """A private key's hash, noted as read."""
        hashed = key_hash(key)
        entry = self.world.hashed_entry(namespace, collection, hashed)
        self.rwset.hashed_reads[namespace, collection, hashed] = entry.version if entry else None
        return entry

    def read_private(
        self, namespace: str, collection: str, key: str, *, checked: bool = True
    ) -> Entry | None:
        """A private value; where ``checked``, refused if this peer's copy is not the committed one."""
        hashed = self.world.hashed_entry(namespace, collection, key_hash(key))
        entry = self.world.private_entry(self.organization, namespace, collection, key)
        public = hashed.version if hashed else None
        private = entry.version if entry else None
        if checked and public != private:
            raise Refused(
                "private data matching public hash version is not available. "
                f"Public hash version = {_version(public)}, Private data version = {_version(private)}"
            )
        self.rwset.hashed_reads[namespace, collection, key_hash(key)] = private
        return entry

    def note_scan(
        self, namespace: str, start: str, end: str, seen: Sequence[tuple[str, Version]], *, exhausted: bool
    ) -> None:
        """A range for the phantom check; one that was noted already counts once."""
        last = end if exhausted or not seen else seen[-1][0]
        scan = Scan(namespace, start, last, tuple(seen), exhausted)
        known = {(each.namespace, each.start, each.end, each.exhausted) for each in self.rwset.scans}
        if (namespace, start, last, exhausted) not in known:
            self.rwset.scans.append(scan)

    def before_write(self) -> None:
        """Refuse a write after what only read-only transactions may do."""
        if self._scanned_private:
            raise self._unsupported(
                "Transaction has already performed queries on pvt data. Writes are not allowed"
            )
        if self._paged:
            raise self._unsupported(
                "Transaction has already performed a paginated query. Writes are not allowed"
            )
        self._wrote = True

    def before_page(self) -> None:
        """Refuse a paginated query after a write."""
        if self._wrote:
            raise self._unsupported("Paginated queries are supported only in a read-only transaction")
        self._paged = True

    def before_private_scan(self) -> None:
        """Refuse a range over private data after a write."""
        if self._wrote:
            raise self._unsupported("Queries on pvt data is supported only in a read-only transaction")
        self._scanned_private = True

    def _unsupported(self, reason: str) -> Refused:
        # Fabric's own spelling.
        return Refused(f"txid [{self.transaction_id}]: unsuppored transaction. {reason}")


@dataclass
class _Open:
    results: Iterator[bytes]
    ahead: bytes | None


class PeerSide:
    """Answers one call's requests in one namespace."""

    def __init__(self, simulation: Simulation, namespace: str, invoke: Invoke) -> None:
        self._simulation = simulation
        self._world = simulation.world
        self._namespace = namespace
        self._invoke = invoke
        self._iterators: dict[str, _Open] = {}
        self._opened = 0
        self._finish: list[Callable[[], None]] = []

    def exchange(self, message: Message) -> Message:
        """The answer to one request: RESPONSE, or ERROR with the peer's text."""
        answer = Message(type=Message.RESPONSE, txid=message.txid, channel_id=message.channel_id)
        try:
            answer.payload = self._handlers[message.type](self, message)
        except Refused as error:
            kind = Message.Type.Name(message.type)
            answer.type = Message.ERROR
            answer.payload = f"{kind} failed: transaction ID: {message.txid}: {error}".encode()
        return answer

    def finish(self) -> None:
        """Note the ranges that the call left unfinished."""
        for note in self._finish:
            note()

    # reading

    def _get(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.GetState.FromString(message.payload)
        return self._value(request.key, request.collection)

    def _get_multiple(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.GetStateMultiple.FromString(message.payload)
        # Unlike one at a time: of several private values a peer that lacks one says nothing.
        values = [self._value(key, request.collection, checked=False) for key in request.keys]
        return chaincode_shim_pb2.GetStateMultipleResult(values=values).SerializeToString()

    def _value(self, key: str, collection: str, *, checked: bool = True) -> bytes:
        if collection:
            self._readable(collection)
            entry = self._simulation.read_private(self._namespace, collection, key, checked=checked)
        else:
            entry = self._simulation.read(self._namespace, key)
        return entry.value if entry else b""

    def _get_hash(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.GetState.FromString(message.payload)
        if not request.collection:
            return b""
        if request.collection not in self._world.definitions[self._namespace].collections:
            raise self._undefined(request.collection)
        entry = self._simulation.read_hash(self._namespace, request.collection, request.key)
        return entry.value if entry else b""

    def _get_metadata(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.GetStateMetadata.FromString(message.payload)
        if request.collection:
            self._readable(request.collection)
            entry = self._simulation.read_hash(self._namespace, request.collection, request.key)
        else:
            entry = self._simulation.read(self._namespace, request.key)
        entries = [
            chaincode_shim_pb2.StateMetadata(metakey=name, value=value)
            for name, value in sorted(entry.metadata.items() if entry else [])
        ]
        return chaincode_shim_pb2.StateMetadataResult(entries=entries).SerializeToString()

    def _range(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.GetStateByRange.FromString(message.payload)
        page = chaincode_shim_pb2.QueryMetadata.FromString(request.metadata)
        limit = page.pageSize if page.pageSize > 0 else None
        if request.collection:
            self._readable(request.collection)
            self._simulation.before_private_scan()
            stores = self._world.private[self._simulation.organization]
            store = stores.get((self._namespace, request.collection), {})
            found = in_range(store, request.startKey, request.endKey)
            return self._open(iter([self._kv(key, entry) for key, entry in found[:limit]]))
        if page.pageSize or page.bookmark:
            return self._page(page.bookmark or request.startKey, request.endKey, limit)
        return self._open(self._scan(request.startKey, request.endKey))

    def _page(self, start: str, end: str, limit: int | None) -> bytes:
        self._simulation.before_page()
        found = self._world.scan(self._namespace, start, end)
        shown = found[:limit]
        bookmark = found[len(shown)][0] if len(found) > len(shown) else ""
        read = [(key, entry.version) for key, entry in shown]
        exhausted = limit is None or len(shown) < limit
        self._simulation.note_scan(self._namespace, start, end, read, exhausted=exhausted)
        metadata = chaincode_shim_pb2.QueryResponseMetadata(
            fetched_records_count=len(shown), bookmark=bookmark
        )
        return chaincode_shim_pb2.QueryResponse(
            results=[
                chaincode_shim_pb2.QueryResultBytes(resultBytes=self._kv(key, entry)) for key, entry in shown
            ],
            metadata=metadata.SerializeToString(),
            id=self._new_identifier(),
        ).SerializeToString()

    def _scan(self, start: str, end: str) -> Iterator[bytes]:
        """A range whose reading is noted for the phantom check."""
        seen: list[tuple[str, tuple[int, int]]] = []
        exhausted = False
        noted = False

        def note() -> None:
            nonlocal noted
            if not noted:
                noted = True
                self._simulation.note_scan(self._namespace, start, end, seen, exhausted=exhausted)

        self._finish.append(note)
        for key, entry in self._world.scan(self._namespace, start, end):
            seen.append((key, entry.version))
            yield self._kv(key, entry)
        exhausted = True
        note()

    def _history(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.GetHistoryForKey.FromString(message.payload)
        writes = self._world.history.get((self._namespace, request.key), [])
        results = [
            kv_query_result_pb2.KeyModification(
                tx_id=write.transaction_id,
                value=write.value or b"",
                timestamp=Timestamp(seconds=write.seconds, nanos=write.nanos),
                is_delete=write.value is None,
            ).SerializeToString()
            for write in reversed(writes)
        ]
        return self._open(iter(results))

    def _query(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.GetQueryResult.FromString(message.payload)
        page = chaincode_shim_pb2.QueryMetadata.FromString(request.metadata)
        paged = not request.collection and bool(page.pageSize or page.bookmark)
        if request.collection:
            self._readable(request.collection)
            self._simulation.before_private_scan()
        if paged:
            self._simulation.before_page()
        name = "ExecuteQueryWithMetadata" if paged else "ExecuteQuery"
        raise Refused(f"{name} not supported for leveldb")

    def _open(self, results: Iterator[bytes]) -> bytes:
        identifier = self._new_identifier()
        self._iterators[identifier] = _Open(results, next(results, None))
        return self._batch(identifier)

    def _new_identifier(self) -> str:
        self._opened += 1
        return str(self._opened)

    def _next(self, message: Message) -> bytes:
        identifier = chaincode_shim_pb2.QueryStateNext.FromString(message.payload).id
        if identifier not in self._iterators:
            raise Refused("query iterator not found")
        return self._batch(identifier)

    def _close(self, message: Message) -> bytes:
        identifier = chaincode_shim_pb2.QueryStateClose.FromString(message.payload).id
        self._iterators.pop(identifier, None)
        return chaincode_shim_pb2.QueryResponse(id=identifier).SerializeToString()

    def _batch(self, identifier: str) -> bytes:
        iterator = self._iterators[identifier]
        batch: list[chaincode_shim_pb2.QueryResultBytes] = []
        while iterator.ahead is not None and len(batch) < _BATCH:
            batch.append(chaincode_shim_pb2.QueryResultBytes(resultBytes=iterator.ahead))
            iterator.ahead = next(iterator.results, None)
        more = iterator.ahead is not None
        if not more:
            del self._iterators[identifier]
        return chaincode_shim_pb2.QueryResponse(
            results=batch, has_more=more, id=identifier
        ).SerializeToString()

    def _kv(self, key: str, entry: Entry) -> bytes:
        found = kv_query_result_pb2.KV(namespace=self._namespace, key=key, value=entry.value)
        return found.SerializeToString()

    # writing

    def _put(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.PutState.FromString(message.payload)
        return self._write(request.key, request.value or None, request.collection)

    def _delete(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.DelState.FromString(message.payload)
        return self._write(request.key, None, request.collection)

    def _purge(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.DelState.FromString(message.payload)
        return self._purge_key(request.key, request.collection)

    def _purge_key(self, key: str, collection: str) -> bytes:
        if not collection:
            raise Refused("only applicable for private data")
        self._write(key, None, collection)
        self._simulation.rwset.purges.add((self._namespace, collection, key_hash(key)))
        return b""

    def _put_metadata(self, message: Message) -> bytes:
        request = chaincode_shim_pb2.PutStateMetadata.FromString(message.payload)
        if not request.HasField("metadata"):
            # The real one is dereferenced there.
            raise Refused("panic during execution")
        return self._write_metadata(request.key, request.collection, request.metadata)

    def _write(self, key: str, value: bytes | None, collection: str) -> bytes:
        rwset = self._simulation.rwset
        if not collection:
            self._simulation.before_write()
            rwset.writes[self._namespace, key] = value
            return b""
        self._writable(collection)
        self._simulation.before_write()
        rwset.private_writes[self._namespace, collection, key] = value
        digest = None if value is None else hashlib.sha256(value).digest()
        place = (self._namespace, collection, key_hash(key))
        rwset.hashed_writes[place] = digest
        rwset.purges.discard(place)
        return b""

    def _write_metadata(self, key: str, collection: str, entry: chaincode_shim_pb2.StateMetadata) -> bytes:
        metadata = {entry.metakey: entry.value}
        if collection:
            self._writable(collection)
            self._simulation.before_write()
            place = (self._namespace, collection, key_hash(key))
            self._simulation.rwset.hashed_metadata[place] = metadata
        else:
            self._simulation.before_write()
            self._simulation.rwset.metadata[self._namespace, key] = metadata
        return b""

    def _write_batch(self, message: Message) -> bytes:
        kinds = chaincode_shim_pb2.WriteRecord
        for record in chaincode_shim_pb2.WriteBatchState.FromString(message.payload).rec:
            if record.type == kinds.PUT_STATE:
                self._write(record.key, record.value or None, record.collection)
            elif record.type == kinds.DEL_STATE:
                self._write(record.key, None, record.collection)
            elif record.type == kinds.PURGE_PRIVATE_DATA:
                self._purge_key(record.key, record.collection)
            elif record.type == kinds.PUT_STATE_METADATA:
                self._write_metadata(record.key, record.collection, record.metadata)
            else:
                raise Refused("unknown operation type")
        return b""

    # calling

    def _invoke_chaincode(self, message: Message) -> bytes:
        spec = chaincode_pb2.ChaincodeSpec.FromString(message.payload)
        name, _, channel = spec.chaincode_id.name.partition("/")
        target = channel or self._world.channel
        return self._invoke(name, target, list(spec.input.args), self._simulation).SerializeToString()

    # collections

    def _collection(self, name: str) -> CollectionSpec:
        spec = self._world.definitions[self._namespace].collections.get(name)
        if spec is None:
            if name.startswith("_implicit_org_"):
                raise self._undefined(name)
            raise Refused(f"collection {self._world.channel}/{self._namespace}/{name} could not be found")
        return spec

    def _undefined(self, name: str) -> Refused:
        return Refused(
            f"collection [{name}] not defined in the collection config for chaincode [{self._namespace}]"
        )

    def _readable(self, name: str) -> None:
        spec = self._collection(name)
        if spec.member_only_read and not spec.admits(self._simulation.caller):
            raise self._no_access("read", name)

    def _writable(self, name: str) -> None:
        spec = self._collection(name)
        if spec.member_only_write and not spec.admits(self._simulation.caller):
            raise self._no_access("write", name)

    def _no_access(self, what: str, collection: str) -> Refused:
        return Refused(
            f"tx creator does not have {what} access permission on privatedata in "
            f"chaincodeName:{self._namespace} collectionName: {collection}"
        )

    _handlers: ClassVar = {
        Message.GET_STATE: _get,
        Message.GET_STATE_MULTIPLE: _get_multiple,
        Message.GET_PRIVATE_DATA_HASH: _get_hash,
        Message.GET_STATE_METADATA: _get_metadata,
        Message.GET_STATE_BY_RANGE: _range,
        Message.GET_QUERY_RESULT: _query,
        Message.GET_HISTORY_FOR_KEY: _history,
        Message.QUERY_STATE_NEXT: _next,
        Message.QUERY_STATE_CLOSE: _close,
        Message.PUT_STATE: _put,
        Message.DEL_STATE: _delete,
        Message.PURGE_PRIVATE_DATA: _purge,
        Message.PUT_STATE_METADATA: _put_metadata,
        Message.WRITE_BATCH_STATE: _write_batch,
        Message.INVOKE_CHAINCODE: _invoke_chaincode,
    }


def _version(version: tuple[int, int] | None) -> str:
    # As Go prints a *version.Height.
    return f"{{BlockNum: {version[0]}, TxNum: {version[1]}}}" if version else "<nil>"
