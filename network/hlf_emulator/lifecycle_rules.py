"""What a chaincode definition may say (core/chaincode/lifecycle/scc.go:706-956)."""

from __future__ import annotations

import re

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2
from fabric_protos.peer import collection_pb2

from hlf_emulator.bundle import Bundle
from hlf_emulator.definitions import ChaincodeDefinition
from hlf_emulator.msp import MspError
from hlf_emulator.policies import principal_msp

_NAME = re.compile(r"[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*")
_VERSION = re.compile(r"[A-Za-z0-9_.+-]+")
_COLLECTION = re.compile(r"[A-Za-z0-9-]+([A-Za-z0-9_-]+)*")
_SYSTEM = frozenset({"cscc", "escc", "lscc", "qscc", "vscc"})


class LifecycleError(Exception):
    """A refusal, in Fabric's words; `status` is the chaincode response's."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.status = status


def check_definition(
    bundle: Bundle,
    definition: ChaincodeDefinition | None,
    name: str,
    version: str,
    package: collection_pb2.CollectionConfigPackage,
) -> None:
    """Raise LifecycleError unless the definition may follow `definition` (None: the first one)."""
    prefix = "error validating chaincode definition: "
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
    proposed: dict[str, collection_pb2.StaticCollectionConfig] = {}
    for entry in package.config:
        config = entry.static_collection_config
        problem = _collection_problem(bundle, config, config.name in proposed)
        if problem:
            raise LifecycleError(prefix + problem)
        proposed[config.name] = config
    committed = definition.collection_configs() if definition else {}
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
    problem = _not_or(policy.rule)
    if problem:
        return f"collection-name: {name} -- error in member org policy: {problem}"
    for principal in policy.identities:
        if principal.principal_classification == msp_principal_pb2.MSPPrincipal.IDENTITY:
            try:
                bundle.msps.deserialize(principal.principal)
            except MspError:
                return f"collection-name: {name} -- contains an identity that is not part of the channel"
        elif principal_msp(principal) not in bundle.msps.msps:
            return (
                f"collection-name: {name} -- collection member '{principal_msp(principal)}' is not part of "
                "the channel"
            )
    return ""


def _not_or(rule: policies_pb2.SignaturePolicy) -> str:
    if rule.WhichOneof("Type") != "n_out_of":
        return ""
    if rule.n_out_of.n != 1:
        return f"signature policy is not an OR concatenation, NOutOf {rule.n_out_of.n}"
    return next(filter(None, map(_not_or, rule.n_out_of.rules)), "")
