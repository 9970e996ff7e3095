"""A channel's configuration as typed records, and who satisfies its policies.

Source: common/configtx.proto and Fabric's common/policies; the default ACLs are those of core/aclmgmt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.common import configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.msp import msp_config_pb2, msp_principal_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.orderer.etcdraft import configuration_pb2 as etcdraft_pb2
from fabric_protos.orderer.smartbft import configuration_pb2 as smartbft_pb2
from fabric_protos.peer import configuration_pb2 as peer_pb2

from hlf.wire.consensus import BFT, RAFT
from hlf.wire.policy import format_config_policy

ROLES = ("client", "admin", "peer", "orderer")
_ROLE_NUMBERS = {
    "client": msp_principal_pb2.MSPRole.CLIENT,
    "admin": msp_principal_pb2.MSPRole.ADMIN,
    "peer": msp_principal_pb2.MSPRole.PEER,
    "orderer": msp_principal_pb2.MSPRole.ORDERER,
}
_READERS = "/Channel/Application/Readers"
_WRITERS = "/Channel/Application/Writers"

DEFAULT_ACLS: Mapping[str, str] = {
    "_lifecycle/CommitChaincodeDefinition": _WRITERS,
    "_lifecycle/QueryChaincodeDefinition": _WRITERS,
    "_lifecycle/QueryChaincodeDefinitions": _WRITERS,
    "_lifecycle/CheckCommitReadiness": _WRITERS,
    "qscc/GetChainInfo": _READERS,
    "qscc/GetBlockByNumber": _READERS,
    "qscc/GetBlockByHash": _READERS,
    "qscc/GetTransactionByID": _READERS,
    "qscc/GetBlockByTxID": _READERS,
    "cscc/GetConfigBlock": _READERS,
    "cscc/GetChannelConfig": _READERS,
    "peer/Propose": _WRITERS,
    "peer/ChaincodeToChaincode": _WRITERS,
    "event/Block": _READERS,
    "event/FilteredBlock": _READERS,
    "gateway/CommitStatus": _READERS,
    "gateway/ChaincodeEvents": _READERS,
}
"""The policy that guards a resource of a peer where the channel says nothing else."""


@dataclass(frozen=True, order=True)
class Role:
    """Everyone of one organization with one NodeOU role: client, admin, peer or orderer."""

    msp_id: str
    role: str


@dataclass(frozen=True)
class ConfiguredConsenter:
    """A consenter; certificates in PEM.

    Raft's have neither MSP id nor identity in the configuration; their `id` is their place, from 1: which id
    Raft gave them stands in the blocks.
    """

    id: int
    endpoint: str
    msp_id: str
    identity: bytes = field(repr=False)
    client_tls_cert: bytes = field(repr=False)
    server_tls_cert: bytes = field(repr=False)


@dataclass(frozen=True)
class ConfiguredOrganization:
    """An organization under /Channel/Application or /Channel/Orderer; certificates in PEM.

    `endpoints` are anchor peers for an application organization, orderers for an ordering one.
    """

    msp_id: str
    endpoints: tuple[str, ...]
    root_certs: tuple[bytes, ...] = field(repr=False)
    tls_root_certs: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class ChannelConfiguration:
    """A configuration in force. `policies` maps full paths to rules, `acls` resources to policy paths."""

    sequence: int
    capabilities: Mapping[str, tuple[str, ...]]
    policies: Mapping[str, str]
    acls: Mapping[str, str]
    applications: Mapping[str, ConfiguredOrganization]
    orderers: Mapping[str, ConfiguredOrganization]
    consensus: str
    consenters: tuple[ConfiguredConsenter, ...]
    batch: Mapping[str, int | str]
    bft_options: Mapping[str, int | str | bool]
    raft_options: Mapping[str, int | str]

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; certificates as PEM text."""

        def organization(each: ConfiguredOrganization) -> dict[str, Any]:
            return {
                "msp_id": each.msp_id,
                "endpoints": list(each.endpoints),
                "root_certs": [pem.decode() for pem in each.root_certs],
                "tls_root_certs": [pem.decode() for pem in each.tls_root_certs],
            }

        return {
            "sequence": self.sequence,
            "capabilities": {group: list(names) for group, names in self.capabilities.items()},
            "policies": dict(self.policies),
            "acls": dict(self.acls),
            "applications": {name: organization(each) for name, each in self.applications.items()},
            "orderers": {name: organization(each) for name, each in self.orderers.items()},
            "consensus": self.consensus,
            "consenters": [
                {
                    "id": each.id,
                    "endpoint": each.endpoint,
                    "msp_id": each.msp_id,
                    "identity": each.identity.decode(),
                    "client_tls_cert": each.client_tls_cert.decode(),
                    "server_tls_cert": each.server_tls_cert.decode(),
                }
                for each in self.consenters
            ],
            "batch": dict(self.batch),
            "bft_options": dict(self.bft_options),
            "raft_options": dict(self.raft_options),
        }


