"""The `_lifecycle` system chaincode: install, approve, commit, and their queries.

Functions, checks and texts: core/chaincode/lifecycle/scc.go and lifecycle.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fabric_protos.peer import policy_pb2
from fabric_protos.peer.lifecycle import db_pb2, lifecycle_pb2
from google.protobuf.message import DecodeError, Message

from hlf_emulator.go.text import decode_fault
from hlf_emulator.ledger.definitions import (
    DEFAULT_POLICY,
    IMPLICIT_PREFIX,
    LEGACY_LIFECYCLE,
    LIFECYCLE,
    read_definition,
)
from hlf_emulator.ledger.simulator import SimulationError, Simulator
from hlf_emulator.lifecycle.packages import Package, PackageError, PackageStore
from hlf_emulator.lifecycle.rules import LifecycleError, check_definition, check_succession
from hlf_emulator.lifecycle.state import (
    DEFINITION,
    LOCAL_PACKAGE,
    NAMESPACES,
    PARAMETERS,
    SOURCES,
    Parameters,
    PrivateAccess,
    PublicAccess,
    field_key,
    mismatches,
    read_metadata,
    read_sequence,
    store,
)
from hlf_emulator.membership.bundle import Bundle
from hlf_emulator.peer.channel import Channel
from hlf_emulator.version import FABRIC_3_1, Version

ADMIN_FUNCTIONS = frozenset(
    {
        "InstallChaincode",
        "QueryInstalledChaincode",
        "QueryInstalledChaincodes",
        "GetInstalledChaincodePackage",
        "ApproveChaincodeDefinitionForMyOrg",
        "QueryApprovedChaincodeDefinition",
        "QueryApprovedChaincodeDefinitions",
    }
)
"""Functions for administrators of the peer's own organization; the rest need the channel's writers."""


@dataclass(frozen=True)
class LifecycleCall:
    """One invocation; channel and simulator are None when the proposal names no channel."""

    transaction_id: str
    msp_id: str
    packages: PackageStore
    references: Callable[[str], dict[str, list[tuple[str, str]]]]
    """Package id -> channel -> (chaincode, version) that run it."""
    channel: Channel | None
    simulator: Simulator | None
    version: Version = FABRIC_3_1


def invoke(call: LifecycleCall, function: str, argument: bytes) -> bytes:
    """Run one function on its encoded argument. Raises LifecycleError."""
    handler = _FUNCTIONS.get(function)
    prefix = f"failed to invoke backing implementation of '{function}': "
    if handler is None:
        raise LifecycleError(f"{prefix}receiver *lifecycle.Invocation.{function} does not exist")
    kind, run = handler
    try:
        decoded = kind.FromString(argument)
    except DecodeError as fault:
        method = f"*lifecycle.Invocation.{function}"
        raise LifecycleError(
            f"{prefix}could not decode input arg for {method}: {decode_fault(argument)}"
        ) from fault
    try:
        return run(call, decoded).SerializeToString()
    except LifecycleError as refusal:
        if refusal.status == 404:
            raise
        raise LifecycleError(prefix + str(refusal)) from refusal
    except (PackageError, SimulationError) as refusal:
        raise LifecycleError(prefix + str(refusal)) from refusal


def _ledger(call: LifecycleCall, attempt: str = "") -> tuple[Channel, Simulator]:
    """The channel and its simulation; without one, `attempt` is what fails for lack of it."""
    if call.channel is None or call.simulator is None:
        raise LifecycleError(f"{attempt} failed: transaction ID: {call.transaction_id}: no ledger context")
    return call.channel, call.simulator


# Packages


def _install(call: LifecycleCall, args: lifecycle_pb2.InstallChaincodeArgs) -> Message:
    package = call.packages.install(args.chaincode_install_package)
    return lifecycle_pb2.InstallChaincodeResult(package_id=package.package_id, label=package.label)


def _installed(call: LifecycleCall, args: lifecycle_pb2.QueryInstalledChaincodeArgs) -> Message:
    package = _package(call, args.package_id)
    result = lifecycle_pb2.QueryInstalledChaincodeResult(package_id=package.package_id, label=package.label)
    for channel, chaincodes in call.references(package.package_id).items():
        for name, version in chaincodes:
            result.references[channel].chaincodes.add(name=name, version=version)
    return result


def _all_installed(call: LifecycleCall, _: lifecycle_pb2.QueryInstalledChaincodesArgs) -> Message:
    result = lifecycle_pb2.QueryInstalledChaincodesResult()
    for package in call.packages.packages.values():
        entry = result.installed_chaincodes.add(package_id=package.package_id, label=package.label)
        for channel, chaincodes in call.references(package.package_id).items():
            for name, version in chaincodes:
                entry.references[channel].chaincodes.add(name=name, version=version)
    return result


def _content(call: LifecycleCall, args: lifecycle_pb2.GetInstalledChaincodePackageArgs) -> Message:
    content = call.packages.content(args.package_id)
    if content is None:
        raise LifecycleError(
            f"could not load cc install package: chaincode install package '{args.package_id}' not found"
        )
    return lifecycle_pb2.GetInstalledChaincodePackageResult(chaincode_install_package=content)


def _package(call: LifecycleCall, package_id: str) -> Package:
    package = call.packages.packages.get(package_id)
    if package is None:
        raise LifecycleError(f"could not find chaincode with package id '{package_id}'")
    return package


# Approvals


def _approve(call: LifecycleCall, args: lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs) -> Message:
    _check(call, args)
    channel, simulator = _ledger(call)
    public = PublicAccess(simulator)
    private = PrivateAccess(simulator, IMPLICIT_PREFIX + call.msp_id)
    current, requested = read_sequence(args.name, public.get), args.sequence
    if current == requested == 0:
        raise LifecycleError("requested sequence is 0, but first definable sequence number is 1")
    if requested < current:
        raise LifecycleError(
            f"currently defined sequence {current} is larger than requested sequence {requested}"
        )
    if requested > current + 1:
        raise LifecycleError(
            f"requested sequence {requested} is larger than the next available sequence number {current + 1}"
        )
    parameters = _parameters(channel.bundle, args)
    package_id = args.source.local_package.package_id
    name = f"{args.name}#{requested}"
    unchanged = _approved_already(private, name, parameters, package_id)
    if requested == current:
        difference = Parameters.read(args.name, public.get).difference(parameters)
        attempt = (
            f"attempted to redefine the current committed sequence ({current}) for namespace {args.name}"
        )
        if difference:
            raise LifecycleError(f"{attempt} with different parameters: {difference}")
        if unchanged and call.version.approves_once:
            raise LifecycleError(attempt)
    elif unchanged:
        raise LifecycleError(
            f"attempted to redefine uncommitted sequence ({requested}) for namespace {args.name} with "
            "unchanged content"
        )
    store(private, NAMESPACES, name, PARAMETERS, parameters.fields())
    source = [("PackageID", db_pb2.StateData(String=package_id))]
    store(private, SOURCES, name, LOCAL_PACKAGE, source)
    return lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgResult()


def _check(
    call: LifecycleCall,
    args: lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs | lifecycle_pb2.CommitChaincodeDefinitionArgs,
) -> None:
    """Raise LifecycleError unless a definition may say so, and follow the one that is committed."""
    proposed = check_definition(
        call.channel.bundle if call.channel else None, args.name, args.version, args.collections
    )
    simulator = _ledger(call)[1]
    committed = read_definition(args.name, PublicAccess(simulator).get)
    if committed is None:
        # Fabric asks the lifecycle of 1.x next (core/scc/lscc).
        simulator.get_state(LEGACY_LIFECYCLE, args.name)
    else:
        check_succession(committed, proposed)


def _approved_already(private: PrivateAccess, name: str, parameters: Parameters, package_id: str) -> bool:
    if read_metadata(NAMESPACES, name, private.get) is None:
        return False
    if Parameters.read(name, private.get).difference(parameters):
        return False
    if read_metadata(SOURCES, name, private.get) is None:
        return False
    return _package_of(private, name) == package_id


def _package_of(private: PrivateAccess, name: str) -> str:
    return db_pb2.StateData.FromString(private.get(field_key(SOURCES, name, "PackageID"))).String


def _query_approved(call: LifecycleCall, args: lifecycle_pb2.QueryApprovedChaincodeDefinitionArgs) -> Message:
    sequence = args.sequence
    key = field_key(NAMESPACES, args.name, "Sequence")
    what = f"could not get current sequence: could not get state for key {key}"
    if sequence:
        stored = f"{args.name}#{sequence}"
        what = (
            f"could not deserialize namespace metadata for {stored}: could not query metadata for namespace "
            f"namespaces/{stored}"
        )
    channel, simulator = _ledger(call, f"{what}: GET_STATE")
    private = PrivateAccess(simulator, IMPLICIT_PREFIX + call.msp_id)
    if sequence == 0:
        sequence = read_sequence(args.name, PublicAccess(simulator).get)
        if read_metadata(NAMESPACES, f"{args.name}#{sequence + 1}", private.get) is not None:
            sequence += 1
    result = lifecycle_pb2.QueryApprovedChaincodeDefinitionResult()
    if read_metadata(NAMESPACES, f"{args.name}#{sequence}", private.get) is None:
        raise LifecycleError(
            f"could not fetch approved chaincode definition (name: '{args.name}', sequence: '{sequence}') "
            f"on channel '{channel.name}'"
        )
    _fill_approved(result, private, args.name, sequence)
    return result


def _query_all_approved(
    call: LifecycleCall, _: lifecycle_pb2.QueryApprovedChaincodeDefinitionsArgs
) -> Message:
    simulator = _ledger(
        call,
        "could not fetch metadatas: could not get state range for namespace namespaces: could not get state "
        "iterator: GET_STATE_BY_RANGE",
    )[1]
    private = PrivateAccess(simulator, IMPLICIT_PREFIX + call.msp_id)
    prefix = f"{NAMESPACES}/metadata/"
    found = [
        key.removeprefix(prefix)
        for key, _entry in simulator.private_range(LIFECYCLE, private.collection, prefix, prefix + "\x7f")
    ]
    result = lifecycle_pb2.QueryApprovedChaincodeDefinitionsResult()
    for stored in found:
        name, _mark, sequence = stored.partition("#")
        entry = result.approved_chaincode_definitions.add(name=name)
        _fill_approved(entry, private, name, int(sequence))
    return result


def _fill_approved(
    target: lifecycle_pb2.QueryApprovedChaincodeDefinitionResult
    | lifecycle_pb2.QueryApprovedChaincodeDefinitionsResult.ApprovedChaincodeDefinition,
    private: PrivateAccess,
    name: str,
    sequence: int,
) -> None:
    stored = f"{name}#{sequence}"
    target.sequence = sequence
    read_metadata(SOURCES, stored, private.get)
    _fill(target, Parameters.read(stored, private.get))
    package_id = _package_of(private, stored)
    if package_id:
        target.source.local_package.package_id = package_id
    else:
        target.source.unavailable.SetInParent()


# Definitions


def _readiness(
    call: LifecycleCall, args: lifecycle_pb2.CheckCommitReadinessArgs
) -> lifecycle_pb2.CheckCommitReadinessResult:
    channel, simulator = _ledger(call)
    result = lifecycle_pb2.CheckCommitReadinessResult()
    parameters = _next_definition(channel, simulator, args)
    for msp_id, items in _approvals(channel, simulator, args.name, args.sequence, parameters).items():
        result.approvals[msp_id] = not items
        if items and call.version.readiness_mismatches:
            result.mismatches[msp_id].items.extend(items)
    return result


def _commit(call: LifecycleCall, args: lifecycle_pb2.CommitChaincodeDefinitionArgs) -> Message:
    _check(call, args)
    channel, simulator = _ledger(call)
    parameters = _next_definition(channel, simulator, args)
    approvals = _approvals(channel, simulator, args.name, args.sequence, parameters)
    fields = [("Sequence", db_pb2.StateData(Int64=args.sequence)), *parameters.fields()]
    store(PublicAccess(simulator), NAMESPACES, args.name, DEFINITION, fields)
    if approvals.get(call.msp_id) != []:
        raise LifecycleError(f"chaincode definition not agreed to by this org ({call.msp_id})")
    return lifecycle_pb2.CommitChaincodeDefinitionResult()


def _query_definition(call: LifecycleCall, args: lifecycle_pb2.QueryChaincodeDefinitionArgs) -> Message:
    channel, simulator = _ledger(call)
    public = PublicAccess(simulator)
    if read_metadata(NAMESPACES, args.name, public.get) is None:
        raise LifecycleError(f"namespace {args.name} is not defined", 404)
    sequence, parameters = read_sequence(args.name, public.get), Parameters.read(args.name, public.get)
    result = lifecycle_pb2.QueryChaincodeDefinitionResult(sequence=sequence)
    _fill(result, parameters)
    for msp_id, items in _approvals(channel, simulator, args.name, sequence, parameters).items():
        result.approvals[msp_id] = not items
    return result


def _query_definitions(call: LifecycleCall, _: lifecycle_pb2.QueryChaincodeDefinitionsArgs) -> Message:
    simulator = _ledger(call)[1]
    public, prefix = PublicAccess(simulator), f"{NAMESPACES}/metadata/"
    result = lifecycle_pb2.QueryChaincodeDefinitionsResult()
    names = [key.removeprefix(prefix) for key, _ in simulator.range(LIFECYCLE, prefix, prefix + "\x7f")]
    for name in names:
        entry = result.chaincode_definitions.add(name=name, sequence=read_sequence(name, public.get))
        _fill(entry, Parameters.read(name, public.get))
    return result


def _next_definition(
    channel: Channel,
    simulator: Simulator,
    args: lifecycle_pb2.CheckCommitReadinessArgs | lifecycle_pb2.CommitChaincodeDefinitionArgs,
) -> Parameters:
    current = read_sequence(args.name, PublicAccess(simulator).get)
    if args.sequence != current + 1:
        raise LifecycleError(
            f"requested sequence is {args.sequence}, but new definition must be sequence {current + 1}"
        )
    return _parameters(channel.bundle, args)


def _approvals(
    channel: Channel, simulator: Simulator, name: str, sequence: int, parameters: Parameters
) -> dict[str, list[str]]:
    """Organization -> what its approval differs in; nothing when it agrees."""
    return {
        msp_id: mismatches(
            PrivateAccess(simulator, IMPLICIT_PREFIX + msp_id).digest,
            NAMESPACES,
            f"{name}#{sequence}",
            PARAMETERS,
            parameters.fields(),
        )
        for msp_id in channel.bundle.application_msp_ids
    }


def _parameters(
    bundle: Bundle,
    args: lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs
    | lifecycle_pb2.CheckCommitReadinessArgs
    | lifecycle_pb2.CommitChaincodeDefinitionArgs,
) -> Parameters:
    policy = args.validation_parameter
    if not policy:
        if not bundle.policies.exists(DEFAULT_POLICY):
            raise LifecycleError(
                f"could not set defaults for chaincode definition in channel {bundle.channel}: policy "
                f"'{DEFAULT_POLICY}' must be defined for channel '{bundle.channel}' before chaincode "
                "operations can be attempted"
            )
        default = policy_pb2.ApplicationPolicy(channel_config_policy_reference=DEFAULT_POLICY)
        policy = default.SerializeToString()
    return Parameters(
        version=args.version,
        endorsement_plugin=args.endorsement_plugin or "escc",
        validation_plugin=args.validation_plugin or "vscc",
        validation_parameter=policy,
        init_required=args.init_required,
        collections=args.collections,
    )


def _fill(target: Any, parameters: Parameters) -> None:
    # The result messages share these fields without sharing a type.
    target.version = parameters.version
    target.endorsement_plugin = parameters.endorsement_plugin
    target.validation_plugin = parameters.validation_plugin
    target.validation_parameter = parameters.validation_parameter
    target.init_required = parameters.init_required
    target.collections.CopyFrom(parameters.collections)


_FUNCTIONS: dict[str, tuple[type[Message], Callable[[LifecycleCall, Any], Message]]] = {
    "InstallChaincode": (lifecycle_pb2.InstallChaincodeArgs, _install),
    "QueryInstalledChaincode": (lifecycle_pb2.QueryInstalledChaincodeArgs, _installed),
    "QueryInstalledChaincodes": (lifecycle_pb2.QueryInstalledChaincodesArgs, _all_installed),
    "GetInstalledChaincodePackage": (lifecycle_pb2.GetInstalledChaincodePackageArgs, _content),
    "ApproveChaincodeDefinitionForMyOrg": (
        lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs,
        _approve,
    ),
    "QueryApprovedChaincodeDefinition": (
        lifecycle_pb2.QueryApprovedChaincodeDefinitionArgs,
        _query_approved,
    ),
    "QueryApprovedChaincodeDefinitions": (
        lifecycle_pb2.QueryApprovedChaincodeDefinitionsArgs,
        _query_all_approved,
    ),
    "CheckCommitReadiness": (lifecycle_pb2.CheckCommitReadinessArgs, _readiness),
    "CommitChaincodeDefinition": (lifecycle_pb2.CommitChaincodeDefinitionArgs, _commit),
    "QueryChaincodeDefinition": (lifecycle_pb2.QueryChaincodeDefinitionArgs, _query_definition),
    "QueryChaincodeDefinitions": (lifecycle_pb2.QueryChaincodeDefinitionsArgs, _query_definitions),
}
