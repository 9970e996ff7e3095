"""The REST server, the participation API, gRPC status details and the configuration file."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2

from hlf.errors import ConfigurationError
from hlf_emulator.config import load, parse_duration
from hlf_emulator.ordering.orderer import Orderer
from hlf_emulator.ordering.participation import ParticipationApi
from hlf_emulator.ports.rest import HttpServer, Request, Response, json_response
from hlf_emulator.ports.rpc_status import RpcError, encode_status
from tests.unit.hlf_emulator.net.conftest import CHANNEL, World

BASE = "/participation/v1/channels"


def _form(key: str, content: bytes) -> tuple[dict[str, str], bytes]:
    boundary = "3a1f"
    disposition = f'Content-Disposition: form-data; name="{key}"; filename="{key}.pb"'
    body = f"--{boundary}\r\n{disposition}\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return {"content-type": f"multipart/form-data; boundary={boundary}"}, body


def _ask(
    orderer: Orderer,
    method: str,
    path: str,
    form: tuple[dict[str, str], bytes] = ({}, b""),
) -> Response:
    request = Request(method, path, form[0], form[1])
    return asyncio.run(_handled(orderer, request))


async def _handled(orderer: Orderer, request: Request) -> Response:
    return await ParticipationApi(orderer).handle(request)


@pytest.fixture
def orderer(world: World, tmp_path: Path) -> Orderer:
    return world.nodes(tmp_path, world.service(tmp_path))[0]


def test_participation_joins_lists_and_leaves(world: World, orderer: Orderer) -> None:
    listed = _ask(orderer, "GET", BASE)
    assert json.loads(listed.body) == {"systemChannel": None, "channels": None}
    joined = _ask(orderer, "POST", BASE, _form("config-block", world.genesis.SerializeToString()))
    assert joined.status == 201
    assert joined.headers["Location"] == f"{BASE}/{CHANNEL}"
    expected = {
        "name": CHANNEL,
        "url": f"{BASE}/{CHANNEL}",
        "consensusRelation": "consenter",
        "status": "active",
        "height": 1,
    }
    assert json.loads(_ask(orderer, "GET", f"{BASE}/{CHANNEL}").body) == expected
    block = _ask(orderer, "GET", f"{BASE}/{CHANNEL}/blocks/config")
    assert common_pb2.Block.FromString(block.body) == world.genesis
    again = _ask(orderer, "POST", BASE, _form("config-block", world.genesis.SerializeToString()))
    assert (again.status, json.loads(again.body)) == (405, {"error": "cannot join: channel already exists"})
    assert _ask(orderer, "DELETE", f"{BASE}/{CHANNEL}").status == 204
    assert json.loads(_ask(orderer, "GET", f"{BASE}/{CHANNEL}").body) == {"error": "channel does not exist"}


def test_participation_refuses(world: World, orderer: Orderer) -> None:
    broken = common_pb2.Block()
    broken.CopyFrom(world.genesis)
    broken.header.data_hash = hashlib.sha256(b"other").digest()
    answer = _ask(orderer, "POST", BASE, _form("config-block", broken.SerializeToString()))
    assert answer.status == 400
    assert json.loads(answer.body)["error"].endswith("Header.DataHash is different from Hash(block.Data)")
    wrong = _ask(orderer, "POST", BASE, _form("other", b""))
    assert json.loads(wrong.body) == {"error": "form does not contains part key: config-block"}
    gone = _ask(orderer, "DELETE", f"{BASE}/{CHANNEL}")
    assert (gone.status, json.loads(gone.body)) == (404, {"error": "cannot remove: channel does not exist"})
    update = _ask(
        orderer,
        "PUT",
        BASE,
        _form(
            "config-update-envelope",
            world.envelope(kind=common_pb2.CONFIG_UPDATE).SerializeToString(),
        ),
    )
    assert update.status in {400, 405}


def test_the_http_server_keeps_connections_and_closes_its_port(unused_tcp_port: int) -> None:
    async def echo(request: Request) -> Response:
        return json_response(200, {"path": request.path, "size": len(request.body)})

    async def scenario() -> list[bytes]:
        server = HttpServer(echo, "127.0.0.1", unused_tcp_port)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        answers = []
        for body in (
            b"Content-Length: 3\r\n\r\nabc",
            b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        ):
            writer.write(b"POST /x?y HTTP/1.1\r\nHost: x\r\n" + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            answers.append(await reader.readexactly(length))
        writer.close()
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        return answers

    assert asyncio.run(scenario()) == [b'{"path":"/x","size":3}\n', b'{"path":"/x","size":2}\n']


@pytest.fixture
def unused_tcp_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_details_are_what_a_client_decodes() -> None:
    from hlf.wire.status import decode_details

    detail = gateway_pb2.ErrorDetail(address="peer:7051", msp_id="alpha", message="no")
    encoded = encode_status(RpcError(grpc.StatusCode.ABORTED, "failed", [detail]))
    assert [(item.address, item.msp_id, item.message) for item in decode_details(encoded)] == [
        ("peer:7051", "alpha", "no")
    ]


def test_configuration_errors_name_the_field(tmp_path: Path) -> None:
    path = tmp_path / "emulator.json"
    path.write_text(json.dumps({"state": "s", "control": "127.0.0.1:1", "peers": [{"name": "p"}]}))
    with pytest.raises(ConfigurationError, match=r"peers\[0\]\.msp_id must be a non-empty string"):
        load(path)
    assert parse_duration("100ms") == pytest.approx(0.1)
