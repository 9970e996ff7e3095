"""Configuration updates: a read set, a write set and signatures become the next configuration.

Rules and texts follow common/configtx/update.go.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, cast

from fabric_protos.common import common_pb2, configtx_pb2
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from hlf.identity import SigningIdentity
from hlf.wire.consensus import RAFT
from hlf_emulator.go.text import INVALID_WIRE_FORMAT
from hlf_emulator.membership.bundle import Bundle
from hlf_emulator.membership.policies import PolicyError, SignedData
from hlf_emulator.ordering.channel_config import check_config, check_successor
from hlf_emulator.ordering.raft_config import check_raft_metadata
from hlf_emulator.version import Version

_MAX_NAME = 249
_NAME = re.compile(r"[a-zA-Z0-9.-]+")
_Item: TypeAlias = configtx_pb2.ConfigGroup | configtx_pb2.ConfigValue | configtx_pb2.ConfigPolicy


class ConfigUpdateError(Exception):
    """An update that does not apply; the text is Fabric's."""


@dataclass(frozen=True)
class _Element:
    """One group, value or policy; ``group`` is the path of the group its mod_policy is looked up in."""

    item: _Item
    group: str


def config_transaction(
    bundle: Bundle, envelope: common_pb2.Envelope, orderer: SigningIdentity, nonce: bytes, version: Version
) -> common_pb2.Envelope:
    """The CONFIG envelope, signed by ``orderer``, that a CONFIG_UPDATE envelope leads to.

    Raises ConfigUpdateError when it does not apply or is not authorized, ConfigError when the resulting
    configuration cannot be used.
    """
    payload = common_pb2.Payload.FromString(envelope.payload)
    try:
        update = configtx_pb2.ConfigUpdateEnvelope.FromString(payload.data)
    except DecodeError as error:
        raise ConfigUpdateError(
            "error converting envelope to config update: error unmarshalling message for type CONFIG_UPDATE: "
            f"{INVALID_WIRE_FORMAT}"
        ) from error
    try:
        config = apply_update(bundle, update)
    except ConfigUpdateError as error:
        raise ConfigUpdateError(f"error authorizing update: {error}") from error
    check_config(config, version)
    check_successor(bundle, config, version)
    if bundle.consensus_type == RAFT:
        check_raft_metadata(bundle, config)
    # What no rule names must not reach a block either: building its bundle finds out.
    Bundle.from_config(bundle.channel, config, 0)
    content = configtx_pb2.ConfigEnvelope(config=config, last_update=envelope)
    return _signed(bundle.channel, content.SerializeToString(), orderer, nonce)


def apply_update(bundle: Bundle, envelope: configtx_pb2.ConfigUpdateEnvelope) -> configtx_pb2.Config:
    """The configuration after the update. Raises ConfigUpdateError."""
    try:
        update = configtx_pb2.ConfigUpdate.FromString(envelope.config_update)
    except DecodeError as error:
        raise ConfigUpdateError(INVALID_WIRE_FORMAT) from error
    if update.channel_id != bundle.channel:
        raise ConfigUpdateError(
            f"ConfigUpdate for channel '{update.channel_id}' but envelope for channel '{bundle.channel}'"
        )
    existing = _flatten(bundle.config.channel_group)
    read = _mapped(update, "read_set", "ReadSet")
    _verify_read_set(existing, read)
    written = _mapped(update, "write_set", "WriteSet")
    changes = {
        key: element
        for key, element in written.items()
        if key not in read or read[key].item.version != element.item.version
    }
    signed = _signed_data(envelope)
    try:
        _verify_changes(bundle, existing, changes, signed)
    except ConfigUpdateError as error:
        raise ConfigUpdateError(f"error validating DeltaSet: {error}") from error
    merged = {**existing, **changes}
    group = _assemble(merged, "/Channel")
    return configtx_pb2.Config(sequence=bundle.config.sequence + 1, channel_group=group)


def _verify_read_set(existing: Mapping[str, _Element], read: Mapping[str, _Element]) -> None:
    for key, element in read.items():
        known = existing.get(key)
        if known is None:
            raise ConfigUpdateError(
                "error validating ReadSet: existing config does not contain element for "
                f"{key} but was in the read set"
            )
        if known.item.version != element.item.version:
            raise ConfigUpdateError(
                f"error validating ReadSet: proposed update requires that key {key} be at version "
                f"{element.item.version}, but it is currently at version {known.item.version}"
            )


