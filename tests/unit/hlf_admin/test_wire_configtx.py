import dataclasses
import hashlib

import pytest
from fabric_protos.common import common_pb2, configuration_pb2, policies_pb2
from fabric_protos.msp import identities_pb2, msp_config_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.orderer.etcdraft import configuration_pb2 as etcdraft_pb2
from fabric_protos.orderer.smartbft import configuration_pb2 as smartbft_pb2
from fabric_protos.peer import configuration_pb2 as peer_pb2

from hlf.wire import blocks, configtx, consensus
from hlf.wire.policy import format_config_policy

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n"


def organization(msp_id: str, **changes: object) -> configtx.OrganizationSpec:
    spec = configtx.OrganizationSpec(
        msp_id, (CERTIFICATE + msp_id.encode(),), orderer_endpoints=(f"{msp_id}.example:7050",)
    )
    return dataclasses.replace(spec, **changes)  # type: ignore[arg-type]


def channel_spec() -> configtx.ChannelSpec:
    orderers = ("a", "b", "c", "d")
    return configtx.ChannelSpec(
        name="referral",
        application_orgs=(
            organization("a", anchor_peers=(("peer0.a", 7051),)),
            organization("b", policies={"Readers": "OR('b.admin')"}),
        ),
        orderer_orgs=tuple(organization(each) for each in orderers),
        consenters=tuple(
            consensus.ConsenterSpec(index, f"{each}.example", 7050, each, each.encode(), b"client", b"server")
            for index, each in enumerate(orderers, start=1)
        ),
        acls={"event/Block": "/Channel/Application/Insiders"},
        application_policies={"Insiders": "OR('a.admin')"},
        lifecycle_endorsement="AND('a.peer','b.peer')",
    )


def genesis(spec: configtx.ChannelSpec) -> common_pb2.Block:
    return configtx.genesis_block(spec, timestamp_ns=1_700_000_000_000_000_123, nonce=b"n" * 24)


def test_the_same_spec_gives_the_same_bytes() -> None:
    assert genesis(channel_spec()).SerializeToString() == genesis(channel_spec()).SerializeToString()


def test_a_genesis_block_is_well_formed() -> None:
    block = genesis(channel_spec())
    assert blocks.chain_problem(None, block) == ""
    assert len(block.metadata.metadata) == 5
    assert blocks.last_config_index(block) == 0
    assert configtx.channel_of(block) == "referral"
    decoded = blocks.decode_block(block)
    (transaction,) = decoded.transactions
    assert transaction.type == "CONFIG"
    assert transaction.timestamp_ns == 1_700_000_000_000_000_123
    assert transaction.transaction_id == hashlib.sha256(b"n" * 24).hexdigest()


def test_policies_and_capabilities() -> None:
    channel = configtx.config_of(genesis(channel_spec())).channel_group
    application, orderer = channel.groups["Application"], channel.groups["Orderer"]
    capabilities = [
        list(configuration_pb2.Capabilities.FromString(group.values["Capabilities"].value).capabilities)
        for group in (channel, orderer, application)
    ]
    assert capabilities == [["V3_0"], ["V2_0"], ["V2_5"]]
    rules = {name: format_config_policy(each.policy) for name, each in application.policies.items()}
    assert rules == {
        "Readers": "ANY Readers",
        "Writers": "ANY Writers",
        "Admins": "MAJORITY Admins",
        "Endorsement": "MAJORITY Endorsement",
        "LifecycleEndorsement": "AND('a.peer','b.peer')",
        "Insiders": "OR('a.admin')",
    }
    readers = application.groups["b"].policies["Readers"].policy
    assert format_config_policy(readers) == "OR('b.admin')"
    assert format_config_policy(orderer.groups["a"].policies["Readers"].policy) == "OR('a.orderer')"
    assert {each.mod_policy for each in application.policies.values()} == {"Admins"}
    assert "OrdererAddresses" not in channel.values


def test_values_of_the_application_group() -> None:
    application = configtx.config_of(genesis(channel_spec())).channel_group.groups["Application"]
    acls = peer_pb2.ACLs.FromString(application.values["ACLs"].value).acls
    assert acls["event/Block"].policy_ref == "/Channel/Application/Insiders"
    anchors = peer_pb2.AnchorPeers.FromString(application.groups["a"].values["AnchorPeers"].value)
    assert [(each.host, each.port) for each in anchors.anchor_peers] == [("peer0.a", 7051)]
    assert "AnchorPeers" not in application.groups["b"].values
    config = msp_config_pb2.MSPConfig.FromString(application.groups["a"].values["MSP"].value)
    fabric = msp_config_pb2.FabricMSPConfig.FromString(config.config)
    assert fabric.name == "a"
    assert fabric.fabric_node_ous.enable
    assert fabric.fabric_node_ous.orderer_ou_identifier.organizational_unit_identifier == "orderer"


