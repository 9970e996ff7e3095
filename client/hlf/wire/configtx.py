"""A channel as data, and its genesis block, ordered by SmartBFT or by Raft.

Source: common/configtx.proto, common/configuration.proto, msp/msp_config.proto; the shape is that of
configtxgen. Nothing here reads a file or a clock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2
from fabric_protos.msp import msp_config_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.peer import configuration_pb2 as peer_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from hlf.wire import policy
from hlf.wire.consensus import (
    BFT,
    RAFT,
    BatchSpec,
    ConsenterSpec,
    RaftOptions,
    SmartBftOptions,
    bft_metadata,
    block_validation_policy,
    orderers_value,
    raft_metadata,
)

_ADMINS = "Admins"
_CHANNEL_NAME = re.compile(r"[a-z][a-z0-9.-]*")
_CHANNEL_NAME_LENGTH = 249
_DURATION = re.compile(r"(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+")
_MERKLE_WIDTH = 2**32 - 1  # the only width that Fabric accepts

CHANNEL_POLICIES: Mapping[str, policy.PolicySource] = {
    "Readers": "ANY Readers",
    "Writers": "ANY Writers",
    "Admins": "MAJORITY Admins",
}


@dataclass(frozen=True)
class OrganizationSpec:
    """One organization as a channel sees it; all certificates in PEM.

    `policies` replaces the defaults of `application_org_policies` or `orderer_org_policies` name by name.
    `anchor_peers` are (host, port) pairs; `orderer_endpoints` are "host:port". The name of the
    organization's configuration group is its MSP id.
    """

    msp_id: str
    root_certs: tuple[bytes, ...]
    tls_root_certs: tuple[bytes, ...] = ()
    policies: Mapping[str, policy.PolicySource] = field(default_factory=dict)
    anchor_peers: tuple[tuple[str, int], ...] = ()
    orderer_endpoints: tuple[str, ...] = ()
    intermediate_certs: tuple[bytes, ...] = ()
    tls_intermediate_certs: tuple[bytes, ...] = ()
    revocation_lists: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Capabilities:
    """The feature levels a channel asks of its nodes."""

    channel: str = "V3_0"
    orderer: str = "V2_0"
    application: str = "V2_5"


@dataclass(frozen=True)
class ChannelSpec:
    """A channel from which `genesis_block` is made.

    `acls` maps a resource ("event/Block") to a policy path or a name under /Channel/Application.
    `application_policies` adds to or replaces the policies of /Channel/Application; `lifecycle_endorsement`
    is its LifecycleEndorsement policy, and `endorsement` the default of chaincodes that state none.
    `consensus` is BFT or etcdraft.
    """

    name: str
    application_orgs: tuple[OrganizationSpec, ...]
    orderer_orgs: tuple[OrganizationSpec, ...]
    consenters: tuple[ConsenterSpec, ...]
    acls: Mapping[str, str] = field(default_factory=dict)
    application_policies: Mapping[str, policy.PolicySource] = field(default_factory=dict)
    lifecycle_endorsement: policy.PolicySource = "MAJORITY Endorsement"
    endorsement: policy.PolicySource = "MAJORITY Endorsement"
    batch: BatchSpec = field(default_factory=BatchSpec)
    consensus: str = BFT
    bft_options: SmartBftOptions = field(default_factory=SmartBftOptions)
    raft_options: RaftOptions = field(default_factory=RaftOptions)
    capabilities: Capabilities = field(default_factory=Capabilities)
    channel_policies: Mapping[str, policy.PolicySource] = field(default_factory=dict)
    orderer_policies: Mapping[str, policy.PolicySource] = field(default_factory=dict)


def application_org_policies(msp_id: str) -> dict[str, policy.PolicySource]:
    """The usual policies of an organization under /Channel/Application."""
    return {
        "Readers": f"OR('{msp_id}.admin','{msp_id}.peer','{msp_id}.client')",
        "Writers": f"OR('{msp_id}.admin','{msp_id}.client')",
        "Admins": f"OR('{msp_id}.admin')",
        "Endorsement": f"OR('{msp_id}.peer')",
    }


def orderer_org_policies(msp_id: str) -> dict[str, policy.PolicySource]:
    """Policies under /Channel/Orderer by which an organization's orderers, not its clients, read and write.

    With the usual sample policies every member of an orderer's organization streams the channels it orders.
    """
    return {
        "Readers": f"OR('{msp_id}.orderer')",
        "Writers": f"OR('{msp_id}.orderer')",
        "Admins": f"OR('{msp_id}.admin')",
    }


def msp_config(organization: OrganizationSpec) -> msp_config_pb2.MSPConfig:
    """The organization's verifying MSP, with NodeOUs on: client, peer, admin and orderer by OU."""
    units = {
        role: msp_config_pb2.FabricOUIdentifier(organizational_unit_identifier=role)
        for role in ("client", "peer", "admin", "orderer")
    }
    fabric = msp_config_pb2.FabricMSPConfig(
        name=organization.msp_id,
        root_certs=organization.root_certs,
        intermediate_certs=organization.intermediate_certs,
        revocation_list=organization.revocation_lists,
        tls_root_certs=organization.tls_root_certs,
        tls_intermediate_certs=organization.tls_intermediate_certs,
        crypto_config=msp_config_pb2.FabricCryptoConfig(
            signature_hash_family="SHA2", identity_identifier_hash_function="SHA256"
        ),
        fabric_node_ous=msp_config_pb2.FabricNodeOUs(
            enable=True,
            client_ou_identifier=units["client"],
            peer_ou_identifier=units["peer"],
            admin_ou_identifier=units["admin"],
            orderer_ou_identifier=units["orderer"],
        ),
    )
    return msp_config_pb2.MSPConfig(type=0, config=_bytes(fabric))


