"""What organizations agree on when they approve a chaincode: its definition and its private collections.

Source: peer/lifecycle/lifecycle.proto, peer/collection.proto.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fabric_protos.peer import collection_pb2, policy_pb2

from hlf.errors import ConfigurationError
from hlf.wire import policy

_DEFAULT_POLICY = "/Channel/Application/Endorsement"


@dataclass(frozen=True)
class Collection:
    """A private data collection.

    `policy` names its members, OR only ("OR('A.member','B.member')"); `endorsement_policy` judges writes into
    it in place of the chaincode's. `block_to_live` 0 keeps data for ever. `required_peers` counts other
    members' peers that must have a private write before the endorsement is given.
    """

    name: str
    policy: str
    required_peers: int = 0
    max_peers: int = 1
    block_to_live: int = 0
    member_only_read: bool = True
    member_only_write: bool = True
    endorsement_policy: str | None = None

    def message(self) -> collection_pb2.CollectionConfig:
        """The protocol's form; ConfigurationError for a policy that cannot be read."""
        try:
            members = policy.parse_policy(self.policy)
            endorsement = (
                policy.application_policy(self.endorsement_policy) if self.endorsement_policy else None
            )
        except policy.PolicySyntaxError as error:
            raise ConfigurationError(str(error), field=f"collections.{self.name}") from error
        return collection_pb2.CollectionConfig(
            static_collection_config=collection_pb2.StaticCollectionConfig(
                name=self.name,
                member_orgs_policy=collection_pb2.CollectionPolicyConfig(signature_policy=members),
                required_peer_count=self.required_peers,
                maximum_peer_count=self.max_peers,
                block_to_live=self.block_to_live,
                member_only_read=self.member_only_read,
                member_only_write=self.member_only_write,
                endorsement_policy=endorsement,
            )
        )

    @classmethod
    def from_message(cls, message: collection_pb2.CollectionConfig) -> Collection:
        """Read the protocol's form."""
        config = message.static_collection_config
        return cls(
            name=config.name,
            policy=policy.format_policy(config.member_orgs_policy.signature_policy),
            required_peers=config.required_peer_count,
            max_peers=config.maximum_peer_count,
            block_to_live=config.block_to_live,
            member_only_read=config.member_only_read,
            member_only_write=config.member_only_write,
            endorsement_policy=policy.format_application_policy(config.endorsement_policy) or None,
        )


def collection_package(collections: Iterable[Collection]) -> collection_pb2.CollectionConfigPackage:
    """The collections of a definition in the protocol's form."""
    return collection_pb2.CollectionConfigPackage(config=[each.message() for each in collections])


class DefinitionMessage(Protocol):
    """The fields that every lifecycle answer about a definition has."""

    @property
    def version(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def validation_parameter(self) -> bytes: ...
    @property
    def init_required(self) -> bool: ...
    @property
    def collections(self) -> collection_pb2.CollectionConfigPackage: ...


@dataclass(frozen=True)
class ChaincodeDefinition:
    """A chaincode as organizations approve it; `endorsement_policy` None is the channel's default.

    A policy is a rule ("AND('A.peer','B.peer')") or a channel policy's path ("/Channel/Application/Admins").
    """

    name: str
    version: str
    sequence: int
    endorsement_policy: str | None = None
    collections: tuple[Collection, ...] = ()
    init_required: bool = False

    def validation_parameter(self) -> bytes:
        """The endorsement policy in the protocol's form; ConfigurationError when it cannot be read."""
        try:
            application = policy.application_policy(self.endorsement_policy or _DEFAULT_POLICY)
        except policy.PolicySyntaxError as error:
            raise ConfigurationError(str(error), field="endorsement_policy") from error
        return application.SerializeToString()

    def normalized(self) -> ChaincodeDefinition:
        """The same definition as a ledger would give it back: policies in their usual spelling."""
        return _definition(
            self.name,
            self.version,
            self.sequence,
            self.validation_parameter(),
            collection_package(self.collections),
            self.init_required,
        )

    def same_terms(self, other: ChaincodeDefinition) -> bool:
        """Whether two definitions agree in all but their sequence."""
        return dataclasses.replace(self, sequence=0).normalized() == other.replace_sequence(0).normalized()

    def replace_sequence(self, sequence: int) -> ChaincodeDefinition:
        """The same definition under another sequence number."""
        return dataclasses.replace(self, sequence=sequence)

    @classmethod
    def from_message(cls, name: str, message: DefinitionMessage) -> ChaincodeDefinition:
        """Read a lifecycle answer; the answer for one chaincode does not repeat the name."""
        return _definition(
            name,
            message.version,
            message.sequence,
            message.validation_parameter,
            message.collections,
            message.init_required,
        )


def _definition(
    name: str,
    version: str,
    sequence: int,
    validation_parameter: bytes,
    collections: collection_pb2.CollectionConfigPackage,
    init_required: bool,
) -> ChaincodeDefinition:
    application = policy_pb2.ApplicationPolicy.FromString(validation_parameter)
    return ChaincodeDefinition(
        name=name,
        version=version,
        sequence=sequence,
        endorsement_policy=policy.format_application_policy(application) or None,
        collections=tuple(Collection.from_message(each) for each in collections.config),
        init_required=init_required,
    )


@dataclass(frozen=True)
class CommittedChaincode:
    """A definition in force on a channel, and which organizations have approved it."""

    definition: ChaincodeDefinition
    approvals: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class ApprovedChaincode:
    """A definition an organization has approved; no `package_id` when it does not run it itself."""

    definition: ChaincodeDefinition
    package_id: str = ""
