"""Whether a configuration can be one: what a node checks before it makes a bundle of it.

Texts and their order follow common/channelconfig and common/policies; where Go's maps leave the order to
chance, names are taken in theirs.
"""

import re
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from fabric_protos.common import configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.msp import msp_config_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.peer import configuration_pb2 as peer_pb2
from google.protobuf.message import DecodeError, Message

from hlf_emulator.go.print import go_print
from hlf_emulator.go.text import INVALID_WIRE_FORMAT
from hlf_emulator.membership.bundle import Bundle, ConfigError
from hlf_emulator.version import Version

_MAX_WIDTH = 2**32 - 1
_V3_0 = "V3_0"
_CAPABILITIES = {
    "Channel": {"V1_1", "V1_3", "V1_4_2", "V1_4_3", "V2_0", _V3_0},
    "Orderer": {"V1_1", "V1_4_2", "V2_0"},
}
_Values = Mapping[str, type[Message]]
_CHANNEL_VALUES: _Values = {
    "HashingAlgorithm": configuration_pb2.HashingAlgorithm,
    "BlockDataHashingStructure": configuration_pb2.BlockDataHashingStructure,
    "OrdererAddresses": configuration_pb2.OrdererAddresses,
    "Consortium": configuration_pb2.Consortium,
    "Capabilities": configuration_pb2.Capabilities,
}
_APPLICATION_VALUES: _Values = {"ACLs": peer_pb2.ACLs, "Capabilities": configuration_pb2.Capabilities}
_APPLICATION_ORG_VALUES: _Values = {"AnchorPeers": peer_pb2.AnchorPeers, "MSP": msp_config_pb2.MSPConfig}
_ORDERER_VALUES: _Values = {
    "ConsensusType": orderer_pb2.ConsensusType,
    "BatchSize": orderer_pb2.BatchSize,
    "BatchTimeout": orderer_pb2.BatchTimeout,
    "KafkaBrokers": orderer_pb2.KafkaBrokers,
    "ChannelRestrictions": orderer_pb2.ChannelRestrictions,
    "Capabilities": configuration_pb2.Capabilities,
    "Orderers": configuration_pb2.Orderers,
}
_ORDERER_ORG_VALUES: _Values = {
    "Endpoints": configuration_pb2.OrdererAddresses,
    "MSP": msp_config_pb2.MSPConfig,
}


def check_config(config: configtx_pb2.Config, version: Version) -> None:
    """Raise ConfigError where Fabric cannot make a bundle of the configuration (channelconfig/bundle.go)."""
    root = config.channel_group
    _check_capabilities_order(root)
    try:
        _check_channel(root, version)
    except ConfigError as fault:
        raise ConfigError(f"initializing channelconfig failed: {fault}") from fault
    try:
        _check_policies("Channel", root)
    except ConfigError as fault:
        raise ConfigError(f"initializing policymanager failed: {fault}") from fault


def check_successor(bundle: Bundle, config: configtx_pb2.Config, version: Version) -> None:
    """Raise ConfigError where a checked configuration cannot follow ``bundle``'s (ValidateNew)."""
    root = config.channel_group
    if "Orderer" not in root.groups:
        raise ConfigError("config update is not compatible: config does not contain orderer config")
    for kind, group in (("Orderer", root.groups["Orderer"]), ("Channel", root)):
        unknown = capabilities(group) - _CAPABILITIES[kind]
        if kind == "Channel" and not version.smartbft:
            unknown |= capabilities(group) & {_V3_0}
        for name in sorted(unknown):
            text = f"{kind} capability {name} is required but not supported"
            raise ConfigError(
                "config update is not compatible: config requires unsupported "
                f"{kind.lower()} capabilities: {text}: {text}"
            )
    for section in ("Orderer", "Application"):
        before = bundle.config.channel_group.groups[section]
        if section not in root.groups:
            raise ConfigError(f"current config has {section.lower()} section, but new config does not")
        after = root.groups[section]
        for name in sorted(set(before.groups) & set(after.groups)):
            old, new = msp_id(before.groups[name]), msp_id(after.groups[name])
            if old != new:
                raise ConfigError(
                    f"{section.lower()} org {name} attempted to change MSP ID from {old} to {new}"
                )