def _bytes(message: Message) -> bytes:
    # Maps have no order of their own; the same spec must give the same block.
    return message.SerializeToString(deterministic=True)


def _add_values(group: configtx_pb2.ConfigGroup, values: Mapping[str, Message]) -> None:
    for key, value in values.items():
        group.values[key].CopyFrom(configtx_pb2.ConfigValue(value=_bytes(value), mod_policy=_ADMINS))


def _add_policies(group: configtx_pb2.ConfigGroup, policies: Mapping[str, policy.PolicySource]) -> None:
    for name, source in policies.items():
        group.policies[name].CopyFrom(
            configtx_pb2.ConfigPolicy(policy=policy.config_policy(source), mod_policy=_ADMINS)
        )


def _capability(name: str) -> configuration_pb2.Capabilities:
    return configuration_pb2.Capabilities(capabilities={name: configuration_pb2.Capability()})


def _application_org_group(organization: OrganizationSpec) -> configtx_pb2.ConfigGroup:
    group = configtx_pb2.ConfigGroup(mod_policy=_ADMINS)
    _add_policies(group, {**application_org_policies(organization.msp_id), **organization.policies})
    values: dict[str, Message] = {"MSP": msp_config(organization)}
    if organization.anchor_peers:
        values["AnchorPeers"] = peer_pb2.AnchorPeers(
            anchor_peers=[
                peer_pb2.AnchorPeer(host=host, port=port) for host, port in organization.anchor_peers
            ]
        )
    _add_values(group, values)
    return group


def _application_group(spec: ChannelSpec) -> configtx_pb2.ConfigGroup:
    group = configtx_pb2.ConfigGroup(mod_policy=_ADMINS)
    _add_policies(
        group,
        {
            **CHANNEL_POLICIES,
            "Endorsement": spec.endorsement,
            "LifecycleEndorsement": spec.lifecycle_endorsement,
            **spec.application_policies,
        },
    )
    values: dict[str, Message] = {"Capabilities": _capability(spec.capabilities.application)}
    if spec.acls:
        values["ACLs"] = peer_pb2.ACLs(
            acls={name: peer_pb2.APIResource(policy_ref=path) for name, path in spec.acls.items()}
        )
    _add_values(group, values)
    for organization in spec.application_orgs:
        group.groups[organization.msp_id].CopyFrom(_application_org_group(organization))
    return group


