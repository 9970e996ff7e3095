"""A channel's configuration as one configuration block states it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2
from fabric_protos.msp import msp_config_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.peer import configuration_pb2 as peer_pb2
from google.protobuf.message import DecodeError

from hlf_emulator.membership.msp import Msp, MspManager, Verifier
from hlf_emulator.membership.policies import (
    CHANNEL_READERS,
    CHANNEL_WRITERS,
    Policies,
    PolicyError,
    SignedData,
    majority_of_members_policy,
)

# Channel resources and the policies that admit when the channel names none (defaultaclprovider.go:49-114).
DEFAULT_ACLS = {
    "_lifecycle/CommitChaincodeDefinition": CHANNEL_WRITERS,
    "_lifecycle/QueryChaincodeDefinition": CHANNEL_WRITERS,
    "_lifecycle/QueryChaincodeDefinitions": CHANNEL_WRITERS,
    "_lifecycle/CheckCommitReadiness": CHANNEL_WRITERS,
    "qscc/GetChainInfo": CHANNEL_READERS,
    "qscc/GetBlockByNumber": CHANNEL_READERS,
    "qscc/GetBlockByHash": CHANNEL_READERS,
    "qscc/GetTransactionByID": CHANNEL_READERS,
    "qscc/GetBlockByTxID": CHANNEL_READERS,
    "cscc/GetConfigBlock": CHANNEL_READERS,
    "cscc/GetChannelConfig": CHANNEL_READERS,
    "peer/Propose": CHANNEL_WRITERS,
    "peer/ChaincodeToChaincode": CHANNEL_WRITERS,
    "event/Block": CHANNEL_READERS,
    "event/FilteredBlock": CHANNEL_READERS,
    "gateway/CommitStatus": CHANNEL_READERS,
    "gateway/ChaincodeEvents": CHANNEL_READERS,
}


class ConfigError(Exception):
    """A block or a configuration that this channel cannot take."""


@dataclass(frozen=True, slots=True)
class OrdererEndpoint:
    """`address` is `host:port`; `tls_roots` are PEM certificates."""

    address: str
    msp_id: str
    tls_roots: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ApplicationOrganization:
    """One application organization: its group's name, MSP id and anchor peers (host, port)."""

    name: str
    msp_id: str
    anchor_peers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When the orderer cuts a block; `timeout` in seconds, sizes in bytes."""

    max_messages: int = 500
    absolute_max_bytes: int = 10 * 1024 * 1024
    preferred_max_bytes: int = 2 * 1024 * 1024
    timeout: float = 2.0


@dataclass
class Bundle:
    """Everything a node derives from one configuration block."""

    channel: str
    sequence: int
    config: configtx_pb2.Config
    block_number: int
    msps: MspManager
    policies: Policies
    acls: dict[str, str]
    organizations: dict[str, ApplicationOrganization]
    orderer_organizations: dict[str, str]
    endpoints: tuple[OrdererEndpoint, ...]
    consensus_type: str
    consensus_metadata: bytes
    consenters: tuple[configuration_pb2.Consenter, ...]
    batch: BatchLimits
    capabilities: dict[str, frozenset[str]] = field(default_factory=dict)
    consensus_state: int = 0

    @classmethod
    def from_config_block(cls, block: common_pb2.Block, verifier: Verifier | None = None) -> Bundle:
        """Raises ConfigError when the block carries no configuration."""
        channel, envelope = config_envelope(block)
        return cls.from_config(channel, envelope.config, block.header.number, verifier)

    @classmethod
    def from_config(
        cls, channel: str, config: configtx_pb2.Config, block_number: int, verifier: Verifier | None = None
    ) -> Bundle:
        verifier = verifier or Verifier()
        root = config.channel_group
        application, orderer = root.groups["Application"], root.groups["Orderer"]
        msps: dict[str, Msp] = {}
        for group in (application, orderer):
            for name in sorted(group.groups):
                msp = _msp(group.groups[name], verifier, ed25519_keys="V3_0" in _capabilities(root))
                msps.setdefault(msp.msp_id, msp)
        manager = MspManager(msps.values())
        consensus = orderer_pb2.ConsensusType.FromString(_value(orderer, "ConsensusType"))
        consenters = configuration_pb2.Orderers.FromString(_value(orderer, "Orderers"))
        return cls(
            channel=channel,
            sequence=config.sequence,
            config=config,
            block_number=block_number,
            msps=manager,
            policies=Policies(root, manager),
            acls=_acls(application),
            organizations=_organizations(application),
            orderer_organizations={name: _msp_id(orderer.groups[name]) for name in sorted(orderer.groups)},
            endpoints=_endpoints(root, manager),
            consensus_type=consensus.type,
            consensus_metadata=consensus.metadata,
            consensus_state=consensus.state,
            consenters=tuple(consenters.consenter_mapping),
            batch=_batch(orderer),
            capabilities={
                "channel": _capabilities(root),
                "application": _capabilities(application),
                "orderer": _capabilities(orderer),
            },
        )

    @property
    def in_maintenance(self) -> bool:
        """Whether only orderers are served, because the consensus is about to change."""
        return self.consensus_state == orderer_pb2.ConsensusType.STATE_MAINTENANCE

    @property
    def orderer_readers(self) -> str:
        """The policy of those to whom orderers give blocks."""
        return "/Channel/Orderer/Readers" if self.in_maintenance else "/Channel/Readers"

    @property
    def application_msp_ids(self) -> list[str]:
        """MSP ids of the application organizations, in the order of their groups' names."""
        return [organization.msp_id for organization in self.organizations.values()]

    @property
    def orderer_addresses(self) -> list[str]:
        return [endpoint.address for endpoint in self.endpoints]

    def acl_policy(self, resource: str) -> str:
        """The path of the policy that guards a channel resource such as `event/Block`."""
        return self.acls.get(resource) or DEFAULT_ACLS[resource]

    def check_acl(self, resource: str, signed: Sequence[SignedData]) -> None:
        """Raise PolicyError with Fabric's text unless the signers may use the resource."""
        named = self.acls.get(resource)
        path = named or DEFAULT_ACLS.get(resource)
        if path is None:
            raise PolicyError(f"Unmapped policy for {resource}")
        try:
            if named and not self.policies.exists(path):
                raise PolicyError(f"policy {path} not found")
            self.policies.evaluate(path, signed)
        except PolicyError as refusal:
            if named:
                raise PolicyError(
                    f"failed evaluating policy on signed data during check policy [{path}]: [{refusal}]"
                ) from refusal
            raise PolicyError(
                f"Failed evaluating policy on signed data during check policy on channel [{self.channel}] "
                f"with policy [{path}]: [{refusal}]"
            ) from refusal

    def check_lifecycle_endorsement(self, signed: Sequence[SignedData]) -> None:
        """Raise PolicyError unless the signers may define chaincodes (lifecycle.go:274)."""
        path = "/Channel/Application/LifecycleEndorsement"
        if self.policies.exists(path):
            self.policies.evaluate(path, signed)
        else:
            default = majority_of_members_policy(self.application_msp_ids)
            self.policies.evaluate_policy(default, signed)


