"""Committed chaincode definitions and their collections, read from the `_lifecycle` namespace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fabric_protos.peer import collection_pb2, policy_pb2
from fabric_protos.peer.lifecycle import chaincode_definition_pb2, db_pb2
from google.protobuf.message import DecodeError

from hlf_emulator.membership.bundle import Bundle
from hlf_emulator.membership.policies import Policy, RejectPolicy, SignaturePolicy, members_policy

LIFECYCLE = "_lifecycle"
SYSTEM_CHAINCODES = frozenset({LIFECYCLE, "qscc", "cscc"})
LEGACY_LIFECYCLE = "lscc"
"""Where the lifecycle of 1.x kept its definitions; looked up still, never found."""
IMPLICIT_PREFIX = "_implicit_org_"
DEFAULT_POLICY = "/Channel/Application/Endorsement"
DEFINITION_TYPE = "ChaincodeDefinition"

Read = Callable[[str], bytes | None]


def metadata_key(name: str) -> str:
    """`namespaces/metadata/{name}`."""
    return f"namespaces/metadata/{name}"


def field_key(name: str, field_name: str) -> str:
    """`namespaces/fields/{name}/{field}`."""
    return f"namespaces/fields/{name}/{field_name}"


@dataclass(frozen=True)
class CollectionDefinition:
    """One collection, static or implicit. `policy` says who endorses writes, None for the chaincode's."""

    name: str
    members: Policy
    config: collection_pb2.StaticCollectionConfig
    policy: Policy | None
    member_msp_ids: frozenset[str]

    @property
    def member_only_read(self) -> bool:
        return self.config.member_only_read

    @property
    def member_only_write(self) -> bool:
        return self.config.member_only_write

    @property
    def block_to_live(self) -> int:
        """Blocks after which values are removed; 0 keeps them."""
        return self.config.block_to_live


@dataclass(frozen=True)
class ChaincodeDefinition:
    """What the channel has agreed on for one chaincode. `validation_parameter` is an ApplicationPolicy."""

    name: str
    sequence: int
    version: str
    endorsement_plugin: str
    validation_plugin: str
    validation_parameter: bytes
    init_required: bool
    collections: collection_pb2.CollectionConfigPackage = field(repr=False)

    def parameters(self) -> list[tuple[str, db_pb2.StateData]]:
        """The fields that organizations approve, as `_lifecycle` stores them."""
        return parameter_fields(
            version=self.version,
            endorsement_plugin=self.endorsement_plugin,
            validation_plugin=self.validation_plugin,
            validation_parameter=self.validation_parameter,
            init_required=self.init_required,
            collections=self.collections,
        )

    def collection_configs(self) -> dict[str, collection_pb2.StaticCollectionConfig]:
        return {
            config.static_collection_config.name: config.static_collection_config
            for config in self.collections.config
        }


def parameter_fields(
    *,
    version: str,
    endorsement_plugin: str,
    validation_plugin: str,
    validation_parameter: bytes,
    init_required: bool,
    collections: collection_pb2.CollectionConfigPackage,
) -> list[tuple[str, db_pb2.StateData]]:
    """A definition without its sequence, as `_lifecycle` stores it field by field."""
    endorsement = chaincode_definition_pb2.ChaincodeEndorsementInfo(
        version=version, endorsement_plugin=endorsement_plugin, init_required=init_required
    )
    validation = chaincode_definition_pb2.ChaincodeValidationInfo(
        validation_plugin=validation_plugin, validation_parameter=validation_parameter
    )
    return [
        ("EndorsementInfo", db_pb2.StateData(Bytes=endorsement.SerializeToString())),
        ("ValidationInfo", db_pb2.StateData(Bytes=validation.SerializeToString())),
        ("Collections", db_pb2.StateData(Bytes=collections.SerializeToString())),
    ]


def read_definition(name: str, get: Read) -> ChaincodeDefinition | None:
    """Read a definition from public state with `get`; None when the name is not defined."""
    metadata = get(metadata_key(name))
    if not metadata or db_pb2.StateMetadata.FromString(metadata).datatype != DEFINITION_TYPE:
        return None

    def data(field_name: str) -> db_pb2.StateData:
        return db_pb2.StateData.FromString(get(field_key(name, field_name)) or b"")

    endorsement = chaincode_definition_pb2.ChaincodeEndorsementInfo.FromString(data("EndorsementInfo").Bytes)
    validation = chaincode_definition_pb2.ChaincodeValidationInfo.FromString(data("ValidationInfo").Bytes)
    return ChaincodeDefinition(
        name=name,
        sequence=data("Sequence").Int64,
        version=endorsement.version,
        endorsement_plugin=endorsement.endorsement_plugin,
        validation_plugin=validation.validation_plugin,
        validation_parameter=validation.validation_parameter,
        init_required=endorsement.init_required,
        collections=collection_pb2.CollectionConfigPackage.FromString(data("Collections").Bytes),
    )


def resolve_policy(encoded: bytes, bundle: Bundle) -> Policy:
    """The policy that an encoded `ApplicationPolicy` names or holds."""
    try:
        message = policy_pb2.ApplicationPolicy.FromString(encoded)
    except DecodeError:
        return RejectPolicy("undecodable")
    kind = message.WhichOneof("Type")
    if kind == "signature_policy":
        return SignaturePolicy(message.signature_policy)
    if kind == "channel_config_policy_reference":
        return bundle.policies.policy(message.channel_config_policy_reference)
    return RejectPolicy("empty")


def resolve_collection(
    name: str, definition: ChaincodeDefinition | None, bundle: Bundle
) -> CollectionDefinition | None:
    """A collection of a chaincode (None: `_lifecycle`), implicit ones included; None when there is none."""
    if name.startswith(IMPLICIT_PREFIX):
        return _implicit(name.removeprefix(IMPLICIT_PREFIX), bundle)
    if definition is None:
        return None
    config = definition.collection_configs().get(name)
    if config is None:
        return None
    members = SignaturePolicy(config.member_orgs_policy.signature_policy)
    policy: Policy | None = None
    if config.HasField("endorsement_policy"):
        policy = resolve_policy(config.endorsement_policy.SerializeToString(), bundle)
    return CollectionDefinition(name, members, config, policy, frozenset(members.organizations()))


def _implicit(msp_id: str, bundle: Bundle) -> CollectionDefinition | None:
    """Member-only flags off, no expiry, the organization's own policy (deployedcc_infoprovider.go:244)."""
    group = next((name for name, org in bundle.organizations.items() if org.msp_id == msp_id), None)
    if group is None:
        return None
    members = members_policy([msp_id])
    config = collection_pb2.StaticCollectionConfig(name=IMPLICIT_PREFIX + msp_id)
    config.member_orgs_policy.signature_policy.CopyFrom(members.envelope)
    path = f"/Channel/Application/{group}/Endorsement"
    policy = bundle.policies.policy(path) if bundle.policies.exists(path) else members
    return CollectionDefinition(config.name, members, config, policy, frozenset([msp_id]))