def _verify_changes(
    bundle: Bundle,
    existing: Mapping[str, _Element],
    changes: Mapping[str, _Element],
    signed: list[SignedData],
) -> None:
    if not changes:
        raise ConfigUpdateError("delta set was empty -- update would have no effect")
    for key, element in changes.items():
        fault = _mod_policy_fault(element.item.mod_policy)
        if fault:
            raise ConfigUpdateError(f"invalid mod_policy for element {key}: {fault}")
        version = element.item.version
        known = existing.get(key)
        if known is None:
            if version != 0:
                raise ConfigUpdateError(
                    f"attempted to set key {key} to version {version}, but key does not exist"
                )
            continue
        if version != known.item.version + 1:
            raise ConfigUpdateError(
                f"attempt to set key {key} to version {version}, but key is at version {known.item.version}"
            )
        named = known.item.mod_policy
        path = named if named.startswith("/") else f"{known.group}/{named}"
        if not bundle.policies.exists(path):
            raise ConfigUpdateError(f"unexpected missing policy {named} for item {key}")
        try:
            bundle.policies.evaluate(path, signed)
        except PolicyError as error:
            raise ConfigUpdateError(f"policy for {key} not satisfied: {error}") from error


def _mapped(update: configtx_pb2.ConfigUpdate, field: str, name: str) -> dict[str, _Element]:
    """The elements of the update's read or write set by key; none where it has no such set."""
    if not update.HasField(field):  # type: ignore[arg-type]
        return {}
    elements = _flatten(getattr(update, field))
    for key in elements:
        fault = _id_fault(key.rpartition("/")[2])
        if fault:
            raise ConfigUpdateError(f"error mapping {name}: illegal characters in key: {key[:9]}: {fault}")
    return elements


def _mod_policy_fault(path: str) -> str:
    if not path:
        return "mod_policy not set"
    for place, part in enumerate(path.removeprefix("/").split("/")):
        fault = _id_fault(part)
        if fault:
            return f"path element at {place} is invalid: {fault}"
    return ""


def _id_fault(name: str) -> str:
    """Why a name cannot be in a configuration (configtx/validator.go:34); empty when it can."""
    if not name:
        return "config ID illegal, cannot be empty"
    if len(name) > _MAX_NAME:
        return f"config ID illegal, cannot be longer than {_MAX_NAME}"
    if name in {".", ".."}:
        return f"name '{name}' for config ID is not allowed"
    if _NAME.fullmatch(name) is None:
        return f"config ID '{name}' contains illegal characters"
    return ""


def _flatten(root: configtx_pb2.ConfigGroup) -> dict[str, _Element]:
    found: dict[str, _Element] = {}

    def visit(path: str, group: configtx_pb2.ConfigGroup) -> None:
        found[f"[Group]  {path}"] = _Element(group, path)
        for name in group.groups:
            visit(f"{path}/{name}", group.groups[name])
        for name in group.values:
            found[f"[Value]  {path}/{name}"] = _Element(group.values[name], path)
        for name in group.policies:
            found[f"[Policy] {path}/{name}"] = _Element(group.policies[name], path)

    visit("/Channel", root)
    return found


def _assemble(elements: Mapping[str, _Element], path: str) -> configtx_pb2.ConfigGroup:
    source = cast(configtx_pb2.ConfigGroup, elements[f"[Group]  {path}"].item)
    built = configtx_pb2.ConfigGroup(version=source.version, mod_policy=source.mod_policy or "Admins")
    for name in source.groups:
        built.groups[name].CopyFrom(_assemble(elements, f"{path}/{name}"))
    for name in source.values:
        value = elements[f"[Value]  {path}/{name}"].item
        if isinstance(value, configtx_pb2.ConfigValue):
            built.values[name].CopyFrom(value)
    for name in source.policies:
        policy = elements[f"[Policy] {path}/{name}"].item
        if isinstance(policy, configtx_pb2.ConfigPolicy):
            built.policies[name].CopyFrom(policy)
    return built


def _signed_data(envelope: configtx_pb2.ConfigUpdateEnvelope) -> list[SignedData]:
    signed = []
    for signature in envelope.signatures:
        try:
            header = common_pb2.SignatureHeader.FromString(signature.signature_header)
        except DecodeError as error:
            raise ConfigUpdateError(INVALID_WIRE_FORMAT) from error
        signed.append(
            SignedData(
                signature.signature_header + envelope.config_update, header.creator, signature.signature
            )
        )
    return signed


def _signed(channel: str, content: bytes, orderer: SigningIdentity, nonce: bytes) -> common_pb2.Envelope:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC))
    header = common_pb2.ChannelHeader(type=common_pb2.CONFIG, timestamp=moment, channel_id=channel)
    creator = common_pb2.SignatureHeader(creator=orderer.serialized(), nonce=nonce)
    payload = common_pb2.Payload(
        header=common_pb2.Header(
            channel_header=header.SerializeToString(), signature_header=creator.SerializeToString()
        ),
        data=content,
    ).SerializeToString()
    return common_pb2.Envelope(payload=payload, signature=orderer.sign(payload))
