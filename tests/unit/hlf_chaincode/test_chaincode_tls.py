"""TLS as a package's connection.json says it, dialed by the emulator's peer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import grpc
import pytest
from fabric_protos.peer import chaincode_pb2

from hlf.admin.package import ccaas_package
from hlf_chaincode import Context, Contract, query
from hlf_chaincode.serving.tls import ServerTls
from hlf_emulator.lifecycle.packages import parse_package
from hlf_emulator.peer.dialing import DialError, dial
from tests.unit.hlf_chaincode.certificates import Authority, Pair
from tests.unit.hlf_chaincode.fake_peer import DEADLINE, Message
from tests.unit.hlf_chaincode.running import Running

AUTHORITY, OTHER = Authority(), Authority("other")
CLIENT, STRANGER = AUTHORITY.issue("peer"), OTHER.issue("stranger")


class Hello(Contract):
    name = "hello"

    @query
    def hello(self, ctx: Context) -> str:
        return "hello"


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Running]]:
    pair = AUTHORITY.issue("server")
    running = {
        "plain": Running(Hello),
        "tls": Running(Hello, tls=ServerTls(*pair)),
        "mutual": Running(Hello, tls=ServerTls(*pair, AUTHORITY.root)),
    }
    yield running
    for server in running.values():
        server.close()


def registered(server: Running, root: bytes | None, client: Pair | None) -> str:
    """Who registers at a peer that has installed a package for this server."""
    package = ccaas_package(
        "hello",
        server.server.address,
        tls_root_pem=root,
        client_cert_pem=client.certificate if client else None,
        client_key_pem=client.key if client else None,
        dial_timeout="500ms",
    )

    async def connect() -> str:
        channel = await dial(parse_package(package).connection())
        async with channel:
            stream = channel.stream_stream(
                "/protos.Chaincode/Connect", response_deserializer=Message.FromString
            )(timeout=DEADLINE)
            first = await stream.read()
            if first is grpc.aio.EOF:
                raise DialError((await stream.code()).name)
            stream.cancel()
            return chaincode_pb2.ChaincodeID.FromString(first.payload).name

    return asyncio.run(connect())


@pytest.mark.parametrize(
    ("kind", "root", "client"),
    [
        ("plain", None, None),
        ("tls", AUTHORITY.root, None),
        # A peer may show what nobody asks for.
        ("tls", AUTHORITY.root, CLIENT),
        ("mutual", AUTHORITY.root, CLIENT),
    ],
)
def test_a_peer_with_the_right_connection_is_served(servers, kind, root, client):
    assert registered(servers[kind], root, client) == "store:1"


@pytest.mark.parametrize(
    ("kind", "root", "client"),
    [
        ("plain", AUTHORITY.root, None),
        ("tls", None, None),
        ("tls", OTHER.root, None),
        ("mutual", AUTHORITY.root, None),
        ("mutual", AUTHORITY.root, STRANGER),
        ("mutual", None, None),
    ],
)
def test_a_peer_with_another_connection_is_not(servers, kind, root, client):
    with pytest.raises((DialError, grpc.aio.AioRpcError)):
        registered(servers[kind], root, client)
