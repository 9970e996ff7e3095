"""TLS and mutual TLS to a node whose certificate bears another name than its address; large messages."""

import asyncio
import hashlib
from contextlib import contextmanager

import grpc
import pytest
from cryptography.hazmat.primitives import serialization

import hlf
from hlf import AsyncGateway, Endpoint, Gateway
from hlf.identity import load_certificate
from tests.unit.hlf.fake_gateway import FakeGateway, make_identity


def key_pem(identity):
    return identity.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@contextmanager
def serving(node, client_roots=None):
    credentials = grpc.ssl_server_credentials(
        [(key_pem(node), node.certificate)], client_roots, client_roots is not None
    )
    server = FakeGateway(credentials)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def node():
    return make_identity("NodeMSP")


def read(endpoint, identity, face):
    if face == "sync":
        with Gateway(endpoint, identity) as gateway:
            return gateway.network("ch").contract("basic").evaluate("Read", timeout=10)

    async def scenario():
        async with AsyncGateway(endpoint, identity) as gateway:
            return await gateway.network("ch").contract("basic").evaluate("Read", timeout=10)

    return asyncio.run(scenario())


@pytest.mark.feature("A15", "sync", "async")
@pytest.mark.parametrize("face", ["sync", "async"])
def test_tls(node, identity, face):
    with serving(node) as server:
        endpoint = Endpoint(server.address, node.certificate, override_host="peer0.example")
        assert read(endpoint, identity, face) == b"Read"


@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_node_of_another_root_or_name_is_refused(node, identity, face):
    with serving(node) as server:
        for endpoint in (
            Endpoint(server.address, identity.certificate, override_host="peer0.example"),
            Endpoint(server.address, node.certificate, override_host="peer1.example"),
        ):
            with pytest.raises(hlf.EvaluateError) as caught:
                read(endpoint, identity, face)
            assert caught.value.code == "UNAVAILABLE"


def test_mutual_tls_and_the_certificate_hash_of_deliver_requests(node, identity):
    client = make_identity("ClientMSP")
    with serving(node, client.certificate) as server:
        endpoint = Endpoint(
            server.address,
            node.certificate,
            override_host="peer0.example",
            client_certificate_pem=client.certificate,
            client_key_pem=key_pem(client),
        )
        assert read(endpoint, identity, "sync") == b"Read"
        with Gateway(endpoint, identity) as gateway:
            assert len(list(gateway.network("ch").blocks(start=1, stop=1))) == 1
        head, _seek = server.requests["Deliver"][0]
        der = load_certificate(client.certificate).public_bytes(serialization.Encoding.DER)
        assert head.tls_cert_hash == hashlib.sha256(der).digest()


def test_messages_larger_than_the_grpc_default(gateway):
    large = b"x" * (5 * 1024 * 1024)
    assert len(gateway.network("ch").contract("basic").submit("Write", large)) > len(large)