def _value(group: configtx_pb2.ConfigGroup, name: str) -> bytes:
    # Reading a missing key of a protobuf map would create it.
    return group.values[name].value if name in group.values else b""


def _subgroup(group: configtx_pb2.ConfigGroup, name: str) -> configtx_pb2.ConfigGroup:
    return group.groups[name] if name in group.groups else configtx_pb2.ConfigGroup()


def _walk(path: str, group: configtx_pb2.ConfigGroup) -> Iterator[tuple[str, configtx_pb2.ConfigGroup]]:
    yield path, group
    for name in sorted(group.groups):
        yield from _walk(f"{path}/{name}", group.groups[name])


def _organization(group: configtx_pb2.ConfigGroup) -> ConfiguredOrganization:
    config = msp_config_pb2.MSPConfig.FromString(_value(group, "MSP")).config
    fabric = msp_config_pb2.FabricMSPConfig.FromString(config)
    anchors = peer_pb2.AnchorPeers.FromString(_value(group, "AnchorPeers")).anchor_peers
    orderers = configuration_pb2.OrdererAddresses.FromString(_value(group, "Endpoints")).addresses
    return ConfiguredOrganization(
        msp_id=fabric.name,
        endpoints=(*(f"{each.host}:{each.port}" for each in anchors), *orderers),
        root_certs=tuple(fabric.root_certs),
        tls_root_certs=tuple(fabric.tls_root_certs),
    )


def _organizations(group: configtx_pb2.ConfigGroup) -> dict[str, ConfiguredOrganization]:
    found = [_organization(group.groups[name]) for name in sorted(group.groups)]
    return {each.msp_id: each for each in found}


def _capabilities(group: configtx_pb2.ConfigGroup) -> tuple[str, ...]:
    return tuple(
        sorted(configuration_pb2.Capabilities.FromString(_value(group, "Capabilities")).capabilities)
    )


def qualified(reference: str) -> str:
    """The full path of an ACL's policy: names without a leading slash are under /Channel/Application."""
    return reference if reference.startswith("/") else f"/Channel/Application/{reference}"


def decode_config(config: configtx_pb2.Config) -> ChannelConfiguration:
    """A configuration as typed records. `acls` holds Fabric's defaults where the channel sets none."""
    channel = config.channel_group
    application, orderer = _subgroup(channel, "Application"), _subgroup(channel, "Orderer")
    acls = peer_pb2.ACLs.FromString(_value(application, "ACLs")).acls
    consensus = orderer_pb2.ConsensusType.FromString(_value(orderer, "ConsensusType"))
    size = orderer_pb2.BatchSize.FromString(_value(orderer, "BatchSize"))
    options, raft = smartbft_pb2.Options(), etcdraft_pb2.ConfigMetadata()
    if consensus.type == BFT:
        options = smartbft_pb2.Options.FromString(consensus.metadata)
    elif consensus.type == RAFT:
        raft = etcdraft_pb2.ConfigMetadata.FromString(consensus.metadata)
    return ChannelConfiguration(
        sequence=config.sequence,
        capabilities={
            "channel": _capabilities(channel),
            "orderer": _capabilities(orderer),
            "application": _capabilities(application),
        },
        policies={
            f"{path}/{name}": format_config_policy(group.policies[name].policy)
            for path, group in _walk("/Channel", channel)
            for name in sorted(group.policies)
        },
        acls={**DEFAULT_ACLS, **{name: qualified(acls[name].policy_ref) for name in sorted(acls)}},
        applications=_organizations(application),
        orderers=_organizations(orderer),
        consensus=consensus.type,
        consenters=(
            _raft_consenters(raft)
            if consensus.type == RAFT
            else _consenters(configuration_pb2.Orderers.FromString(_value(orderer, "Orderers")))
        ),
        batch={
            "max_messages": size.max_message_count,
            "absolute_max_bytes": size.absolute_max_bytes,
            "preferred_max_bytes": size.preferred_max_bytes,
            "timeout": orderer_pb2.BatchTimeout.FromString(_value(orderer, "BatchTimeout")).timeout,
        },
        bft_options={
            each.name: getattr(options, each.name)
            for each in options.DESCRIPTOR.fields
            if consensus.type == BFT and each.name != "leader_rotation"
        },
        raft_options={
            each.name: getattr(raft.options, each.name)
            for each in raft.options.DESCRIPTOR.fields
            if consensus.type == RAFT
        },
    )