def capabilities(group: configtx_pb2.ConfigGroup) -> set[str]:
    """The capabilities that a group requires."""
    if "Capabilities" not in group.values:
        return set()
    return set(configuration_pb2.Capabilities.FromString(group.values["Capabilities"].value).capabilities)


def msp_id(organization: configtx_pb2.ConfigGroup) -> str:
    """The MSP id of an organization's group."""
    message = msp_config_pb2.MSPConfig.FromString(organization.values["MSP"].value)
    return msp_config_pb2.FabricMSPConfig.FromString(message.config).name


def _check_capabilities_order(root: configtx_pb2.ConfigGroup) -> None:
    if "Orderer" not in root.groups or "Capabilities" in root.groups["Orderer"].values:
        return
    if "Capabilities" in root.values:
        raise ConfigError("cannot enable channel capabilities without orderer support first")
    if "Application" in root.groups and "Capabilities" in root.groups["Application"].values:
        raise ConfigError("cannot enable application capabilities without orderer support first")


def _check_channel(root: configtx_pb2.ConfigGroup, version: Version) -> None:
    values = _read_values(root, _CHANNEL_VALUES)
    algorithm = values["HashingAlgorithm"].name
    if algorithm not in {"SHA256", "SHA3_256"}:
        raise ConfigError(f"Unknown hashing algorithm type: {algorithm}")
    if values["BlockDataHashingStructure"].width != _MAX_WIDTH:
        raise ConfigError("BlockDataHashStructure width only supported at MaxUint32 in this version")
    per_organization = _V3_0 in values["Capabilities"].capabilities
    if per_organization and values["OrdererAddresses"].addresses:
        raise ConfigError(
            "global OrdererAddresses are not allowed with V3_0 capability, use org specific addresses only"
        )
    msps: dict[str, bytes] = {}
    for name in sorted(root.groups):
        group = root.groups[name]
        if name not in {"Application", "Orderer"}:
            raise ConfigError(f"Disallowed channel group: {go_print(group, version)}")
        try:
            if name == "Application":
                _check_application(group, msps)
            else:
                _check_orderer(group, msps, per_organization)
        except ConfigError as fault:
            raise ConfigError(f"could not create channel {name} sub-group config: {fault}") from fault


def _check_application(group: configtx_pb2.ConfigGroup, msps: dict[str, bytes]) -> None:
    _read_values(group, _APPLICATION_VALUES)
    for name in sorted(group.groups):
        organization = group.groups[name]
        if len(organization.groups):
            raise ConfigError("ApplicationOrg config does not allow sub-groups")
        _check_msp(name, _read_values(organization, _APPLICATION_ORG_VALUES)["MSP"], msps)


def _check_orderer(group: configtx_pb2.ConfigGroup, msps: dict[str, bytes], per_organization: bool) -> None:
    values = _read_values(group, _ORDERER_VALUES)
    _check_batch(values["BatchSize"], values["BatchTimeout"].timeout)
    silent = []
    for name in sorted(group.groups):
        organization = group.groups[name]
        if len(organization.groups):
            raise ConfigError("OrdererOrg config does not allow sub-groups")
        read = _read_values(organization, _ORDERER_ORG_VALUES)
        _check_msp(name, read["MSP"], msps)
        if not read["Endpoints"].addresses:
            silent.append(name)
    if per_organization and silent:
        raise ConfigError(f"some orderer organizations endpoints are empty: [{' '.join(silent)}]")


def _check_batch(size: orderer_pb2.BatchSize, timeout: str) -> None:
    for field, value in (
        ("max message count", size.max_message_count),
        ("absolute max bytes", size.absolute_max_bytes),
        ("preferred max bytes", size.preferred_max_bytes),
    ):
        if value == 0:
            raise ConfigError(f"Attempted to set the batch size {field} to an invalid value: 0")
    if size.preferred_max_bytes > size.absolute_max_bytes:
        raise ConfigError(
            f"Attempted to set the batch size preferred max bytes ({size.preferred_max_bytes}) greater than "
            f"the absolute max bytes ({size.absolute_max_bytes})."
        )
    try:
        seconds = go_duration(timeout)
    except ValueError as fault:
        raise ConfigError(f"Attempted to set the batch timeout to a invalid value: {fault}") from fault
    if seconds <= 0:
        shown = f"{seconds:g}s" if seconds else "0s"
        raise ConfigError(f"Attempted to set the batch timeout to a non-positive value: {shown}")