def _consensus(spec: ChannelSpec) -> dict[str, Message]:
    if spec.consensus == RAFT:
        metadata = _bytes(raft_metadata(spec.raft_options, spec.consenters))
        return {"ConsensusType": orderer_pb2.ConsensusType(type=RAFT, metadata=metadata)}
    metadata = _bytes(bft_metadata(spec.bft_options, spec.batch))
    return {
        "Orderers": orderers_value(spec.consenters),
        "ConsensusType": orderer_pb2.ConsensusType(type=BFT, metadata=metadata),
    }


def _block_validation(spec: ChannelSpec) -> policy.PolicySource:
    return "ANY Writers" if spec.consensus == RAFT else block_validation_policy(spec.consenters)


def _orderer_group(spec: ChannelSpec) -> configtx_pb2.ConfigGroup:
    group = configtx_pb2.ConfigGroup(mod_policy=_ADMINS)
    _add_policies(
        group, {**CHANNEL_POLICIES, **spec.orderer_policies, "BlockValidation": _block_validation(spec)}
    )
    batch = spec.batch
    _add_values(
        group,
        {
            "BatchSize": orderer_pb2.BatchSize(
                max_message_count=batch.max_messages,
                absolute_max_bytes=batch.absolute_max_bytes,
                preferred_max_bytes=batch.preferred_max_bytes,
            ),
            "BatchTimeout": orderer_pb2.BatchTimeout(timeout=batch.timeout),
            "ChannelRestrictions": orderer_pb2.ChannelRestrictions(max_count=0),
            "Capabilities": _capability(spec.capabilities.orderer),
            **_consensus(spec),
        },
    )
    for organization in spec.orderer_orgs:
        subgroup = configtx_pb2.ConfigGroup(mod_policy=_ADMINS)
        _add_policies(subgroup, {**orderer_org_policies(organization.msp_id), **organization.policies})
        _add_values(
            subgroup,
            {
                "MSP": msp_config(organization),
                "Endpoints": configuration_pb2.OrdererAddresses(addresses=organization.orderer_endpoints),
            },
        )
        group.groups[organization.msp_id].CopyFrom(subgroup)
    return group


def channel_group(spec: ChannelSpec) -> configtx_pb2.ConfigGroup:
    """The root of the channel's configuration tree."""
    group = configtx_pb2.ConfigGroup(mod_policy=_ADMINS)
    _add_policies(group, {**CHANNEL_POLICIES, **spec.channel_policies})
    _add_values(
        group,
        {
            "HashingAlgorithm": configuration_pb2.HashingAlgorithm(name="SHA256"),
            "BlockDataHashingStructure": configuration_pb2.BlockDataHashingStructure(width=_MERKLE_WIDTH),
            "Capabilities": _capability(spec.capabilities.channel),
        },
    )
    group.groups["Orderer"].CopyFrom(_orderer_group(spec))
    group.groups["Application"].CopyFrom(_application_group(spec))
    return group


