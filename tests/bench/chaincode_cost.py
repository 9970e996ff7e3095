"""CPU of a chaincode server per call of one write, against a bare stream with one writer, in one run.

The bare server does what the protocol asks and nothing more: reads TRANSACTION, asks the peer to put a key,
answers COMPLETED. Both are asked by the same scripted peer in another process.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import grpc
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_response_pb2

from hlf_chaincode import Context, Contract, transaction
from hlf_chaincode.server import ChaincodeServer
from hlf_chaincode.serving.config import ChaincodeService
from tests.bench.record import Record
from tests.unit.hlf_chaincode.fake_peer import transaction as transaction_message

Message = chaincode_shim_pb2.ChaincodeMessage
IN_FLIGHT = 50
GOAL = 1.3
_VALUE = b"x" * 200


class Writes(Contract):
    """One function that writes one key."""

    name = "writes"

    @transaction
    def put(self, ctx: Context, key: str, value: str) -> str:
        """Write a value."""
        ctx.state.put(key, value.encode())
        return key


async def _bare(_requests, context) -> None:
    await context.write(Message(type=Message.REGISTER, payload=b"\n\x04bare"))
    asked: dict[str, bytes] = {}
    while (message := await context.read()) is not grpc.aio.EOF:
        if message.type == Message.TRANSACTION:
            _, key, value = chaincode_pb2.ChaincodeInput.FromString(message.payload).args
            asked[message.txid] = key
            put = chaincode_shim_pb2.PutState(key=key.decode(), value=value).SerializeToString()
            await context.write(
                Message(type=Message.PUT_STATE, txid=message.txid, channel_id=message.channel_id, payload=put)
            )
        elif message.type == Message.RESPONSE:
            response = proposal_response_pb2.Response(status=200, payload=asked.pop(message.txid))
            await context.write(
                Message(
                    type=Message.COMPLETED,
                    txid=message.txid,
                    channel_id=message.channel_id,
                    payload=response.SerializeToString(),
                )
            )


async def _start_bare() -> str:
    server = grpc.aio.server()
    connect = grpc.stream_stream_rpc_method_handler(
        _bare, request_deserializer=Message.FromString, response_serializer=Message.SerializeToString
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("protos.Chaincode", {"Connect": connect}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    _ALIVE.append(server)
    return f"127.0.0.1:{port}"


async def _start_ours() -> str:
    server = ChaincodeServer(ChaincodeService("ours", (Writes,), "127.0.0.1:0", None))
    await server.start()
    _ALIVE.append(server)
    return server.address


# A grpc.aio server that nobody holds is closed.
_ALIVE: list[object] = []


def _serve(pipe: Connection, start: Callable[[], Awaitable[str]]) -> None:
    async def serve() -> None:
        pipe.send(await start())
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(None, pipe.recv)
            pipe.send(time.process_time())

    asyncio.run(serve())


async def _ask(address: str, count: int) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.stream_stream(
            "/protos.Chaincode/Connect",
            request_serializer=Message.SerializeToString,
            response_deserializer=Message.FromString,
        )()
        await stream.read()
        await stream.write(Message(type=Message.REGISTERED))
        await stream.write(Message(type=Message.READY))
        begun = 0

        async def begin() -> None:
            nonlocal begun
            await stream.write(transaction_message(f"tx{begun}", b"put", b"key%d" % begun, _VALUE))
            begun += 1

        for _ in range(IN_FLIGHT):
            await begin()
        done = 0
        while done < count:
            message = await stream.read()
            if message.type == Message.COMPLETED:
                if proposal_response_pb2.Response.FromString(message.payload).status != 200:
                    raise RuntimeError("the contract refused")
                done += 1
                if begun < count:
                    await begin()
            else:
                await stream.write(
                    Message(type=Message.RESPONSE, txid=message.txid, channel_id=message.channel_id)
                )
        stream.cancel()


@contextmanager
def _process(start: Callable[[], Awaitable[str]]) -> Iterator[tuple[str, Callable[[], float]]]:
    """A server in a process of its own: its address, and what asks for its CPU seconds."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=_serve, args=(there, start), daemon=True)
    server.start()

    def cpu() -> float:
        here.send("cpu")
        return float(here.recv())

    try:
        if not here.poll(60):
            raise RuntimeError("the chaincode server did not start")
        yield here.recv(), cpu
    finally:
        server.terminate()
        server.join()


def measure(count: int = 1000, rounds: int = 6) -> Iterator[Record]:
    """One record: milliseconds per call, the bare stream's beside it, both the least of rounds in turn."""
    with _process(_start_bare) as bare, _process(_start_ours) as ours:
        costs: list[list[float]] = [[], []]
        for address, _ in (bare, ours):
            asyncio.run(_ask(address, 200))
        for _ in range(rounds):
            for (address, cpu), found in zip((bare, ours), costs, strict=True):
                before = cpu()
                asyncio.run(_ask(address, count))
                found.append((cpu() - before) * 1000 / count)
    baseline, value = map(min, costs)
    yield Record.of(
        "chaincode CPU per call", value, "ms", baseline=baseline, goal=GOAL, judge="ratio at most"
    )
