"""gRPC errors as Fabric sends them: code, message and ErrorDetails in ``grpc-status-details-bin``."""

from collections.abc import Sequence
from typing import Any, NoReturn

import grpc
from fabric_protos.gateway import gateway_pb2

from hlf.errors import PeerDetail
from hlf.wire.status import encode_details

DETAILS_KEY = "grpc-status-details-bin"


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
    """``google.rpc.Status`` with every detail in it."""
    details = [PeerDetail(item.address, item.msp_id, item.message) for item in error.details]
    return encode_details(int(error.code.value[0]), error.message, details)