def _problems(spec: ChannelSpec) -> Iterable[str]:
    if not _CHANNEL_NAME.fullmatch(spec.name) or len(spec.name) > _CHANNEL_NAME_LENGTH:
        yield f"name {spec.name!r}: lower-case letters, digits, '.' and '-', starting with a letter"
    if not spec.application_orgs:
        yield "application_orgs: at least one organization"
    orderer_orgs = {each.msp_id for each in spec.orderer_orgs}
    for each in spec.orderer_orgs:
        if not each.orderer_endpoints:
            yield f"orderer_orgs {each.msp_id}: orderer_endpoints are required with capability V3_0"
    if spec.consensus not in {BFT, RAFT}:
        yield f"consensus {spec.consensus!r}: {BFT} or {RAFT}"
    if spec.consensus == BFT and spec.capabilities.channel != "V3_0":
        yield "consensus BFT: it needs the channel capability V3_0"
    if not spec.consenters:
        yield "consenters: at least one"
    if len({each.id for each in spec.consenters}) != len(spec.consenters):
        yield "consenters: ids must differ"
    for consenter in spec.consenters:
        if consenter.msp_id not in orderer_orgs:
            yield f"consenters {consenter.id}: {consenter.msp_id} is not among orderer_orgs"
    durations = {
        "batch.timeout": spec.batch.timeout,
        "raft_options.tick_interval": spec.raft_options.tick_interval,
    }
    for name, value in vars(spec.bft_options).items():
        if isinstance(value, str):
            durations[f"bft_options.{name}"] = value
    for name, value in durations.items():
        if not _DURATION.fullmatch(value):
            yield f"{name} {value!r}: not a duration such as 50ms or 1m30s"
    organizations = [*spec.application_orgs, *spec.orderer_orgs]
    for each in organizations:
        if not each.root_certs:
            yield f"organization {each.msp_id}: root_certs are missing"


def genesis_block(spec: ChannelSpec, *, timestamp_ns: int, nonce: bytes) -> common_pb2.Block:
    """Block 0 of the channel, the same bytes for the same arguments.

    Raises ValueError, which lists every field of `spec` that Fabric would refuse.
    """
    problems = list(_problems(spec))
    if problems:
        raise ValueError(f"channel {spec.name!r}: " + "; ".join(problems))
    seconds, nanos = divmod(timestamp_ns, 1_000_000_000)
    channel_header = common_pb2.ChannelHeader(
        type=common_pb2.CONFIG,
        version=1,
        timestamp=Timestamp(seconds=seconds, nanos=nanos),
        channel_id=spec.name,
        tx_id=hashlib.sha256(nonce).hexdigest(),
    )
    payload = common_pb2.Payload(
        header=common_pb2.Header(
            channel_header=_bytes(channel_header),
            signature_header=_bytes(common_pb2.SignatureHeader(nonce=nonce)),
        ),
        data=_bytes(
            configtx_pb2.ConfigEnvelope(config=configtx_pb2.Config(channel_group=channel_group(spec)))
        ),
    )
    data = [_bytes(common_pb2.Envelope(payload=_bytes(payload)))]
    last_config = common_pb2.LastConfig(index=0)
    metadata = [b""] * len(common_pb2.BlockMetadataIndex.keys())
    metadata[common_pb2.SIGNATURES] = _bytes(
        common_pb2.Metadata(value=_bytes(common_pb2.OrdererBlockMetadata(last_config=last_config)))
    )
    metadata[common_pb2.LAST_CONFIG] = _bytes(common_pb2.Metadata(value=_bytes(last_config)))
    return common_pb2.Block(
        header=common_pb2.BlockHeader(number=0, data_hash=hashlib.sha256(b"".join(data)).digest()),
        data=common_pb2.BlockData(data=data),
        metadata=common_pb2.BlockMetadata(metadata=metadata),
    )


def config_of(block: common_pb2.Block) -> configtx_pb2.Config:
    """The configuration that a config block carries; ValueError for any other block."""
    if len(block.data.data) != 1:
        raise ValueError(
            f"block {block.header.number} holds {len(block.data.data)} envelopes, a config block one"
        )
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(block.data.data[0]).payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    if header.type != common_pb2.CONFIG:
        raise ValueError(f"block {block.header.number} is not a config block")
    return configtx_pb2.ConfigEnvelope.FromString(payload.data).config


def channel_of(block: common_pb2.Block) -> str:
    """The channel that a block's first envelope names; ValueError for an empty block."""
    if not block.data.data:
        raise ValueError(f"block {block.header.number} is empty")
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(block.data.data[0]).payload)
    return common_pb2.ChannelHeader.FromString(payload.header.channel_header).channel_id
