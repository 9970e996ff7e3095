"""Configuration updates through Broadcast: applied, refused, and in force afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.orderer import configuration_pb2

from hlf_emulator.ordering.orderer import OrderingService
from tests.unit.hlf_emulator.net.conftest import CHANNEL, World


def _update(world: World, messages: int, signers: tuple[str, ...], version: int = 1) -> common_pb2.Envelope:
    update = configtx_pb2.ConfigUpdate(channel_id=CHANNEL)
    update.read_set.groups["Orderer"].SetInParent()
    value = update.write_set.groups["Orderer"].values["BatchSize"]
    value.version = version
    value.mod_policy = "Admins"
    value.value = configuration_pb2.BatchSize(
        max_message_count=messages, absolute_max_bytes=1 << 20, preferred_max_bytes=1 << 20
    ).SerializeToString()
    content = update.SerializeToString()
    envelope = configtx_pb2.ConfigUpdateEnvelope(config_update=content)
    for signer in signers:
        identity = world.identities[signer]
        header = common_pb2.SignatureHeader(
            creator=identity.serialized(), nonce=signer.encode()
        ).SerializeToString()
        envelope.signatures.add(signature_header=header, signature=identity.sign(header + content))
    return world.envelope(
        "alpha/admin",
        content=envelope.SerializeToString(),
        kind=common_pb2.CONFIG_UPDATE,
        nonce=b"update" + bytes([messages]),
    )


def _running(world: World, folder: Path) -> OrderingService:
    service = world.service(folder)
    for node in world.nodes(folder, service):
        node.join(CHANNEL, world.genesis)
        node.running = True
    return service


def test_an_authorized_update_is_a_block_of_its_own_and_in_force(world: World, tmp_path: Path) -> None:
    async def scenario() -> tuple[int, int, int]:
        service = _running(world, tmp_path)
        node = world.nodes(tmp_path, service)[0]
        answer = node.broadcast(_update(world, 7, ("alpha/admin", "beta/admin")))
        assert answer.info == ""
        sequencer = service.sequencers[CHANNEL]
        async with asyncio.timeout(5):
            await sequencer.wait_height(2)
        return sequencer.bundle.batch.max_messages, sequencer.bundle.sequence, sequencer.last_config

    assert asyncio.run(scenario()) == (7, 1, 1)


def test_an_update_that_too_few_sign_is_refused(world: World, tmp_path: Path) -> None:
    async def scenario() -> common_pb2.Status.ValueType:
        service = _running(world, tmp_path)
        answer = world.nodes(tmp_path, service)[0].broadcast(_update(world, 8, ("alpha/admin",)))
        assert answer.info.startswith(
            "error applying config update to existing channel 'trade': error authorizing update: "
            "error validating DeltaSet: policy for [Value]  /Channel/Orderer/BatchSize not satisfied: "
        )
        return answer.status

    assert asyncio.run(scenario()) == common_pb2.BAD_REQUEST


def test_a_stale_version_is_refused(world: World, tmp_path: Path) -> None:
    async def scenario() -> str:
        service = _running(world, tmp_path)
        node = world.nodes(tmp_path, service)[0]
        return node.broadcast(_update(world, 9, ("alpha/admin", "beta/admin"), version=5)).info

    assert asyncio.run(scenario()).endswith(
        "error validating DeltaSet: attempt to set key [Value]  /Channel/Orderer/BatchSize to version 5, "
        "but key is at version 0"
    )
