"""What a chaincode definition may say (core/chaincode/lifecycle/scc.go:706-956)."""

from __future__ import annotations

import re

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2
from fabric_protos.peer import collection_pb2
from google.protobuf.message import DecodeError

from hlf_emulator.go.text import decode_fault
from hlf_emulator.ledger.definitions import ChaincodeDefinition
from hlf_emulator.membership.bundle import Bundle
from hlf_emulator.membership.msp import MspError
from hlf_emulator.membership.policies import principal_msp

_NAME = re.compile(r"[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*")
_VERSION = re.compile(r"[A-Za-z0-9_.+-]+")
_COLLECTION = re.compile(r"[A-Za-z0-9-]+([A-Za-z0-9_-]+)*")
_SYSTEM = frozenset({"cscc", "escc", "lscc", "qscc", "vscc"})


class LifecycleError(Exception):
    """A refusal, in Fabric's words; `status` is the chaincode response's."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.status = status


Collections = dict[str, collection_pb2.StaticCollectionConfig]
_PREFIX = "error validating chaincode definition: "


def check_definition(
    bundle: Bundle | None,
    name: str,
    version: str,
    package: collection_pb2.CollectionConfigPackage,
) -> Collections:
    """The definition's collections by name. Raises LifecycleError for what none may say.

    `bundle` is None when the proposal names no channel.
    """
    prefix = _PREFIX
    if not _NAME.fullmatch(name):
        raise LifecycleError(
            f"{prefix}invalid chaincode name '{name}'. Names can only consist of alphanumerics, '_', and '-' "
            "and can only begin with alphanumerics"
        )
    if name in _SYSTEM:
        raise LifecycleError(f"{prefix}chaincode name '{name}' is the name of a system chaincode")
    if not _VERSION.fullmatch(version):
        raise LifecycleError(
            f"{prefix}invalid chaincode version '{version}'. Versions can only consist of alphanumerics, "
            "'_', '-', '+', and '.'"
        )
    if any(entry.WhichOneof("payload") is None for entry in package.config):
        raise LifecycleError(f"{prefix}collection config contains unexpected payload type: <nil>")
    if bundle is None:
        raise LifecycleError(f"{prefix}could not get channelconfig for channel ''")
    proposed: Collections = {}
    for entry in package.config:
        config = entry.static_collection_config
        problem = _collection_problem(bundle, config, config.name in proposed)
        if problem:
            raise LifecycleError(prefix + problem)
        proposed[config.name] = config
    return proposed


def check_succession(definition: ChaincodeDefinition, proposed: Collections) -> None:
    """Raise LifecycleError unless a definition with the `proposed` collections may follow this one."""
    prefix = _PREFIX
    committed = definition.collection_configs()
    if committed and not proposed:
        raise LifecycleError(
            f"{prefix}the proposed collection config does not contain previously defined collections"
        )
    for existing in committed.values():
        successor = proposed.get(existing.name)
        if successor is None:
            raise LifecycleError(
                f"{prefix}existing collection [{existing.name}] missing in the proposed collection "
                "configuration"
            )
        if successor.block_to_live != existing.block_to_live:
            raise LifecycleError(
                f"{prefix}the BlockToLive in an existing collection [{existing.name}] modified. Existing "
                f"value [{existing.block_to_live}]"
            )


def _collection_problem(bundle: Bundle, config: collection_pb2.StaticCollectionConfig, repeated: bool) -> str:
    name = config.name
    if not _COLLECTION.fullmatch(name):
        return (
            f"invalid collection name '{name}'. Names can only consist of alphanumerics, '_', and '-' and "
            "cannot begin with '_'"
        )
    if repeated:
        return f"collection-name: {name} -- found duplicate in collection configuration"
    if config.maximum_peer_count < config.required_peer_count:
        return (
            f"collection-name: {name} -- maximum peer count ({config.maximum_peer_count}) cannot be less "
            f"than the required peer count ({config.required_peer_count})"
        )
    if config.required_peer_count < 0:
        return (
            f"collection-name: {name} -- requiredPeerCount ({config.required_peer_count}) cannot be less "
            "than zero"
        )
    if not config.HasField("member_orgs_policy"):
        return f"collection member policy is not set for collection '{name}'"
    if not config.member_orgs_policy.HasField("signature_policy"):
        return f"collection member org policy is empty for collection '{name}'"
    policy = config.member_orgs_policy.signature_policy
    problem = "Empty policy element"
    if policy.HasField("rule"):
        problem = _malformed(policy.rule, len(policy.identities))
    if problem:
        return f"invalid member org policy for collection '{name}': {problem}"
    problem = _not_or(policy.rule)
    if problem:
        return f"collection-name: {name} -- error in member org policy: {problem}"
    problem = next(filter(None, (_principal_problem(bundle, each) for each in policy.identities)), "")
    return f"collection-name: {name} -- {problem}" if problem else ""


def _principal_problem(bundle: Bundle, principal: msp_principal_pb2.MSPPrincipal) -> str:
    kind = principal.principal_classification
    kinds = msp_principal_pb2.MSPPrincipal
    if kind == kinds.IDENTITY:
        try:
            bundle.msps.deserialize(principal.principal)
        except MspError:
            return "contains an identity that is not part of the channel"
        return ""
    if kind not in (kinds.ROLE, kinds.ORGANIZATION_UNIT):
        return f"principal type {kinds.Classification.Name(kind)} is not supported"
    try:
        msp_id = principal_msp(principal)
    except DecodeError:
        what = "MSPRole" if kind == kinds.ROLE else "OrganizationUnit"
        return f"cannot unmarshal identity bytes into {what}: {decode_fault(principal.principal)}"
    return "" if msp_id in bundle.msps.msps else f"collection member '{msp_id}' is not part of the channel"


def _malformed(rule: policies_pb2.SignaturePolicy, identities: int) -> str:
    """What common/cauthdsl has against a rule."""
    kind = rule.WhichOneof("Type")
    if kind == "signed_by" and not 0 <= rule.signed_by < identities:
        return (
            f"identity index out of range, requested {rule.signed_by}, but identities length is {identities}"
        )
    if kind is None:
        return "Unknown type: <nil>:<nil>"
    return next(filter(None, (_malformed(each, identities) for each in rule.n_out_of.rules)), "")


def _not_or(rule: policies_pb2.SignaturePolicy) -> str:
    if rule.WhichOneof("Type") != "n_out_of":
        return ""
    if rule.n_out_of.n != 1:
        return f"signature policy is not an OR concatenation, NOutOf {rule.n_out_of.n}"
    return next(filter(None, map(_not_or, rule.n_out_of.rules)), "")