def check_without_channel(resource: str) -> None:
    """Refuse a channel's resource that is asked for without a channel: its policy is no role of the MSP."""
    path = DEFAULT_ACLS.get(resource)
    if path is None:
        raise PolicyError(f"Unmapped policy for {resource}")
    raise PolicyError(
        f"Failed getting local MSP principal during channelless check policy with policy [{path}]: "
        f"[MSP Principal role [{path}] not recognized]"
    )


def config_envelope(block: common_pb2.Block) -> tuple[str, configtx_pb2.ConfigEnvelope]:
    """The channel's name and configuration of a configuration block. Raises ConfigError."""
    try:
        if not block.data.data:
            raise ConfigError("failed to retrieve channel id - block is empty")
        envelope = common_pb2.Envelope.FromString(block.data.data[0])
        payload = common_pb2.Payload.FromString(envelope.payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        if header.type != common_pb2.CONFIG:
            raise ConfigError("block is not a config block")
        return header.channel_id, configtx_pb2.ConfigEnvelope.FromString(payload.data)
    except DecodeError as fault:
        raise ConfigError("block is not a config block") from fault


def is_config_block(block: common_pb2.Block) -> bool:
    """Whether the block's first transaction is a channel configuration."""
    try:
        config_envelope(block)
    except ConfigError:
        return False
    return True


def duration(text: str) -> float:
    """A Go duration such as `100ms`, `2s`, `1m30s`, in seconds. Raises ConfigError."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ConfigError(f"invalid duration {text!r}")
    return sum(float(number) * units[unit] for number, unit in parts)


def _value(group: configtx_pb2.ConfigGroup, name: str) -> bytes:
    # Indexing a map field would add the entry to the configuration that others read.
    return group.values[name].value if name in group.values else b""


def _msp(group: configtx_pb2.ConfigGroup, verifier: Verifier, *, ed25519_keys: bool) -> Msp:
    message = msp_config_pb2.MSPConfig.FromString(_value(group, "MSP"))
    return Msp.from_message(message, verifier, ed25519_keys=ed25519_keys)


def _msp_id(group: configtx_pb2.ConfigGroup) -> str:
    message = msp_config_pb2.MSPConfig.FromString(_value(group, "MSP"))
    return msp_config_pb2.FabricMSPConfig.FromString(message.config).name


def _acls(application: configtx_pb2.ConfigGroup) -> dict[str, str]:
    if "ACLs" not in application.values:
        return {}
    named = peer_pb2.ACLs.FromString(_value(application, "ACLs"))
    paths = {resource: named.acls[resource].policy_ref for resource in named.acls}
    # A bare name stands for a policy of the application group (channelconfig/acls.go).
    return {
        resource: path if path.startswith("/") else f"/Channel/Application/{path}"
        for resource, path in paths.items()
        if path
    }


def _organizations(application: configtx_pb2.ConfigGroup) -> dict[str, ApplicationOrganization]:
    organizations: dict[str, ApplicationOrganization] = {}
    for name in sorted(application.groups):
        group = application.groups[name]
        anchors = peer_pb2.AnchorPeers.FromString(_value(group, "AnchorPeers"))
        organizations[name] = ApplicationOrganization(
            name, _msp_id(group), tuple((anchor.host, anchor.port) for anchor in anchors.anchor_peers)
        )
    return organizations


def _endpoints(root: configtx_pb2.ConfigGroup, msps: MspManager) -> tuple[OrdererEndpoint, ...]:
    orderer = root.groups["Orderer"]
    found: list[OrdererEndpoint] = []
    for name in sorted(orderer.groups):
        group = orderer.groups[name]
        if "Endpoints" not in group.values:
            continue
        msp_id = _msp_id(group)
        listed = configuration_pb2.OrdererAddresses.FromString(_value(group, "Endpoints"))
        roots = tuple(msps.msps[msp_id].tls_roots)
        found.extend(OrdererEndpoint(address, msp_id, roots) for address in listed.addresses)
    if not found and "OrdererAddresses" in root.values:
        listed = configuration_pb2.OrdererAddresses.FromString(_value(root, "OrdererAddresses"))
        everyone = tuple(
            root for name in orderer.groups for root in msps.msps[_msp_id(orderer.groups[name])].tls_roots
        )
        found.extend(OrdererEndpoint(address, "", everyone) for address in listed.addresses)
    return tuple(found)


def _batch(orderer: configtx_pb2.ConfigGroup) -> BatchLimits:
    size = orderer_pb2.BatchSize.FromString(_value(orderer, "BatchSize"))
    timeout = orderer_pb2.BatchTimeout.FromString(_value(orderer, "BatchTimeout")).timeout
    default = BatchLimits()
    return BatchLimits(
        max_messages=size.max_message_count or default.max_messages,
        absolute_max_bytes=size.absolute_max_bytes or default.absolute_max_bytes,
        preferred_max_bytes=size.preferred_max_bytes or default.preferred_max_bytes,
        timeout=duration(timeout) if timeout else default.timeout,
    )


def _capabilities(group: configtx_pb2.ConfigGroup) -> frozenset[str]:
    if "Capabilities" not in group.values:
        return frozenset()
    message = configuration_pb2.Capabilities.FromString(_value(group, "Capabilities"))
    return frozenset(message.capabilities)
