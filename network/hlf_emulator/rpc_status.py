"""gRPC errors as Fabric sends them: code, message and ErrorDetails in ``grpc-status-details-bin``.

``google.rpc.Status`` is written by hand: the package that has it cannot be used beside Fabric's messages.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

import grpc
from fabric_protos.gateway import gateway_pb2
from google.protobuf import any_pb2

DETAILS_KEY = "grpc-status-details-bin"
_DETAIL_TYPE = "type.googleapis.com/gateway.ErrorDetail"


class RpcError(Exception):
    """What one RPC ends with, other than success."""

    def __init__(
        self, code: grpc.StatusCode, message: str, details: Sequence[gateway_pb2.ErrorDetail] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: RpcError) -> NoReturn:
    """End the RPC with ``error``; details travel in the trailer only when there are some."""
    trailer = ((DETAILS_KEY, encode_status(error)),) if error.details else ()
    await context.abort(error.code, error.message, trailer)
    raise AssertionError("abort returned")


def encode_status(error: RpcError) -> bytes:
    """``google.rpc.Status``: code = 1, message = 2, repeated Any details = 3."""
    number = int(error.code.value[0])
    encoded = b"\x08" + _varint(number) + _bytes_field(0x12, error.message.encode())
    for detail in error.details:
        packed = any_pb2.Any(type_url=_DETAIL_TYPE, value=detail.SerializeToString())
        encoded += _bytes_field(0x1A, packed.SerializeToString())
    return encoded


def _bytes_field(tag: int, value: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
