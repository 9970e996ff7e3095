"""Proposals with one thing wrong: what a case's `change` says, applied to a proposal that is right.

A part of the message is named and said to be `garbage` (bytes that are no message) or `empty`; a field is
given its value. The transaction id is computed anew unless the change is of the id itself, and the whole is
signed as it then stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2

from hlf.wire.proposal import transaction_id

GARBAGE = b"\xff\xff"
_ILL_TEXT = b"\x22\x02\xff\xfe"
"""A field 4, a channel header's channel, of two bytes that are no UTF-8."""


class Parts:
    """A proposal taken apart."""

    def __init__(self, proposal: bytes) -> None:
        self.proposal = proposal_pb2.Proposal.FromString(proposal)
        self.header = common_pb2.Header.FromString(self.proposal.header)
        self.channel_header = common_pb2.ChannelHeader.FromString(self.header.channel_header)
        self.signature_header = common_pb2.SignatureHeader.FromString(self.header.signature_header)
        self.extension = proposal_pb2.ChaincodeHeaderExtension.FromString(self.channel_header.extension)
        self.payload = proposal_pb2.ChaincodeProposalPayload.FromString(self.proposal.payload)
        self.invocation = chaincode_pb2.ChaincodeInvocationSpec.FromString(self.payload.input)

    def joined(self, replaced: Mapping[str, bytes], wanted_id: str | None) -> bytes:
        """The proposal again, with some of its parts replaced by bytes."""
        self.channel_header.extension = replaced.get("extension", self.extension.SerializeToString())
        signature = self.signature_header
        computed = transaction_id(signature.nonce, signature.creator)
        self.channel_header.tx_id = computed if wanted_id is None else wanted_id
        header = self.header
        header.channel_header = replaced.get("channel_header", self.channel_header.SerializeToString())
        header.signature_header = replaced.get("signature_header", signature.SerializeToString())
        self.proposal.header = replaced.get("header", header.SerializeToString())
        self.payload.input = replaced.get("input", self.invocation.SerializeToString())
        self.proposal.payload = replaced.get("payload", self.payload.SerializeToString())
        return replaced.get("proposal", self.proposal.SerializeToString())


def changed(proposal: bytes, change: Mapping[str, Any]) -> bytes:
    """The serialized proposal with every entry of `change` applied; KeyError for an unknown name."""
    parts = Parts(proposal)
    replaced: dict[str, bytes] = {}
    for name, value in change.items():
        if name in LAYERS:
            replaced[name] = {"garbage": GARBAGE, "empty": b"", "ill-text": _ILL_TEXT}[value]
        elif name != "transaction_id":
            _FIELDS[name](parts, value)
    return parts.joined(replaced, change.get("transaction_id"))


LAYERS = frozenset(
    {"proposal", "header", "channel_header", "signature_header", "extension", "payload", "input"}
)


def _set_timestamp(parts: Parts, value: int | str) -> None:
    """Seconds to add, or `none`."""
    if isinstance(value, int):
        parts.channel_header.timestamp.seconds += value
    else:
        parts.channel_header.ClearField("timestamp")


def _set_creator(parts: Parts, value: str) -> None:
    signature = parts.signature_header
    identity = identities_pb2.SerializedIdentity.FromString(signature.creator)
    if value == "unknown-msp":
        identity.mspid = "nowhere"
    elif value == "no-msp":
        identity.ClearField("mspid")
    elif value == "no-certificate":
        identity.ClearField("id_bytes")
    elif value == "ill-certificate":
        identity.id_bytes = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    raw = {"empty": b"", "garbage": GARBAGE}
    signature.creator = raw.get(value, identity.SerializeToString())


def _set_extension(parts: Parts, value: str) -> None:
    _name(parts.extension, value)


def _set_called(parts: Parts, value: str) -> None:
    _name(parts.invocation.chaincode_spec, value)


def _name(holder: Any, value: str) -> None:
    """`none` takes the chaincode's id away, `unnamed` its name; anything else is the name."""
    if value == "none":
        holder.ClearField("chaincode_id")
    else:
        holder.chaincode_id.name = "" if value == "unnamed" else value
        holder.chaincode_id.SetInParent()


def _set_spec(parts: Parts, value: str) -> None:
    {"none": lambda: parts.invocation.ClearField("chaincode_spec")}[value]()


def _set_arguments(parts: Parts, value: str) -> None:
    spec = parts.invocation.chaincode_spec
    if value == "none":
        spec.ClearField("input")
    else:
        del spec.input.args[:]
        spec.input.SetInParent()


def _set_nonce(parts: Parts, value: str) -> None:
    parts.signature_header.nonce = value.encode()


_FIELDS: Mapping[str, Callable[[Parts, Any], None]] = {
    "type": lambda parts, value: setattr(parts.channel_header, "type", value),
    "epoch": lambda parts, value: setattr(parts.channel_header, "epoch", value),
    "version": lambda parts, value: setattr(parts.channel_header, "version", value),
    "channel": lambda parts, value: setattr(parts.channel_header, "channel_id", value),
    "timestamp": _set_timestamp,
    "nonce": _set_nonce,
    "creator": _set_creator,
    "extension_chaincode": _set_extension,
    "spec": _set_spec,
    "spec_chaincode": _set_called,
    "arguments": _set_arguments,
    "is_init": lambda parts, value: setattr(parts.invocation.chaincode_spec.input, "is_init", bool(value)),
}