def _check_msp(organization: str, message: msp_config_pb2.MSPConfig, msps: dict[str, bytes]) -> None:
    if message.type != 0:
        raise ConfigError(f"Setup error: unsupported msp type {message.type}")
    try:
        fabric = msp_config_pb2.FabricMSPConfig.FromString(message.config)
    except DecodeError as fault:
        text = f"failed unmarshalling fabric msp config: {INVALID_WIRE_FORMAT}"
        raise ConfigError(f"setting up the MSP manager failed: {text}") from fault
    if not fabric.root_certs:
        raise ConfigError("setting up the MSP manager failed: expected at least one CA certificate")
    for pem in (*fabric.root_certs, *fabric.intermediate_certs, *fabric.admins):
        try:
            x509.load_pem_x509_certificate(pem)
        except (ValueError, x509.InvalidVersion) as fault:
            shown = " ".join(map(str, pem))
            raise ConfigError(
                "setting up the MSP manager failed: getCertFromPem error: could not decode pem bytes "
                f"[[{shown}]]"
            ) from fault
    if not fabric.name:
        raise ConfigError(f"MSP for org {organization} has empty MSP ID")
    if msps.setdefault(fabric.name, message.config) != message.config:
        raise ConfigError(f"Attempted to define two different versions of MSP: {fabric.name}")


def _check_policies(path: str, group: configtx_pb2.ConfigGroup) -> None:
    for name in sorted(group.groups):
        _check_policies(f"{path}/{name}", group.groups[name])
    for name in sorted(group.policies):
        where = f"policy {name} at path {path}"
        if not group.policies[name].HasField("policy"):
            raise ConfigError(f"{where} was nil")
        policy = group.policies[name].policy
        if policy.type == policies_pb2.Policy.SIGNATURE:
            kind: type[Message] = policies_pb2.SignaturePolicyEnvelope
            fault_text = f"{where} did not compile: Error unmarshalling to SignaturePolicy"
        elif policy.type == policies_pb2.Policy.IMPLICIT_META:
            kind = policies_pb2.ImplicitMetaPolicy
            fault_text = f"implicit {where} did not compile: Error unmarshalling to ImplicitMetaPolicy"
        else:
            raise ConfigError(f"{where} has unknown policy type: {policy.type}")
        try:
            kind.FromString(policy.value)
        except DecodeError as fault:
            raise ConfigError(f"{fault_text}: {INVALID_WIRE_FORMAT}") from fault


def _read_values(group: configtx_pb2.ConfigGroup, known: _Values) -> dict[str, Any]:
    """Every known value, empty where the group has none. Raises ConfigError for others."""
    read: dict[str, Any] = {name: kind() for name, kind in known.items()}
    for name in sorted(group.values):
        if name not in known:
            raise ConfigError(f"failed to deserialize values: Unexpected key {name}")
        try:
            read[name].ParseFromString(group.values[name].value)
        except DecodeError as fault:
            raise ConfigError(f"failed to deserialize values: {INVALID_WIRE_FORMAT}") from fault
    return read


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def go_duration(text: str) -> float:
    """Seconds of a Go duration such as `1m30s` or `-1.5s`. Raises ValueError with Go's text."""
    quoted = f'"{text}"'
    rest = text[1:] if text[:1] in {"+", "-"} else text
    if rest == "0":
        return 0.0
    if not rest:
        raise ValueError(f"time: invalid duration {quoted}")
    seconds = 0.0
    while rest:
        found = re.match(r"(\d+\.?\d*|\.\d+)([^\d.]*)", rest)
        if found is None:
            raise ValueError(f"time: invalid duration {quoted}")
        number, unit = found.groups()
        if not unit:
            raise ValueError(f"time: missing unit in duration {quoted}")
        if unit not in _UNITS:
            raise ValueError(f'time: unknown unit "{unit}" in duration {quoted}')
        seconds += float(number) * _UNITS[unit]
        rest = rest[found.end() :]
    return -seconds if text.startswith("-") else seconds
