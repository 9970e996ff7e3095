"""A Gateway and Deliver service in another process that does no work, so that clients alone are measured.

Every transaction "commits" with the next block: ten to a block, or after 50 ms. Calls are answered at once,
or at a peer's pace.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import grpc
from fabric_protos.common.common_pb2 import Envelope
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.peer.chaincode_event_pb2 import ChaincodeEvent
from fabric_protos.peer.events_pb2 import DeliverResponse, FilteredBlock
from fabric_protos.peer.proposal_pb2 import ChaincodeAction
from fabric_protos.peer.proposal_response_pb2 import (
    Endorsement,
    ProposalResponse,
    ProposalResponsePayload,
    Response,
)

from hlf.wire.transaction import assemble_transaction

EVENTS_PER_BLOCK = 10
_TRANSACTIONS_PER_BLOCK = 10
_BATCH_SECONDS = 0.05


class Pace(NamedTuple):
    """Seconds until Endorse and Submit are answered; CommitStatus is when the transaction's block is cut."""

    endorse: float
    submit: float


class _Service(gateway_pb2_grpc.GatewayServicer):
    """One response payload for all, endorsed by two members."""

    def __init__(self, certificate: bytes, pace: Pace | None = None) -> None:
        self._pace = pace
        action = ChaincodeAction(response=Response(status=200, payload=b"ok"))
        payload = ProposalResponsePayload(extension=action.SerializeToString()).SerializeToString()
        self._responses = [
            ProposalResponse(
                response=Response(status=200),
                payload=payload,
                endorsement=Endorsement(
                    endorser=b"\n\x04Org%d\x12" % n + bytes([255, 7]) + b" " * 1023, signature=b"s" * 71
                ),
            )
            for n in (1, 2)
        ]
        self._block = FilteredBlock(channel_id="ch", number=1)
        self._listeners: set[asyncio.Queue[FilteredBlock]] = set()
        self._cutting: asyncio.TimerHandle | None = None
        self._pending: set[str] = set()
        self._cut_is_made = asyncio.Event()

    async def Endorse(self, request: Any, context: Any) -> gateway_pb2.EndorseResponse:
        if self._pace:
            await asyncio.sleep(self._pace.endorse)
        envelope = assemble_transaction(request.proposed_transaction.proposal_bytes, self._responses)
        return gateway_pb2.EndorseResponse(prepared_transaction=envelope)

    async def Submit(self, request: Any, context: Any) -> gateway_pb2.SubmitResponse:
        if self._pace:
            await asyncio.sleep(self._pace.submit)
        self._pending.add(request.transaction_id)
        self._block.filtered_transactions.add(txid=request.transaction_id, type=3)
        if len(self._block.filtered_transactions) == _TRANSACTIONS_PER_BLOCK:
            self._cut()
        elif self._cutting is None:
            self._cutting = asyncio.get_running_loop().call_later(_BATCH_SECONDS, self._cut)
        return gateway_pb2.SubmitResponse()

    async def CommitStatus(self, request: Any, context: Any) -> gateway_pb2.CommitStatusResponse:
        if self._pace:
            asked = gateway_pb2.CommitStatusRequest.FromString(request.request)
            if asked.transaction_id in self._pending:
                await self._cut_is_made.wait()
        return gateway_pb2.CommitStatusResponse(block_number=1)

    async def ChaincodeEvents(self, request: Any, context: Any) -> AsyncIterator[Any]:
        number = 0
        while True:
            number += 1
            yield gateway_pb2.ChaincodeEventsResponse(
                block_number=number,
                events=[
                    ChaincodeEvent(
                        chaincode_id="basic", tx_id=f"{number:060}{n:04}", event_name="e", payload=b"x" * 200
                    )
                    for n in range(EVENTS_PER_BLOCK)
                ],
            )

    async def deliver_filtered(self, requests: Any, context: Any) -> AsyncIterator[DeliverResponse]:
        await anext(requests)
        waiting: asyncio.Queue[FilteredBlock] = asyncio.Queue()
        self._listeners.add(waiting)
        yield DeliverResponse(filtered_block=FilteredBlock(channel_id="ch", number=self._block.number - 1))
        try:
            while True:
                yield DeliverResponse(filtered_block=await waiting.get())
        finally:
            self._listeners.discard(waiting)

    def _cut(self) -> None:
        if self._cutting is not None:
            self._cutting.cancel()
            self._cutting = None
        self._pending.clear()
        self._cut_is_made.set()
        self._cut_is_made = asyncio.Event()
        block, self._block = self._block, FilteredBlock(channel_id="ch", number=self._block.number + 1)
        for waiting in self._listeners:
            waiting.put_nowait(block)


def _serve(pipe: Connection, certificate: bytes, pace: Pace | None) -> None:
    async def serve() -> None:
        server = grpc.aio.server()
        answers = _Service(certificate, pace)
        gateway_pb2_grpc.add_GatewayServicer_to_server(answers, server)
        deliver = grpc.stream_stream_rpc_method_handler(
            answers.deliver_filtered, Envelope.FromString, DeliverResponse.SerializeToString
        )
        handlers = grpc.method_handlers_generic_handler("protos.Deliver", {"DeliverFiltered": deliver})
        server.add_generic_rpc_handlers((handlers,))
        pipe.send(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        await server.wait_for_termination()

    asyncio.run(serve())


@contextmanager
def service(certificate: bytes, pace: Pace | None = None) -> Iterator[str]:
    """Run the service for the length of the block; the value is its address. None: answers come at once."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=_serve, args=(there, certificate, pace), daemon=True)
    server.start()
    try:
        if not here.poll(60):
            raise RuntimeError("the scripted service did not start")
        yield f"127.0.0.1:{here.recv()}"
    finally:
        server.terminate()
        server.join()
