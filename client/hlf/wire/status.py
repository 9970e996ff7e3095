"""The ``grpc-status-details-bin`` trailer (google.rpc.Status), read and written without its generated class.

grpcio-status would need a protobuf release that fabric_protos does not allow, hence the few lines here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fabric_protos.gateway.gateway_pb2 import ErrorDetail

from hlf.errors import PeerDetail

TRAILER = "grpc-status-details-bin"
_TYPE_URL = "type.googleapis.com/gateway.ErrorDetail"


def decode_details(trailer: bytes) -> tuple[PeerDetail, ...]:
    """Return the Gateway's error details; a trailer that cannot be read gives none, never an error."""
    details: list[PeerDetail] = []
    try:
        for field, value in _fields(trailer):
            if field != 3 or not isinstance(value, bytes):
                continue
            wrapped = dict(_fields(value))
            if wrapped.get(1) == _TYPE_URL.encode():
                body = wrapped.get(2, b"")
                message = ErrorDetail.FromString(body if isinstance(body, bytes) else b"")
                details.append(PeerDetail(message.address, message.msp_id, message.message))
    except Exception:  # noqa: BLE001 - details only add to an error that is raised anyway
        return ()
    return tuple(details)


def encode_details(code: int, message: str, details: Sequence[PeerDetail]) -> bytes:
    """Return the trailer that a Gateway sends: ``code`` is the gRPC status number."""
    parts = [b"\x08" + _varint(code), _bytes_field(2, message.encode())]
    for detail in details:
        body = ErrorDetail(address=detail.address, msp_id=detail.msp_id, message=detail.message)
        wrapped = _bytes_field(1, _TYPE_URL.encode()) + _bytes_field(2, body.SerializeToString())
        parts.append(_bytes_field(3, wrapped))
    return b"".join(parts)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        wire_type = tag & 7
        if wire_type == 0:
            number, position = _read_varint(data, position)
            yield tag >> 3, number
        elif wire_type == 2:
            length, position = _read_varint(data, position)
            if position + length > len(data):
                raise ValueError("truncated")
            yield tag >> 3, data[position : position + length]
            position += length
        elif wire_type in (1, 5):
            position += 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"wire type {wire_type}")


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value
