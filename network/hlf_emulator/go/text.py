"""What Go's libraries say where Python's say something else."""

from __future__ import annotations

from typing import TypeVar

import grpc
from fabric_protos.common import common_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message

INVALID_WIRE_FORMAT = "proto: cannot parse invalid wire-format data"  # what Go says of bytes it cannot decode
INVALID_TEXT = "string field contains invalid UTF-8"
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
M = TypeVar("M", bound=Message)


class Undecodable(Exception):  # noqa: N818 - of bytes, not of this program
    """Bytes that are no message of the kind wanted; the text is Go's."""


def unmarshal(kind: type[M], content: bytes) -> M:
    """Decode as Fabric's protoutil does. Raises Undecodable with the text that it gives."""
    try:
        return kind.FromString(content)
    except DecodeError as fault:
        raise Undecodable(f"error unmarshalling {kind.DESCRIPTOR.name}: {decode_fault(content)}") from fault


def decode_fault(content: bytes) -> str:
    """Why `content`, which could not be decoded as some message, could not.

    Bytes that are well-formed as such can only have a string that is no UTF-8, as far as one level shows.
    """
    try:
        Empty.FromString(content)
    except DecodeError:
        return INVALID_WIRE_FORMAT
    return INVALID_TEXT


def rpc_error(fault: grpc.aio.AioRpcError) -> str:
    """A gRPC error as Go prints it."""
    name = fault.code().name.replace("_", " ").title().replace(" ", "")
    return f"rpc error: code = {name} desc = {fault.details()}"


def go_quote(content: bytes) -> str:
    """Bytes as Go's ``%q`` shows them."""
    shown = []
    for character in content.decode(errors="surrogateescape"):
        if "\udc80" <= character <= "\udcff":
            shown.append(f"\\x{ord(character) - 0xDC00:02x}")
        elif character in '"\\':
            shown.append(f"\\{character}")
        elif character.isprintable():
            shown.append(character)
        else:
            shown.append(_ESCAPES.get(character) or _escaped(ord(character)))
    return f'"{"".join(shown)}"'


def _escaped(point: int) -> str:
    if point < 0x80:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def header_type_name(number: int) -> str:
    """A common.HeaderType as Go prints it: its name, or the number where it has none."""
    names = common_pb2.HeaderType.DESCRIPTOR.values_by_number
    return names[number].name if number in names else str(number)
