"""CPU per submitted transaction: AsyncGateway against a bare grpc.aio loop, in one run.

The bare loop does what the protocol asks and nothing more: it builds and signs a proposal, and calls
Endorse, Submit and CommitStatus through the generated stubs. Both talk to the same scripted service in
another process, so only the client's own CPU is
counted. ``python -m tests.bench.client_cost`` prints the record.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from multiprocessing.connection import Connection

import grpc
from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, SignatureHeader
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.peer.chaincode_pb2 import (
    ChaincodeID,
    ChaincodeInput,
    ChaincodeInvocationSpec,
    ChaincodeSpec,
)
from fabric_protos.peer.proposal_pb2 import (
    ChaincodeAction,
    ChaincodeHeaderExtension,
    ChaincodeProposalPayload,
    Proposal,
    SignedProposal,
)
from fabric_protos.peer.proposal_response_pb2 import (
    Endorsement,
    ProposalResponse,
    ProposalResponsePayload,
    Response,
)
from google.protobuf.timestamp_pb2 import Timestamp

from hlf import AsyncGateway, Endpoint, SigningIdentity
from hlf.wire.proposal import transaction_id
from hlf.wire.transaction import assemble_transaction

GOAL = 1.5
_ARGUMENT = b"x" * 200


class _Service(gateway_pb2_grpc.GatewayServicer):
    """Answers at once: one response payload for all, endorsed by two members."""

    def __init__(self, certificate: bytes) -> None:
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
        self._certificate = certificate

    async def Endorse(self, request, context):
        envelope = assemble_transaction(request.proposed_transaction.proposal_bytes, self._responses)
        return gateway_pb2.EndorseResponse(prepared_transaction=envelope)

    async def Submit(self, request, context):
        return gateway_pb2.SubmitResponse()

    async def CommitStatus(self, request, context):
        return gateway_pb2.CommitStatusResponse(block_number=1)


def _serve(pipe: Connection, certificate: bytes) -> None:
    async def serve() -> None:
        server = grpc.aio.server()
        gateway_pb2_grpc.add_GatewayServicer_to_server(_Service(certificate), server)
        pipe.send(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        await server.wait_for_termination()

    asyncio.run(serve())


async def _bare_transaction(stub, identity: SigningIdentity) -> None:
    nonce, creator = os.urandom(24), identity.serialized()
    txid = transaction_id(nonce, creator)
    name = ChaincodeID(name="basic")
    now = time.time_ns()
    header = Header(
        channel_header=ChannelHeader(
            type=3,
            timestamp=Timestamp(seconds=now // 10**9, nanos=now % 10**9),
            channel_id="ch",
            tx_id=txid,
            extension=ChaincodeHeaderExtension(chaincode_id=name).SerializeToString(),
        ).SerializeToString(),
        signature_header=SignatureHeader(creator=creator, nonce=nonce).SerializeToString(),
    )
    call = ChaincodeInvocationSpec(
        chaincode_spec=ChaincodeSpec(chaincode_id=name, input=ChaincodeInput(args=[b"Write", _ARGUMENT]))
    )
    payload = ChaincodeProposalPayload(input=call.SerializeToString())
    proposal = Proposal(
        header=header.SerializeToString(), payload=payload.SerializeToString()
    ).SerializeToString()
    signed = SignedProposal(proposal_bytes=proposal, signature=identity.sign(proposal))
    endorsed = await stub.Endorse(
        gateway_pb2.EndorseRequest(transaction_id=txid, channel_id="ch", proposed_transaction=signed),
        timeout=30,
    )
    body = endorsed.prepared_transaction.payload
    envelope = Envelope(payload=body, signature=identity.sign(body))
    submit = gateway_pb2.SubmitRequest(transaction_id=txid, channel_id="ch", prepared_transaction=envelope)
    await stub.Submit(submit, timeout=30)
    ask = gateway_pb2.CommitStatusRequest(
        transaction_id=txid, channel_id="ch", identity=creator
    ).SerializeToString()
    status = gateway_pb2.SignedCommitStatusRequest(request=ask, signature=identity.sign(ask))
    await stub.CommitStatus(status, timeout=30)


async def _cpu(transaction, count: int, in_flight: int) -> float:
    """CPU milliseconds of this process per transaction."""

    async def worker(number: int) -> None:
        for _ in range(number):
            await transaction()

    await worker(20)
    start = time.process_time()
    await asyncio.gather(*(worker(count // in_flight) for _ in range(in_flight)))
    return (time.process_time() - start) * 1000 / (count // in_flight * in_flight)


async def _compare(
    address: str, identity: SigningIdentity, count: int, in_flight: int, rounds: int
) -> tuple[float, float]:
    endpoint = Endpoint(address)
    bare, ours = [], []
    async with endpoint.connect_async() as channel, AsyncGateway(endpoint, identity) as gateway:
        stub = gateway_pb2_grpc.GatewayStub(channel)
        contract = gateway.network("ch").contract("basic")
        for _ in range(rounds):
            bare.append(await _cpu(lambda: _bare_transaction(stub, identity), count, in_flight))
            ours.append(await _cpu(lambda: contract.submit("Write", _ARGUMENT), count, in_flight))
    return min(bare), min(ours)


def measure(
    identity: SigningIdentity, *, count: int = 500, in_flight: int = 50, rounds: int = 3
) -> dict[str, object]:
    """Return a record of the benchmark file: name, value and baseline in ms, ratio, goal, met."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=_serve, args=(there, identity.certificate), daemon=True)
    server.start()
    try:
        if not here.poll(60):
            raise RuntimeError("the scripted service did not start")
        baseline, value = asyncio.run(
            _compare(f"127.0.0.1:{here.recv()}", identity, count, in_flight, rounds)
        )
    finally:
        server.terminate()
        server.join()
    ratio = value / baseline
    return {
        "name": "client CPU per submitted transaction",
        "value": round(value, 3),
        "unit": "ms",
        "baseline": round(baseline, 3),
        "ratio": round(ratio, 2),
        "goal": GOAL,
        "met": ratio <= GOAL,
    }


if __name__ == "__main__":
    from tests.unit.hlf.fake_gateway import make_identity

    print(json.dumps(measure(make_identity())))
