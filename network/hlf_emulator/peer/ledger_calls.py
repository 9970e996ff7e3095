"""What a chaincode asks of the ledger while it runs: one message in, one answer out, no sockets.

Permissions, limits and texts: core/chaincode/handler.go.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fabric_protos.common import common_pb2
from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_shim_pb2, proposal_pb2
from google.protobuf.message import DecodeError, Message

from hlf_emulator.go.text import decode_fault
from hlf_emulator.ledger.definitions import IMPLICIT_PREFIX
from hlf_emulator.ledger.simulator import RangeScan, SimulationError, Simulator
from hlf_emulator.ledger.validation import parse_valid
from hlf_emulator.peer.channel import Channel

M = TypeVar("M", bound=Message)
Type = chaincode_shim_pb2.ChaincodeMessage
PANIC = "panic during execution"
"""What a call is answered that Fabric's handler does not survive (handler.go:260)."""
RESULT_LIMIT = 100
"""Results in one answer of a query that is not paginated."""
TOTAL_QUERY_LIMIT = 100_000
"""ledger.state.totalQueryLimit of core.yaml: results of one query, then it ends silently."""


class CallError(Exception):
    """A ledger call that fails; the text is what the chaincode is told."""


@dataclass
class _Query:
    """An open iterator and the results read from it but not yet sent."""

    results: Iterator[bytes]
    limit: int
    scan: RangeScan | None = None
    pending: list[bytes] = field(default_factory=list)
    returned: int = 0


@dataclass
class CallContext:
    """One running invocation: which chaincode, in which transaction, on which simulation.

    `invoked` is the chaincode that the proposal names, `namespace` the one that runs.
    """

    transaction_id: str
    namespace: str
    invoked: str
    signed: proposal_pb2.SignedProposal
    creator: bytes
    channel: Channel | None = None
    simulator: Simulator | None = None
    is_init: bool = False
    permissions: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    queries: dict[str, _Query] = field(default_factory=dict)

    @property
    def ledger(self) -> Simulator:
        if self.simulator is None:
            raise CallError("no ledger context")
        return self.simulator


def answer(context: CallContext, kind: int, payload: bytes) -> bytes:
    """Run one call of a kind that `handles` knows; the answer's payload. Raises CallError."""
    message, run = _HANDLERS[kind]
    try:
        return run(context, decode(message, payload))
    except SimulationError as refusal:
        raise CallError(str(refusal)) from refusal


def decode(message: type[M], content: bytes) -> M:
    """The message that a chaincode sent. Raises CallError."""
    try:
        return message.FromString(content)
    except DecodeError as fault:
        raise CallError(f"unmarshal failed: {decode_fault(content)}") from fault


def handles(kind: int) -> bool:
    """Whether `answer` knows the message type."""
    return kind in _HANDLERS


# Permissions


def _permission(context: CallContext, collection: str) -> tuple[bool, bool]:
    """(may read, may write) of the proposal's creator."""
    known = context.permissions.get(collection)
    if known is not None:
        return known
    channel = context.channel
    if channel is None:
        raise CallError("no ledger context")
    context.ledger.read_collections(context.namespace)
    definition = channel.collection(context.namespace, collection)
    if definition is None and collection.startswith(IMPLICIT_PREFIX):
        # That there is no such organization is seen later, by the ledger.
        return True, True
    if definition is None:
        raise CallError(f"collection {channel.name}/{context.namespace}/{collection} could not be found")
    known = (not definition.member_only_read, not definition.member_only_write)
    if known != (True, True) and channel.admits(definition, context.creator):
        known = (True, True)
    context.permissions[collection] = known
    return known


def _check_init(context: CallContext) -> None:
    if context.is_init:
        raise CallError("private data APIs are not allowed in chaincode Init()")


def _check(context: CallContext, collection: str, *, write: bool = False) -> None:
    _check_init(context)
    if not _permission(context, collection)[write]:
        raise CallError(
            f"tx creator does not have {'write' if write else 'read'} access permission on privatedata in "
            f"chaincodeName:{context.namespace} collectionName: {collection}"
        )


# Reads


def _get_state(context: CallContext, call: chaincode_shim_pb2.GetState) -> bytes:
    if not call.collection:
        return context.ledger.get_state(context.namespace, call.key)
    _check(context, call.collection)
    return context.ledger.get_private(context.namespace, call.collection, call.key)


def _get_many(context: CallContext, call: chaincode_shim_pb2.GetStateMultiple) -> bytes:
    keys = list(call.keys)
    if call.collection:
        _check(context, call.collection)
        values = context.ledger.get_private_many(context.namespace, call.collection, keys)
    else:
        values = [context.ledger.get_state(context.namespace, key) for key in keys]
    return chaincode_shim_pb2.GetStateMultipleResult(values=values).SerializeToString()


