"""What users write: mypy --strict has nothing to say about it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import grpc  # type: ignore[import-untyped]
from fabric_protos.common.common_pb2 import Block
from fabric_protos.peer.events_pb2 import FilteredBlock

from hlf import (
    AsyncGateway,
    ChaincodeEvent,
    CommitStatus,
    ContractFlows,
    Endpoint,
    FileCheckpoint,
    Flow,
    Gateway,
    Identity,
    MemoryWallet,
    Outcome,
    Retry,
    SigningIdentity,
    Wallet,
)
from hlf.fabric_sdk_py import load_users
from hlf.wire.blocks import decode_block


def transact(identity: SigningIdentity) -> bytes:
    with Gateway.from_profile("connection.yaml", identity) as gateway:
        assert_type(gateway, Gateway)
        contract = gateway.network("mychannel").contract("basic")
        assert_type(contract.evaluate("Read", "a", b"b"), bytes)
        options_given = contract.execute(
            "Write", transient={"value": b"x"}, endorsing_organizations=["Org1MSP"], retry=Retry(), timeout=5
        )
        assert_type(options_given, Outcome)
        commit = contract.propose("Write", "a").endorse(timeout=1).submit()
        assert_type(commit.status(), CommitStatus)
        assert_type(gateway.run(twice(contract.flows)), tuple[bytes, bytes])
        return contract.submit("Write", "a")


def shared(channel: grpc.Channel, identity: SigningIdentity, endpoint: Endpoint) -> None:
    with Gateway(channel, identity) as gateway, Gateway(endpoint, identity, commits="stream"):
        assert_type(gateway.identity, SigningIdentity | Identity)


def twice(flows: ContractFlows) -> Flow[tuple[bytes, bytes]]:
    first = yield from flows.submit("Write", "a")
    second = yield from flows.submit("Write", "b")
    return first, second


def listen(gateway: Gateway, path: Path) -> None:
    network = gateway.network("mychannel")
    with FileCheckpoint(path) as checkpoint:
        for event in network.chaincode_events("basic", checkpoint=checkpoint, reconnect=True):
            assert_type(event, ChaincodeEvent)
            checkpoint.record(event)
    for block in network.blocks(start=0):
        assert_type(block, Block)
        assert_type(block.header.number, int)
        print(decode_block(block).number)
    for filtered in network.filtered_blocks(start="oldest"):
        assert_type(filtered, FilteredBlock)
        assert_type(filtered.filtered_transactions[0].txid, str)


async def asynchronously(identity: SigningIdentity) -> None:
    async with AsyncGateway.from_profile("connection.yaml", identity) as gateway:
        contract = gateway.network("mychannel").contract("basic")
        assert_type(await contract.submit("Write"), bytes)
        async for event in gateway.network("mychannel").chaincode_events("basic"):
            assert_type(event.payload, bytes)


def wallets() -> None:
    memory = MemoryWallet()
    for name, user in load_users("network.json").items():
        Wallet("wallet").put(name, user, password="secret")
        memory.put(name, user)


async def sign(message: bytes) -> bytes:
    return message


def signers(identity: SigningIdentity) -> SigningIdentity:
    return SigningIdentity(identity.identity, sign)
