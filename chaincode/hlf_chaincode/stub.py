"""The requests a running call may make of its peer, as blocking functions over one ``exchange``."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

from fabric_protos.peer import chaincode_event_pb2, chaincode_pb2, chaincode_shim_pb2, proposal_response_pb2

from .abilities import Abilities
from .errors import ContractError, InvokeError, PeerError, ProtocolError, QueryError, StateError
from .keys import check_key
from .policy import VALIDATION_PARAMETER
from .proposal import Proposal

Message = chaincode_shim_pb2.ChaincodeMessage
Exchange = Callable[[Message], Message]

# Well under the limit of a message, however many writes the peer takes in one.
_BATCH_BYTES = 16 * 1024 * 1024
# Writes that are held back for a peer that takes them one by one.
_MOST_HELD = 1000


class Page(NamedTuple):
    """One page of raw query results and the bookmark of the next one ("" after the last)."""

    results: list[bytes]
    bookmark: str
    fetched: int


class Stub:
    """One call's line to the peer.

    ``exchange`` sends a request and returns the peer's RESPONSE or ERROR to it; at most one is under way at
    any time, since a peer drops the second. Writes are held back, in the order they were made, and sent when
    they are many, by ``flush``, and before any request whose answer depends on them; ``take_writes`` leaves
    it to the caller. ``peer_msp_id`` is the organization of the peer, where the server was told.
    """

    def __init__(
        self, proposal: Proposal, exchange: Exchange, abilities: Abilities, peer_msp_id: str = ""
    ) -> None:
        self.proposal = proposal
        self.peer_msp_id = peer_msp_id
        self.read_only = False
        self.ended = False
        self._asking = False
        self.event: chaincode_event_pb2.ChaincodeEvent | None = None
        self._exchange = exchange
        self._abilities = abilities
        self._writes: list[chaincode_shim_pb2.WriteRecord] = []
        self._held = 0
        self._only_reads = False

    # reading

    def get(self, key: str, collection: str = "") -> bytes | None:
        """The committed value, or None."""
        request = chaincode_shim_pb2.GetState(key=check_key(key), collection=collection)
        return self._state(Message.GET_STATE, request.SerializeToString(), collection) or None

    def get_many(self, keys: Sequence[str], collection: str = "") -> list[bytes | None]:
        """The committed values in the order of the keys, in as few messages as the peer allows."""
        limit = self._abilities.multiple_keys
        if not limit:
            return [self.get(key, collection) for key in keys]
        values: list[bytes | None] = []
        for start in range(0, len(keys), limit):
            part = [check_key(key) for key in keys[start : start + limit]]
            request = chaincode_shim_pb2.GetStateMultiple(keys=part, collection=collection)
            answer = self._state(Message.GET_STATE_MULTIPLE, request.SerializeToString(), collection)
            found = chaincode_shim_pb2.GetStateMultipleResult.FromString(answer).values
            if len(found) != len(part):
                raise ProtocolError(f"asked for {len(part)} keys, the peer answered {len(found)}")
            values.extend(value or None for value in found)
        return values

    def get_hash(self, key: str, collection: str) -> bytes | None:
        """SHA-256 of a private value as it stands on the channel, or None."""
        request = chaincode_shim_pb2.GetState(key=check_key(key), collection=collection)
        return self._state(Message.GET_PRIVATE_DATA_HASH, request.SerializeToString(), collection) or None

    def get_policy(self, key: str, collection: str = "") -> bytes | None:
        """The key-level endorsement policy, or None."""
        request = chaincode_shim_pb2.GetStateMetadata(key=check_key(key), collection=collection)
        answer = self._state(Message.GET_STATE_METADATA, request.SerializeToString(), collection)
        for entry in chaincode_shim_pb2.StateMetadataResult.FromString(answer).entries:
            if entry.metakey == VALIDATION_PARAMETER:
                return entry.value or None
        return None

    def range(self, start: str, end: str, collection: str = "") -> Iterator[bytes]:
        """All results of a range, fetched as they are asked for."""
        request = chaincode_shim_pb2.GetStateByRange(startKey=start, endKey=end, collection=collection)
        return self._results(Message.GET_STATE_BY_RANGE, request.SerializeToString(), collection)

    def range_page(self, start: str, end: str, page_size: int, bookmark: str) -> Page:
        """One page of a range over public state."""
        request = chaincode_shim_pb2.GetStateByRange(
            startKey=start, endKey=end, metadata=_page_request(page_size, bookmark)
        )
        return self._page(Message.GET_STATE_BY_RANGE, request.SerializeToString())

    def query(self, query: str, collection: str = "") -> Iterator[bytes]:
        """All results of a CouchDB query."""
        request = chaincode_shim_pb2.GetQueryResult(query=query, collection=collection)
        return self._results(Message.GET_QUERY_RESULT, request.SerializeToString(), collection)

    def query_page(self, query: str, page_size: int, bookmark: str) -> Page:
        """One page of a CouchDB query over public state."""
        request = chaincode_shim_pb2.GetQueryResult(query=query, metadata=_page_request(page_size, bookmark))
        return self._page(Message.GET_QUERY_RESULT, request.SerializeToString())

    def history(self, key: str) -> Iterator[bytes]:
        """All committed modifications of a key, newest first."""
        request = chaincode_shim_pb2.GetHistoryForKey(key=check_key(key))
        return self._results(Message.GET_HISTORY_FOR_KEY, request.SerializeToString())

    # writing

    def put(self, key: str, value: bytes, collection: str = "") -> None:
        """Write a value. Reads of the same transaction do not see it."""
        if not isinstance(value, (bytes, bytearray)):
            raise TypeError("a state value is bytes")
        if not value:
            raise ValueError("an empty value would read as absent: delete the key instead")
        self._write(
            chaincode_shim_pb2.WriteRecord(
                type=chaincode_shim_pb2.WriteRecord.PUT_STATE,
                key=check_key(key),
                value=bytes(value),
                collection=collection,
            )
        )

    def delete(self, key: str, collection: str = "") -> None:
        """Delete a key."""
        self._write(
            chaincode_shim_pb2.WriteRecord(
                type=chaincode_shim_pb2.WriteRecord.DEL_STATE, key=check_key(key), collection=collection
            )
        )

    def purge(self, key: str, collection: str) -> None:
        """Delete a private key and its history on every peer (capability V2_5)."""
        self._write(
            chaincode_shim_pb2.WriteRecord(
                type=chaincode_shim_pb2.WriteRecord.PURGE_PRIVATE_DATA,
                key=check_key(key),
                collection=collection,
            )
        )

    def set_policy(self, key: str, policy: bytes, collection: str = "") -> None:
        """Set the key-level endorsement policy; empty bytes go back to the wider policy."""
        self._write(
            chaincode_shim_pb2.WriteRecord(
                type=chaincode_shim_pb2.WriteRecord.PUT_STATE_METADATA,
                key=check_key(key),
                collection=collection,
                metadata=chaincode_shim_pb2.StateMetadata(metakey=VALIDATION_PARAMETER, value=policy),
            )
        )

    def set_event(self, name: str, payload: bytes) -> None:
        """Set the one event of the transaction."""
        self._check_writable("emit an event")
        if not name:
            raise ValueError("event name can not be empty string")
        if self.event is not None:
            raise ContractError("SECOND_EVENT", "a transaction emits one event")
        self.event = chaincode_event_pb2.ChaincodeEvent(event_name=name, payload=payload)

    def invoke(
        self, chaincode: str, args: Sequence[bytes], channel: str = ""
    ) -> proposal_response_pb2.Response:
        """Call another chaincode; its response, whatever its status."""
        if channel in ("", self.proposal.channel):
            # What it writes there would become part of this transaction.
            self._check_writable("call a chaincode of its own channel, which might write")
        self.flush()
        name = f"{chaincode}/{channel}" if channel else chaincode
        spec = chaincode_pb2.ChaincodeSpec(
            chaincode_id=chaincode_pb2.ChaincodeID(name=name),
            input=chaincode_pb2.ChaincodeInput(args=list(args)),
        )
        payload = self._ask(Message.INVOKE_CHAINCODE, spec.SerializeToString(), InvokeError)
        answer = Message.FromString(payload)
        if answer.type == Message.COMPLETED:
            return proposal_response_pb2.Response.FromString(answer.payload)
        raise InvokeError(answer.payload.decode(errors="replace"))

    def flush(self) -> None:
        """Send the writes that are still held back; StateError when the peer refuses one of them."""
        for request in self.take_writes():
            self._request(request, StateError)

    def take_writes(self) -> list[Message]:
        """The requests for the writes that are still held back, which nobody else sends from now on."""
        records, self._writes, self._held = self._writes, [], 0
        if not records or not self._abilities.write_batch:
            return [self._message(*_plain_write(record)) for record in records]
        batch = chaincode_shim_pb2.WriteBatchState(rec=records)
        return [self._message(Message.WRITE_BATCH_STATE, batch.SerializeToString())]

    # inside

    def _check_writable(self, what: str) -> None:
        if self.read_only:
            raise ContractError("READ_ONLY", f"a query function cannot {what}")

    def _write(self, record: chaincode_shim_pb2.WriteRecord) -> None:
        self._check_writable("write")
        self._check_open()
        if self._only_reads:
            # The peer is going to refuse it: its answer belongs to this line.
            self._state(*_plain_write(record), record.collection)
            return
        self._writes.append(record)
        self._held += record.ByteSize()
        if len(self._writes) >= (self._abilities.write_batch or _MOST_HELD) or self._held >= _BATCH_BYTES:
            self.flush()

    def _state(self, kind: Message.Type.ValueType, payload: bytes, collection: str = "") -> bytes:
        return self._ask(kind, payload, lambda text: StateError(text, collection))

    def _ask(
        self, kind: Message.Type.ValueType, payload: bytes, refusal: Callable[[str], PeerError]
    ) -> bytes:
        return self._request(self._message(kind, payload), refusal)

    def _request(self, request: Message, refusal: Callable[[str], PeerError]) -> bytes:
        self._check_open()
        self._asking = True
        try:
            answer = self._exchange(request)
        finally:
            self._asking = False
        return read_answer(answer, refusal)

    def _check_open(self) -> None:
        if self.ended or self._asking:
            raise ProtocolError("the ledger is open to the thread of the call, until the function returns")

    def _message(self, kind: Message.Type.ValueType, payload: bytes) -> Message:
        proposal = self.proposal
        return Message(type=kind, payload=payload, txid=proposal.transaction_id, channel_id=proposal.channel)

    def _answer(
        self, kind: Message.Type.ValueType, payload: bytes, collection: str = "", *, reads_only: bool = False
    ) -> chaincode_shim_pb2.QueryResponse:
        if reads_only:
            # The peer allows these in transactions that write nothing; held writes would hide behind them.
            self.flush()
        answer = self._ask(kind, payload, lambda text: QueryError(text, collection))
        self._only_reads = self._only_reads or reads_only
        return chaincode_shim_pb2.QueryResponse.FromString(answer)

    def _results(self, kind: Message.Type.ValueType, payload: bytes, collection: str = "") -> Iterator[bytes]:
        response = self._answer(kind, payload, collection, reads_only=bool(collection))
        # The request has been answered before the first result is asked for: errors surface at the call.
        return self._iterate(response, collection)

    def _iterate(
        self, response: chaincode_shim_pb2.QueryResponse, collection: str
    ) -> Generator[bytes, None, None]:
        try:
            while True:
                for result in response.results:
                    yield result.resultBytes
                if not response.has_more:
                    return
                following = chaincode_shim_pb2.QueryStateNext(id=response.id).SerializeToString()
                response = self._answer(Message.QUERY_STATE_NEXT, following, collection)
        except GeneratorExit:
            # Left early. The peer closes what is left open when the call ends, so this may be skipped where
            # the iterator is collected late or inside another request, which a peer would drop.
            if response.has_more and not self.ended and not self._asking:
                closing = chaincode_shim_pb2.QueryStateClose(id=response.id).SerializeToString()
                self._answer(Message.QUERY_STATE_CLOSE, closing, collection)
            raise

    def _page(self, kind: Message.Type.ValueType, payload: bytes) -> Page:
        response = self._answer(kind, payload, reads_only=True)
        metadata = chaincode_shim_pb2.QueryResponseMetadata.FromString(response.metadata)
        results = [result.resultBytes for result in response.results]
        return Page(results, metadata.bookmark, metadata.fetched_records_count)


def read_answer(answer: Message, refusal: Callable[[str], PeerError]) -> bytes:
    """The payload of the peer's RESPONSE; raises ``refusal`` of the peer's text for its ERROR."""
    if answer.type == Message.RESPONSE:
        return answer.payload
    if answer.type == Message.ERROR:
        raise refusal(answer.payload.decode(errors="replace"))
    raise ProtocolError(f"incorrect chaincode message {Message.Type.Name(answer.type)} received")


def _plain_write(record: chaincode_shim_pb2.WriteRecord) -> tuple[Message.Type.ValueType, bytes]:
    """A write for a peer that takes them one by one."""
    kinds = chaincode_shim_pb2.WriteRecord
    key, collection = record.key, record.collection
    if record.type == kinds.PUT_STATE:
        put = chaincode_shim_pb2.PutState(key=key, value=record.value, collection=collection)
        return Message.PUT_STATE, put.SerializeToString()
    if record.type == kinds.PUT_STATE_METADATA:
        metadata = chaincode_shim_pb2.PutStateMetadata(
            key=key, collection=collection, metadata=record.metadata
        )
        return Message.PUT_STATE_METADATA, metadata.SerializeToString()
    delete = chaincode_shim_pb2.DelState(key=key, collection=collection).SerializeToString()
    purge = record.type == kinds.PURGE_PRIVATE_DATA
    return (Message.PURGE_PRIVATE_DATA if purge else Message.DEL_STATE), delete


def _page_request(page_size: int, bookmark: str) -> bytes:
    if page_size < 1:
        raise ValueError("a page holds at least one record")
    return chaincode_shim_pb2.QueryMetadata(pageSize=page_size, bookmark=bookmark).SerializeToString()
