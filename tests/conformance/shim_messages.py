"""Messages of the chaincode stream as plain data, and back: what a case says and what it is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_pb2, proposal_response_pb2
from fabric_protos.peer import chaincode_shim_pb2 as shim
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from tests.conformance.calls import Answer, text

_T = shim.ChaincodeMessage
_PAYLOADS: Mapping[int, type[Message]] = {
    _T.REGISTER: chaincode_pb2.ChaincodeID,
    _T.COMPLETED: proposal_response_pb2.Response,
    _T.GET_STATE: shim.GetState,
    _T.GET_STATE_MULTIPLE: shim.GetStateMultiple,
    _T.GET_PRIVATE_DATA_HASH: shim.GetState,
    _T.GET_STATE_METADATA: shim.GetStateMetadata,
    _T.GET_STATE_BY_RANGE: shim.GetStateByRange,
    _T.GET_QUERY_RESULT: shim.GetQueryResult,
    _T.GET_HISTORY_FOR_KEY: shim.GetHistoryForKey,
    _T.QUERY_STATE_NEXT: shim.QueryStateNext,
    _T.QUERY_STATE_CLOSE: shim.QueryStateClose,
    _T.PUT_STATE: shim.PutState,
    _T.PUT_STATE_METADATA: shim.PutStateMetadata,
    _T.DEL_STATE: shim.DelState,
    _T.PURGE_PRIVATE_DATA: shim.PurgePrivateState,
    _T.WRITE_BATCH_STATE: shim.WriteBatchState,
    _T.INVOKE_CHAINCODE: chaincode_pb2.ChaincodeSpec,
}
_QUERIES = {_T.GET_STATE_BY_RANGE, _T.QUERY_STATE_NEXT, _T.QUERY_STATE_CLOSE, _T.GET_HISTORY_FOR_KEY}


def kind(name: str) -> int:
    """The number of a message type; a plain number stands for itself, known or not."""
    return int(name) if name.isdigit() else int(_T.Type.Value(name))


def kind_name(number: int) -> str:
    return _T.Type.Name(number) if number in _T.Type.values() else str(number)  # type: ignore[arg-type]


def script(name: str, steps: Sequence[Any]) -> str:
    """The argument that makes a bare chaincode take `steps`; `name` is where it keeps what it is answered."""
    return json.dumps({"name": name, "steps": steps}, sort_keys=True)


def payload(number: int, step: Mapping[str, Any]) -> bytes:
    """What a step sends: the bytes in `raw`, or the message that `with` describes."""
    if "raw" in step:
        return str(step["raw"]).encode("latin-1")
    made = _PAYLOADS.get(number)
    if made is None:
        return b""
    message = made()
    _fill(message, step.get("with", {}))
    return message.SerializeToString()


def _fill(message: Any, values: Mapping[str, Any]) -> None:
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in values.items():
        field = fields[name]
        if field.label == field.LABEL_REPEATED:
            for item in value:
                if field.message_type:
                    _fill(getattr(message, name).add(), item)
                else:
                    getattr(message, name).append(_scalar(field, item))
        elif field.message_type:
            getattr(message, name).SetInParent()
            _fill(getattr(message, name), value)
        else:
            setattr(message, name, _scalar(field, value))


def _scalar(field: Any, value: Any) -> Any:
    if field.type == field.TYPE_BYTES:
        return _bytes(field.name, value)
    return field.enum_type.values_by_name[value].number if field.enum_type else value


def _bytes(name: str, value: Any) -> bytes:
    if name == "metadata" and isinstance(value, dict):
        return shim.QueryMetadata(**value).SerializeToString()
    return str(value).encode("latin-1")


def shown(asked: int, answer: shim.ChaincodeMessage) -> Answer:
    """An answer as plain data, by what was asked."""
    decoded = _decoded(asked, answer)
    found: Answer = {"type": kind_name(answer.type)}
    return {**found, "payload": decoded} if decoded != "" else found


def _decoded(asked: int, answer: shim.ChaincodeMessage) -> Any:
    raw = answer.payload
    if answer.type == _T.READY:
        return MessageToDict(
            chaincode_pb2.ChaincodeAdditionalParams.FromString(raw), preserving_proto_field_name=True
        )
    if answer.type != _T.RESPONSE:
        return text(raw)
    if asked in _QUERIES:
        return _query(asked, shim.QueryResponse.FromString(raw))
    if asked == _T.GET_STATE_MULTIPLE:
        values = shim.GetStateMultipleResult.FromString(raw).values
        return len(values) if len(values) > 10 else [text(value) for value in values]
    if asked == _T.GET_STATE_METADATA:
        entries = shim.StateMetadataResult.FromString(raw).entries
        return {each.metakey: text(each.value) for each in entries}
    if asked == _T.GET_PRIVATE_DATA_HASH:
        return raw.hex()
    if asked == _T.INVOKE_CHAINCODE:
        return _invoked(shim.ChaincodeMessage.FromString(raw))
    return text(raw)


def _query(asked: int, found: shim.QueryResponse) -> Answer:
    shape: Answer = {"has_id": bool(found.id), "has_more": found.has_more}
    if len(found.results) > 10:
        shape["results"] = len(found.results)
    else:
        shape["results"] = [_result(asked, each.resultBytes) for each in found.results]
    if found.metadata:
        metadata = shim.QueryResponseMetadata.FromString(found.metadata)
        shape["fetched"] = metadata.fetched_records_count
        shape["bookmark"] = metadata.bookmark
    return shape


def _result(asked: int, raw: bytes) -> Answer:
    if asked == _T.GET_HISTORY_FOR_KEY:
        change = kv_query_result_pb2.KeyModification.FromString(raw)
        return {"value": text(change.value), "is_delete": change.is_delete}
    found = kv_query_result_pb2.KV.FromString(raw)
    return {"namespace": found.namespace, "key": text(found.key.encode()), "value": text(found.value)}


def _invoked(message: shim.ChaincodeMessage) -> Answer:
    found: Answer = {"type": kind_name(message.type)}
    if message.type == _T.COMPLETED:
        try:
            response = proposal_response_pb2.Response.FromString(message.payload)
        except DecodeError:
            found["undecodable"] = text(message.payload)
            return found
        found |= {
            "status": response.status,
            "message": response.message,
            "payload": text(response.payload),
        }
    else:
        found["payload"] = text(message.payload)
    if message.HasField("chaincode_event"):
        found["event"] = message.chaincode_event.event_name
    return found
