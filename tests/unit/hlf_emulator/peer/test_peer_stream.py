"""The peer's side of the chaincode protocol, against a chaincode that says exactly what a test wants."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_pb2, proposal_response_pb2

from hlf_emulator.ledger.simulator import Simulator
from hlf_emulator.ledger.state import Batch, Entry, Space, State, Version
from hlf_emulator.lifecycle.packages import Connection
from hlf_emulator.peer.chaincode_stream import ChaincodeStream, ExecutionError, LaunchError, Message
from hlf_emulator.peer.ledger_calls import CallContext

Script = Callable[[Any], Awaitable[None]]
PACKAGE = "store:abc"


async def invoke(_context: CallContext, spec: chaincode_pb2.ChaincodeSpec) -> bytes:
    await asyncio.sleep(0)
    return spec.chaincode_id.name.encode()


def context(transaction_id: str = "tx1") -> CallContext:
    public = State()
    batch = Batch(0)
    for number in range(250):
        batch.writes[Space("store"), f"k{number:03}"] = Entry(b"v", Version(0, 0))
    public.apply(batch)
    simulator = Simulator(transaction_id, public, State(), 1, lambda _chaincode, _collection: None)
    return CallContext(
        transaction_id=transaction_id,
        namespace="store",
        invoked="store",
        signed=proposal_pb2.SignedProposal(proposal_bytes=b"proposal"),
        creator=b"",
        simulator=simulator,
    )


@asynccontextmanager
async def scripted(script: Script, *, start: bool = True) -> AsyncIterator[ChaincodeStream]:
    """A stream to a server whose every connection follows `script`."""

    async def connect(_requests: Any, wire: Any) -> None:
        await script(wire)

    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(
        connect, request_deserializer=Message.FromString, response_serializer=Message.SerializeToString
    )
    service = grpc.method_handlers_generic_handler("protos.Chaincode", {"Connect": handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stream = ChaincodeStream(PACKAGE, Connection(f"127.0.0.1:{port}", 5.0), invoke)
    try:
        if start:
            await stream.start(5)
        yield stream
    finally:
        await stream.close()
        await server.stop(0)


async def register(wire: Any, name: str = PACKAGE) -> chaincode_pb2.ChaincodeAdditionalParams:
    payload = chaincode_pb2.ChaincodeID(name=name).SerializeToString()
    await wire.write(Message(type=Message.REGISTER, payload=payload))
    assert (await wire.read()).type == Message.REGISTERED
    ready = await wire.read()
    assert ready.type == Message.READY
    return chaincode_pb2.ChaincodeAdditionalParams.FromString(ready.payload)


async def complete(wire: Any, request: Message, payload: bytes) -> None:
    response = proposal_response_pb2.Response(status=200, payload=payload).SerializeToString()
    await wire.write(
        Message(type=Message.COMPLETED, payload=response, txid=request.txid, channel_id=request.channel_id)
    )


async def run(stream: ChaincodeStream, seconds: float = 5, transaction_id: str = "tx1") -> bytes:
    answer = await stream.execute(Message.TRANSACTION, context(transaction_id), b"input", "trade", seconds)
    return proposal_response_pb2.Response.FromString(answer.payload).payload


def call(request: Message, kind: Any, payload: Any) -> Message:
    encoded = payload.SerializeToString()
    return Message(type=kind, payload=encoded, txid=request.txid, channel_id=request.channel_id)


def test_registration_offers_batches_and_a_transaction_carries_the_proposal() -> None:
    async def script(wire: Any) -> None:
        abilities = await register(wire)
        assert abilities.use_write_batch and abilities.max_size_write_batch == 1000
        assert abilities.use_get_multiple_keys and abilities.max_size_get_multiple_keys == 1000
        await wire.write(Message(type=Message.KEEPALIVE))
        request = await wire.read()
        assert request.proposal.proposal_bytes == b"proposal"
        await complete(wire, request, request.payload)

    async def scene() -> None:
        async with scripted(script) as stream:
            assert stream.open
            assert await run(stream) == b"input"

    asyncio.run(scene())


def test_a_range_is_answered_in_hundreds() -> None:
    async def script(wire: Any) -> None:
        await register(wire)
        request = await wire.read()
        await wire.write(call(request, Message.GET_STATE_BY_RANGE, chaincode_shim_pb2.GetStateByRange()))
        sizes = []
        while True:
            response = chaincode_shim_pb2.QueryResponse.FromString((await wire.read()).payload)
            sizes.append(len(response.results))
            if not response.has_more:
                break
            following = chaincode_shim_pb2.QueryStateNext(id=response.id)
            await wire.write(call(request, Message.QUERY_STATE_NEXT, following))
        await wire.write(
            call(request, Message.QUERY_STATE_NEXT, chaincode_shim_pb2.QueryStateNext(id=response.id))
        )
        refused = await wire.read()
        assert refused.type == Message.ERROR
        assert refused.payload == b"QUERY_STATE_NEXT failed: transaction ID: tx1: query iterator not found"
        await complete(wire, request, str(sizes).encode())

    async def scene() -> None:
        async with scripted(script) as stream:
            assert await run(stream) == b"[100, 100, 50]"

    asyncio.run(scene())


def test_pages_have_bookmarks_and_forbid_writes() -> None:
    async def script(wire: Any) -> None:
        await register(wire)
        request = await wire.read()
        metadata = chaincode_shim_pb2.QueryMetadata(pageSize=120).SerializeToString()
        page = chaincode_shim_pb2.GetStateByRange(metadata=metadata)
        await wire.write(call(request, Message.GET_STATE_BY_RANGE, page))
        response = chaincode_shim_pb2.QueryResponse.FromString((await wire.read()).payload)
        assert len(response.results) == 120 and not response.has_more
        found = chaincode_shim_pb2.QueryResponseMetadata.FromString(response.metadata)
        assert (found.fetched_records_count, found.bookmark) == (120, "k120")
        put = chaincode_shim_pb2.PutState(key="k", value=b"v")
        await wire.write(call(request, Message.PUT_STATE, put))
        await complete(wire, request, (await wire.read()).payload)

    async def scene() -> None:
        async with scripted(script) as stream:
            assert (await run(stream)).decode() == (
                "PUT_STATE failed: transaction ID: tx1: txid [tx1]: unsuppored transaction. Transaction has "
                "already performed a paginated query. Writes are not allowed"
            )

    asyncio.run(scene())


def test_calls_of_other_chaincodes_and_unknown_messages() -> None:
    async def script(wire: Any) -> None:
        await register(wire)
        request = await wire.read()
        spec = chaincode_pb2.ChaincodeSpec(chaincode_id=chaincode_pb2.ChaincodeID(name="other"))
        await wire.write(call(request, Message.INVOKE_CHAINCODE, spec))
        answer = await wire.read()
        assert (answer.type, answer.payload) == (Message.RESPONSE, b"other")
        query = chaincode_shim_pb2.GetQueryResult(query="{}")
        await wire.write(call(request, Message.GET_QUERY_RESULT, query))
        await complete(wire, request, (await wire.read()).payload)

    async def scene() -> None:
        async with scripted(script) as stream:
            assert (await run(stream)).endswith(b"ExecuteQuery not supported for leveldb")

    asyncio.run(scene())


def test_a_stream_that_ends_fails_what_is_under_way() -> None:
    async def script(wire: Any) -> None:
        await register(wire)
        await wire.read()

    async def scene() -> None:
        async with scripted(script) as stream:
            with pytest.raises(ExecutionError, match=r"^chaincode stream terminated$"):
                await run(stream)
            await asyncio.sleep(0)
            assert not stream.open

    asyncio.run(scene())


def test_an_execution_that_takes_too_long() -> None:
    async def script(wire: Any) -> None:
        await register(wire)
        await wire.read()
        await wire.read()

    async def scene() -> None:
        async with scripted(script) as stream:
            with pytest.raises(ExecutionError, match=r"^timeout expired while executing transaction$"):
                await run(stream, 0.05)

    asyncio.run(scene())


def test_another_package_is_not_registered() -> None:
    async def script(wire: Any) -> None:
        payload = chaincode_pb2.ChaincodeID(name="another:def").SerializeToString()
        await wire.write(Message(type=Message.REGISTER, payload=payload))
        await wire.read()

    async def scene() -> None:
        async with scripted(script, start=False) as stream:
            with pytest.raises(LaunchError, match=f"timeout expired while starting chaincode {PACKAGE}"):
                await stream.start(0.2)
            assert not stream.open

    asyncio.run(scene())
