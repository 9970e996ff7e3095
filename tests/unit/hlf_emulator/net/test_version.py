"""Which Fabric the emulator is, how that one prints messages, and what it answers otherwise."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2, configtx_pb2, policies_pb2
from fabric_protos.msp import msp_principal_pb2
from fabric_protos.peer import proposal_response_pb2

from hlf_emulator.go.print import go_print
from hlf_emulator.version import FABRIC_2_5, FABRIC_3_1, version
from tests.unit.hlf_emulator.net.conftest import CHANNEL, World


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("3.1", FABRIC_3_1), ("3.1.5", FABRIC_3_1), ("2.5", FABRIC_2_5), ("2.5.16", FABRIC_2_5)],
)
def test_a_tag_names_a_version(tag: str, expected: object) -> None:
    assert version(tag) is expected


@pytest.mark.parametrize("tag", ["", "2.4", "2.55", "3.0", "latest"])
def test_no_other_version_is_emulated(tag: str) -> None:
    with pytest.raises(ValueError, match=r"3\.1 and 2\.5 are"):
        version(tag)


def interest() -> proposal_response_pb2.ChaincodeInterest:
    policy = policies_pb2.SignaturePolicyEnvelope(
        rule=policies_pb2.SignaturePolicy(signed_by=0),
        identities=[
            msp_principal_pb2.MSPPrincipal(
                principal_classification=msp_principal_pb2.MSPPrincipal.IDENTITY, principal=b"\n\x05org\xff"
            )
        ],
    )
    call = proposal_response_pb2.ChaincodeCall(name='a "name"', no_private_reads=True, key_policies=[policy])
    return proposal_response_pb2.ChaincodeInterest(chaincodes=[call])


def test_messages_are_printed_as_either_library_does() -> None:
    assert go_print(interest(), FABRIC_3_1) == (
        r'chaincodes:{name:"a \"name\"" no_private_reads:true key_policies:{rule:{signed_by:0} '
        r'identities:{principal_classification:IDENTITY principal:"\n\x05org\xff"}}}'
    )
    assert go_print(interest(), FABRIC_2_5) == (
        r'chaincodes:<name:"a \"name\"" no_private_reads:true key_policies:<rule:<signed_by:0 > '
        r'identities:<principal_classification:IDENTITY principal:"\n\005org\377" > > > '
    )


def test_maps_are_printed_in_order() -> None:
    group = configtx_pb2.ConfigGroup(mod_policy="Admins")
    for name in ("b", "a"):
        group.values[name].version = 1
    assert go_print(group, FABRIC_3_1) == (
        'values:{key:"a" value:{version:1}} values:{key:"b" value:{version:1}} mod_policy:"Admins"'
    )


def test_an_orderer_of_2_5_speaks_of_the_system_channel(world: World, tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        service = world.service(tmp_path)
        nodes = world.nodes(tmp_path, service)
        nodes[0].version = FABRIC_2_5
        nodes[0].join(CHANNEL, world.genesis)
        nodes[0].running = True
        kind = common_pb2.ORDERER_TRANSACTION
        sent = [world.envelope(channel="elsewhere"), world.envelope(kind=kind)]
        return [nodes[0].broadcast(envelope).info for envelope in sent]

    assert asyncio.run(scenario()) == [
        "channel creation request not allowed because the orderer system channel is not defined",
        "message is of type that cannot be processed directly",
    ]