def test_block_validation_is_a_quorum_of_consenters_in_their_order() -> None:
    orderer = configtx.config_of(genesis(channel_spec())).channel_group.groups["Orderer"]
    policy = orderer.policies["BlockValidation"].policy
    assert policy.type == policies_pb2.Policy.SIGNATURE
    envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy.value)
    assert envelope.rule.n_out_of.n == 3
    assert [rule.signed_by for rule in envelope.rule.n_out_of.rules] == [0, 1, 2, 3]
    identities = [
        identities_pb2.SerializedIdentity.FromString(each.principal) for each in envelope.identities
    ]
    assert [(each.mspid, each.id_bytes) for each in identities] == [
        ("a", b"a"),
        ("b", b"b"),
        ("c", b"c"),
        ("d", b"d"),
    ]
    mapping = configuration_pb2.Orderers.FromString(orderer.values["Orderers"].value).consenter_mapping
    assert next((each.id, each.host, each.port) for each in mapping) == (1, "a.example", 7050)


def test_smartbft_options_take_the_batch_from_the_channel_and_never_rotate() -> None:
    spec = dataclasses.replace(channel_spec(), batch=consensus.BatchSpec(max_messages=7, timeout="50ms"))
    orderer = configtx.config_of(genesis(spec)).channel_group.groups["Orderer"]
    value = orderer_pb2.ConsensusType.FromString(orderer.values["ConsensusType"].value)
    options = smartbft_pb2.Options.FromString(value.metadata)
    assert value.type == "BFT"
    assert (options.request_batch_max_count, options.request_batch_max_interval) == (7, "50ms")
    assert options.leader_rotation == smartbft_pb2.Options.ROTATION_OFF


@pytest.mark.parametrize(("consenters", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (7, 5), (10, 7)])
def test_quorum(consenters: int, quorum: int) -> None:
    assert consensus.bft_quorum(consenters) == quorum


def test_everything_fabric_would_refuse_is_named_at_once() -> None:
    spec = dataclasses.replace(
        channel_spec(),
        name="Referral",
        orderer_orgs=(organization("a", orderer_endpoints=()),),
        batch=consensus.BatchSpec(timeout="fast"),
    )
    with pytest.raises(ValueError, match="channel 'Referral'") as caught:
        genesis(spec)
    for part in ("name 'Referral'", "orderer_endpoints", "consenters 2: b", "batch.timeout 'fast'"):
        assert part in str(caught.value)


def test_only_config_blocks_have_a_configuration() -> None:
    block = common_pb2.Block(header=common_pb2.BlockHeader(number=5))
    with pytest.raises(ValueError, match="block 5 holds 0 envelopes"):
        configtx.config_of(block)


def test_raft_names_its_consenters_in_the_metadata_and_lets_any_orderer_sign() -> None:
    spec = dataclasses.replace(channel_spec(), consensus=consensus.RAFT)
    orderer = configtx.config_of(genesis(spec)).channel_group.groups["Orderer"]
    value = orderer_pb2.ConsensusType.FromString(orderer.values["ConsensusType"].value)
    metadata = etcdraft_pb2.ConfigMetadata.FromString(value.metadata)
    assert value.type == "etcdraft"
    assert [(each.host, each.port) for each in metadata.consenters] == [
        (each.host, each.port) for each in spec.consenters
    ]
    options = metadata.options
    assert (options.tick_interval, options.election_tick, options.heartbeat_tick) == ("500ms", 10, 1)
    assert "Orderers" not in orderer.values
    assert format_config_policy(orderer.policies["BlockValidation"].policy) == "ANY Writers"


def test_smartbft_needs_the_capability_v3_0() -> None:
    spec = dataclasses.replace(channel_spec(), capabilities=configtx.Capabilities(channel="V2_0"))
    with pytest.raises(ValueError, match="V3_0"):
        genesis(spec)
    genesis(dataclasses.replace(spec, consensus=consensus.RAFT))