def _get_hash(context: CallContext, call: chaincode_shim_pb2.GetState) -> bytes:
    _check_init(context)
    return context.ledger.get_private_hash(context.namespace, call.collection, call.key)


def _get_metadata(context: CallContext, call: chaincode_shim_pb2.GetStateMetadata) -> bytes:
    if call.collection:
        _check(context, call.collection)
        found = context.ledger.get_private_metadata(context.namespace, call.collection, call.key)
    else:
        found = context.ledger.get_metadata(context.namespace, call.key)
    entries = [chaincode_shim_pb2.StateMetadata(metakey=name, value=value) for name, value in found.items()]
    return chaincode_shim_pb2.StateMetadataResult(entries=entries).SerializeToString()


# Queries


def _range(context: CallContext, call: chaincode_shim_pb2.GetStateByRange) -> bytes:
    metadata = decode(chaincode_shim_pb2.QueryMetadata, call.metadata)
    limit = TOTAL_QUERY_LIMIT
    if 0 < metadata.pageSize < limit:
        limit = metadata.pageSize
    paginated = not call.collection and bool(metadata.pageSize or metadata.bookmark)
    if call.collection:
        _check(context, call.collection)
        scan = context.ledger.private_range(context.namespace, call.collection, call.startKey, call.endKey)
    else:
        start = metadata.bookmark or call.startKey if paginated else call.startKey
        scan = context.ledger.range(context.namespace, start, call.endKey, paginated=paginated)
    return _open(context, _Query(_as_kv(context.namespace, scan), limit, scan), paginated=paginated)


def _as_kv(namespace: str, scan: RangeScan) -> Iterator[bytes]:
    for key, entry in scan:
        found = kv_query_result_pb2.KV(namespace=namespace, key=key, value=entry.value)
        yield found.SerializeToString()


def _history(context: CallContext, call: chaincode_shim_pb2.GetHistoryForKey) -> bytes:
    if context.channel is None:
        raise CallError("no ledger context")
    results = _modifications(context.channel, context.ledger.height, context.namespace, call.key)
    return _open(context, _Query(results, TOTAL_QUERY_LIMIT), paginated=False)


def _modifications(channel: Channel, height: int, namespace: str, key: str) -> Iterator[bytes]:
    """Past writes of a key, newest first."""
    for version in reversed(channel.ledger.shared.history(namespace, key)):
        if version.block >= height:
            continue
        encoded = channel.ledger.shared.block(version.block).data.data[version.transaction]
        payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(encoded).payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        for part in parse_valid(encoded).sets:
            for write in part.public.writes:
                if part.namespace == namespace and write.key == key:
                    yield kv_query_result_pb2.KeyModification(
                        tx_id=header.tx_id,
                        value=write.value,
                        timestamp=header.timestamp,
                        is_delete=write.is_delete,
                    ).SerializeToString()


def _rich_query(context: CallContext, call: chaincode_shim_pb2.GetQueryResult) -> bytes:
    metadata = decode(chaincode_shim_pb2.QueryMetadata, call.metadata)
    if call.collection:
        _check(context, call.collection)
        context.ledger.private_query(context.namespace, call.collection)
    context.ledger.query(paginated=bool(metadata.pageSize or metadata.bookmark))
    return b""


def _open(context: CallContext, query: _Query, *, paginated: bool) -> bytes:
    identifier = secrets.token_hex(16)
    context.queries[identifier] = query
    return _fill(context, identifier, query, paginated=paginated)


def _fill(context: CallContext, identifier: str, query: _Query, *, paginated: bool) -> bytes:
    response = chaincode_shim_pb2.QueryResponse(id=identifier)
    while query.returned < query.limit:
        result = next(query.results, None)
        if result is None:
            break
        query.returned += 1
        if not paginated and len(query.pending) == RESULT_LIMIT:
            _take(response, query)
            query.pending.append(result)
            response.has_more = True
            return response.SerializeToString()
        query.pending.append(result)
    _take(response, query)
    del context.queries[identifier]
    if paginated:
        bookmark = query.scan.bookmark() if query.scan else ""
        response.metadata = chaincode_shim_pb2.QueryResponseMetadata(
            fetched_records_count=query.returned, bookmark=bookmark
        ).SerializeToString()
    return response.SerializeToString()


