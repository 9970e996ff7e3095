"""Changes of a channel's configuration: what must be signed, and the envelope that carries it.

Source: common/configtx.proto. A read set names the versions that a change rests on, a write set what becomes
of them; the versions of changed elements go up by one.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

from fabric_protos.common import common_pb2, configtx_pb2

from hlf.identity import SigningIdentity
from hlf.wire.proposal import channel_header, header
from hlf.wire.transaction import signed_envelope

_KINDS = ("values", "policies")


def _element(kind: str, source: Any, version: int) -> Any:
    if kind == "values":
        return configtx_pb2.ConfigValue(version=version, value=source.value, mod_policy=source.mod_policy)
    return configtx_pb2.ConfigPolicy(version=version, policy=source.policy, mod_policy=source.mod_policy)


def _bare(kind: str, version: int) -> Any:
    return (configtx_pb2.ConfigValue if kind == "values" else configtx_pb2.ConfigPolicy)(version=version)


def _same(kind: str, first: Any, second: Any) -> bool:
    return bool(_element(kind, first, 0) == _element(kind, second, 0))


def _added(group: configtx_pb2.ConfigGroup) -> configtx_pb2.ConfigGroup:
    fresh = configtx_pb2.ConfigGroup(mod_policy=group.mod_policy)
    for kind in _KINDS:
        for name, element in getattr(group, kind).items():
            getattr(fresh, kind)[name].CopyFrom(_element(kind, element, 0))
    for name, subgroup in group.groups.items():
        fresh.groups[name].CopyFrom(_added(subgroup))
    return fresh


class _GroupChange:
    """The read and write set of one group."""

    def __init__(self, old: configtx_pb2.ConfigGroup, new: configtx_pb2.ConfigGroup) -> None:
        self.read = configtx_pb2.ConfigGroup(version=old.version)
        self.write = configtx_pb2.ConfigGroup(version=old.version)
        self.changed = False
        # A group's own version stands for who its members are, and for its mod_policy.
        regroup = old.mod_policy != new.mod_policy
        for kind in (*_KINDS, "groups"):
            regroup |= set(getattr(old, kind)) != set(getattr(new, kind))
        for kind in _KINDS:
            self._elements(kind, old, new, regroup)
        self._groups(old, new, regroup)
        if regroup:
            self.changed = True
            self.write.version = old.version + 1
            self.write.mod_policy = new.mod_policy

    def _elements(
        self, kind: str, old: configtx_pb2.ConfigGroup, new: configtx_pb2.ConfigGroup, regroup: bool
    ) -> None:
        before: MutableMapping[str, Any] = getattr(old, kind)
        read, write = getattr(self.read, kind), getattr(self.write, kind)
        for name, element in getattr(new, kind).items():
            if name not in before:
                write[name].CopyFrom(_element(kind, element, 0))
            elif not _same(kind, before[name], element):
                self.changed = True
                write[name].CopyFrom(_element(kind, element, before[name].version + 1))
            elif regroup:
                read[name].CopyFrom(_bare(kind, before[name].version))
                write[name].CopyFrom(_bare(kind, before[name].version))

    def _groups(self, old: configtx_pb2.ConfigGroup, new: configtx_pb2.ConfigGroup, regroup: bool) -> None:
        for name, subgroup in new.groups.items():
            if name not in old.groups:
                self.write.groups[name].CopyFrom(_added(subgroup))
                continue
            change = _GroupChange(old.groups[name], subgroup)
            self.changed |= change.changed
            if change.changed or regroup:
                self.read.groups[name].CopyFrom(change.read)
                self.write.groups[name].CopyFrom(change.write)


def compute_update(
    channel: str, old: configtx_pb2.Config, new: configtx_pb2.ConfigGroup
) -> configtx_pb2.ConfigUpdate:
    """What turns the configuration in force into one whose channel group is `new`.

    Raises ValueError when they do not differ.
    """
    change = _GroupChange(old.channel_group, new)
    if not change.changed:
        raise ValueError(f"the configuration of {channel!r} is already as wanted")
    return configtx_pb2.ConfigUpdate(channel_id=channel, read_set=change.read, write_set=change.write)


def sign_update(
    update: configtx_pb2.ConfigUpdate, signer: SigningIdentity, *, nonce: bytes
) -> configtx_pb2.ConfigSignature:
    """One administrator's consent to an update; `nonce` is 24 random bytes."""
    signature_header = common_pb2.SignatureHeader(
        creator=signer.serialized(), nonce=nonce
    ).SerializeToString()
    signature = signer.sign(signature_header + update.SerializeToString(deterministic=True))
    return configtx_pb2.ConfigSignature(signature_header=signature_header, signature=signature)


def update_envelope(
    update: configtx_pb2.ConfigUpdate,
    signatures: Iterable[configtx_pb2.ConfigSignature] | Sequence[configtx_pb2.ConfigSignature],
    signer: SigningIdentity,
    *,
    timestamp_ns: int,
    nonce: bytes,
) -> common_pb2.Envelope:
    """The envelope to submit; its signer needs the channel's Writers and does not count as a signature."""
    envelope = configtx_pb2.ConfigUpdateEnvelope(
        # The bytes that were signed.
        config_update=update.SerializeToString(deterministic=True),
        signatures=signatures,
    )
    channel = channel_header(common_pb2.CONFIG_UPDATE, update.channel_id, timestamp_ns=timestamp_ns)
    return signed_envelope(header(channel, signer.serialized(), nonce), envelope.SerializeToString(), signer)