def _consenters(orderers: configuration_pb2.Orderers) -> tuple[ConfiguredConsenter, ...]:
    return tuple(
        ConfiguredConsenter(
            id=each.id,
            endpoint=f"{each.host}:{each.port}",
            msp_id=each.msp_id,
            identity=each.identity,
            client_tls_cert=each.client_tls_cert,
            server_tls_cert=each.server_tls_cert,
        )
        for each in orderers.consenter_mapping
    )


def _raft_consenters(metadata: etcdraft_pb2.ConfigMetadata) -> tuple[ConfiguredConsenter, ...]:
    return tuple(
        ConfiguredConsenter(
            id=place,
            endpoint=f"{each.host}:{each.port}",
            msp_id="",
            identity=b"",
            client_tls_cert=each.client_tls_cert,
            server_tls_cert=each.server_tls_cert,
        )
        for place, each in enumerate(metadata.consenters, start=1)
    )


def _matches(principal: msp_principal_pb2.MSPPrincipal, signer: Role) -> bool:
    if principal.principal_classification != msp_principal_pb2.MSPPrincipal.ROLE:
        return False
    role = msp_principal_pb2.MSPRole.FromString(principal.principal)
    wanted = {msp_principal_pb2.MSPRole.MEMBER, _ROLE_NUMBERS[signer.role]}
    return role.msp_identifier == signer.msp_id and role.role in wanted


def _signed(
    rule: policies_pb2.SignaturePolicy, envelope: policies_pb2.SignaturePolicyEnvelope, signer: Role
) -> bool:
    if rule.WhichOneof("Type") == "signed_by":
        return 0 <= rule.signed_by < len(envelope.identities) and _matches(
            envelope.identities[rule.signed_by], signer
        )
    # One signature counts once, so a gate that wants two is out of reach.
    gate = rule.n_out_of
    return gate.n == 0 or (gate.n == 1 and any(_signed(each, envelope, signer) for each in gate.rules))


def _satisfies(group: configtx_pb2.ConfigGroup, name: str, signer: Role) -> bool:
    if name not in group.policies:
        return False
    policy = group.policies[name].policy
    if policy.type == policies_pb2.Policy.SIGNATURE:
        envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy.value)
        return _signed(envelope.rule, envelope, signer)
    if policy.type != policies_pb2.Policy.IMPLICIT_META:
        return False
    meta = policies_pb2.ImplicitMetaPolicy.FromString(policy.value)
    count = len(group.groups)
    needed = {
        policies_pb2.ImplicitMetaPolicy.ANY: 1,
        policies_pb2.ImplicitMetaPolicy.ALL: count,
        policies_pb2.ImplicitMetaPolicy.MAJORITY: count // 2 + 1,
    }[meta.rule]
    satisfied = sum(_satisfies(group.groups[each], meta.sub_policy, signer) for each in group.groups)
    return satisfied >= min(needed, count)


def satisfied_by(config: configtx_pb2.Config, path: str) -> frozenset[Role]:
    """Everyone whose single signature satisfies the policy at a full path ("/Channel/Readers").

    So it answers who may read or write, where one signature is all there is; not who may change the
    configuration together. Raises KeyError for a path that the configuration does not have.
    """
    names = path.removeprefix("/Channel/").split("/")
    group = config.channel_group
    for name in names[:-1]:
        if name not in group.groups:
            raise KeyError(path)
        group = group.groups[name]
    if not path.startswith("/Channel/") or names[-1] not in group.policies:
        raise KeyError(path)
    members = {
        **_organizations(_subgroup(config.channel_group, "Application")),
        **_organizations(_subgroup(config.channel_group, "Orderer")),
    }
    signers = (Role(msp_id, role) for msp_id in members for role in ROLES)
    return frozenset(each for each in signers if _satisfies(group, names[-1], each))