def _take(response: chaincode_shim_pb2.QueryResponse, query: _Query) -> None:
    response.results.extend(
        chaincode_shim_pb2.QueryResultBytes(resultBytes=result) for result in query.pending
    )
    query.pending.clear()


def _next(context: CallContext, call: chaincode_shim_pb2.QueryStateNext) -> bytes:
    query = context.queries.get(call.id)
    if query is None:
        raise CallError("query iterator not found")
    return _fill(context, call.id, query, paginated=False)


def _close(context: CallContext, call: chaincode_shim_pb2.QueryStateClose) -> bytes:
    context.queries.pop(call.id, None)
    return chaincode_shim_pb2.QueryResponse(id=call.id).SerializeToString()


# Writes

_Record = chaincode_shim_pb2.WriteRecord


def _put(context: CallContext, call: chaincode_shim_pb2.PutState | _Record) -> bytes:
    if call.collection:
        _check(context, call.collection, write=True)
        context.ledger.set_private(context.namespace, call.collection, call.key, call.value)
    else:
        context.ledger.set_state(context.namespace, call.key, call.value)
    return b""


def _delete(context: CallContext, call: chaincode_shim_pb2.DelState | _Record) -> bytes:
    put = chaincode_shim_pb2.PutState(key=call.key, collection=call.collection)
    return _put(context, put)


def _purge(context: CallContext, call: chaincode_shim_pb2.DelState | _Record) -> bytes:
    capabilities = context.channel.bundle.capabilities["application"] if context.channel else frozenset()
    if "V2_5" not in capabilities:
        raise CallError(
            "purge private data is not enabled, channel application capability of V2_5 or later is required"
        )
    if not call.collection:
        raise CallError("only applicable for private data")
    _check(context, call.collection, write=True)
    context.ledger.set_private(context.namespace, call.collection, call.key, b"", purge=True)
    return b""


def _put_metadata(context: CallContext, call: chaincode_shim_pb2.PutStateMetadata) -> bytes:
    if not call.HasField("metadata"):
        raise CallError(PANIC)
    metadata = {call.metadata.metakey: call.metadata.value}
    if call.collection:
        _check(context, call.collection, write=True)
        context.ledger.set_private_metadata(context.namespace, call.collection, call.key, metadata)
    else:
        context.ledger.set_metadata(context.namespace, call.key, metadata)
    return b""


def _batch(context: CallContext, call: chaincode_shim_pb2.WriteBatchState) -> bytes:
    # A record has the fields of the message that it stands for.
    for record in call.rec:
        if record.type == _Record.PUT_STATE:
            _put(context, record)
        elif record.type == _Record.DEL_STATE:
            _delete(context, record)
        elif record.type == _Record.PURGE_PRIVATE_DATA:
            _purge(context, record)
        elif record.type == _Record.PUT_STATE_METADATA:
            _put_metadata(
                context,
                chaincode_shim_pb2.PutStateMetadata(
                    key=record.key, collection=record.collection, metadata=record.metadata
                ),
            )
        else:
            raise CallError("unknown operation type")
    return b""


_HANDLERS: dict[int, tuple[type[Message], Callable[[CallContext, Any], bytes]]] = {
    Type.GET_STATE: (chaincode_shim_pb2.GetState, _get_state),
    Type.GET_STATE_MULTIPLE: (chaincode_shim_pb2.GetStateMultiple, _get_many),
    Type.GET_PRIVATE_DATA_HASH: (chaincode_shim_pb2.GetState, _get_hash),
    Type.GET_STATE_METADATA: (chaincode_shim_pb2.GetStateMetadata, _get_metadata),
    Type.GET_STATE_BY_RANGE: (chaincode_shim_pb2.GetStateByRange, _range),
    Type.GET_QUERY_RESULT: (chaincode_shim_pb2.GetQueryResult, _rich_query),
    Type.GET_HISTORY_FOR_KEY: (chaincode_shim_pb2.GetHistoryForKey, _history),
    Type.QUERY_STATE_NEXT: (chaincode_shim_pb2.QueryStateNext, _next),
    Type.QUERY_STATE_CLOSE: (chaincode_shim_pb2.QueryStateClose, _close),
    Type.PUT_STATE: (chaincode_shim_pb2.PutState, _put),
    Type.PUT_STATE_METADATA: (chaincode_shim_pb2.PutStateMetadata, _put_metadata),
    Type.DEL_STATE: (chaincode_shim_pb2.DelState, _delete),
    Type.PURGE_PRIVATE_DATA: (chaincode_shim_pb2.DelState, _purge),
    Type.WRITE_BATCH_STATE: (chaincode_shim_pb2.WriteBatchState, _batch),
}
