"""Chaincode lifecycle on a channel, through the Gateway service, so that it works with BFT ordering.

Source: peer/lifecycle/lifecycle.proto; system chaincode _lifecycle of Fabric 3.1. `PeerAdmin` installs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fabric_protos.peer.lifecycle import lifecycle_pb2

from hlf.admin.definition import (
    ApprovedChaincode,
    ChaincodeDefinition,
    CommittedChaincode,
    collection_package,
)
from hlf.errors import EvaluateError

if TYPE_CHECKING:
    from hlf.gateway import Gateway

_NAME = "_lifecycle"


class Lifecycle:
    """Chaincode definitions of one channel as the gateway's organization sees and approves them.

    Approving needs an administrator of an organization whose own peer the gateway is; committing needs what
    the channel's ACL asks (every writer, by default) and endorsements that satisfy LifecycleEndorsement.
    """

    def __init__(self, gateway: Gateway, channel: str) -> None:
        self._contract = gateway.network(channel).contract(_NAME)
        self._msp_id = gateway.identity.msp_id

    def approve(
        self, definition: ChaincodeDefinition, package_id: str | None, *, timeout: float | None = None
    ) -> str:
        """Approve for the gateway's organization; return the transaction id once it is committed.

        `package_id` None approves without running the chaincode.
        """
        source = lifecycle_pb2.ChaincodeSource()
        if package_id is None:
            source.unavailable.SetInParent()
        else:
            source.local_package.package_id = package_id
        arguments = lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs(
            name=definition.name,
            version=definition.version,
            sequence=definition.sequence,
            validation_parameter=definition.validation_parameter(),
            collections=collection_package(definition.collections),
            init_required=definition.init_required,
            source=source,
        )
        outcome = self._contract.execute(
            "ApproveChaincodeDefinitionForMyOrg",
            arguments.SerializeToString(),
            # The approval is written to the own organization's implicit collection.
            endorsing_organizations=(self._msp_id,),
            timeout=timeout,
        )
        return outcome.transaction_id

    def commit(
        self,
        definition: ChaincodeDefinition,
        organizations: Sequence[str] = (),
        *,
        timeout: float | None = None,
    ) -> str:
        """Put an approved definition into force; return the transaction id once it is committed.

        `organizations` are the MSP ids whose peers endorse; empty lets the gateway choose.
        """
        arguments = lifecycle_pb2.CommitChaincodeDefinitionArgs(
            name=definition.name,
            version=definition.version,
            sequence=definition.sequence,
            validation_parameter=definition.validation_parameter(),
            collections=collection_package(definition.collections),
            init_required=definition.init_required,
        )
        outcome = self._contract.execute(
            "CommitChaincodeDefinition",
            arguments.SerializeToString(),
            endorsing_organizations=tuple(organizations),
            timeout=timeout,
        )
        return outcome.transaction_id

    def _check(
        self, definition: ChaincodeDefinition, organizations: Sequence[str] = ()
    ) -> lifecycle_pb2.CheckCommitReadinessResult:
        arguments = lifecycle_pb2.CheckCommitReadinessArgs(
            name=definition.name,
            version=definition.version,
            sequence=definition.sequence,
            validation_parameter=definition.validation_parameter(),
            collections=collection_package(definition.collections),
            init_required=definition.init_required,
        )
        return lifecycle_pb2.CheckCommitReadinessResult.FromString(
            self._contract.evaluate(
                "CheckCommitReadiness",
                arguments.SerializeToString(),
                endorsing_organizations=tuple(organizations),
            )
        )

    def readiness(
        self, definition: ChaincodeDefinition, *, organization: str | None = None
    ) -> dict[str, bool]:
        """Whether each organization of the channel has approved exactly this definition.

        The answer is that of a peer of `organization` (None: the gateway's choice), and peers may lag.
        """
        return dict(self._check(definition, (organization,) if organization else ()).approvals)

    def agreed(self, definition: ChaincodeDefinition, organizations: Sequence[str]) -> bool:
        """Whether a peer of each of these organizations has seen the approvals of all of them.

        Wait for it before `commit`: endorsers that have not seen the same approvals do not agree.
        """
        wanted = set(organizations)
        for organization in organizations:
            approvals = self.readiness(definition, organization=organization)
            if not wanted <= {msp_id for msp_id, approved in approvals.items() if approved}:
                return False
        return True

    def mismatches(self, definition: ChaincodeDefinition) -> dict[str, tuple[str, ...]]:
        """Which fields each organization that has not approved this definition approved differently."""
        answer = self._check(definition)
        return {msp_id: tuple(each.items) for msp_id, each in answer.mismatches.items()}

    def committed(self, name: str) -> CommittedChaincode | None:
        """The definition in force, with its approvals; None when the channel has no such chaincode."""
        arguments = lifecycle_pb2.QueryChaincodeDefinitionArgs(name=name)
        try:
            payload = self._contract.evaluate("QueryChaincodeDefinition", arguments.SerializeToString())
        except EvaluateError as error:
            if f"namespace {name} is not defined" in str(error):
                return None
            raise
        answer = lifecycle_pb2.QueryChaincodeDefinitionResult.FromString(payload)
        return CommittedChaincode(ChaincodeDefinition.from_message(name, answer), dict(answer.approvals))

    def all_committed(self) -> dict[str, ChaincodeDefinition]:
        """Every definition in force on the channel, by chaincode name."""
        arguments = lifecycle_pb2.QueryChaincodeDefinitionsArgs()
        payload = self._contract.evaluate("QueryChaincodeDefinitions", arguments.SerializeToString())
        answer = lifecycle_pb2.QueryChaincodeDefinitionsResult.FromString(payload)
        return {
            each.name: ChaincodeDefinition.from_message(each.name, each)
            for each in answer.chaincode_definitions
        }

    def approved(self, name: str, sequence: int = 0) -> ApprovedChaincode | None:
        """What the gateway's organization approved (sequence 0: the newest); None when nothing."""
        arguments = lifecycle_pb2.QueryApprovedChaincodeDefinitionArgs(name=name, sequence=sequence)
        try:
            payload = self._contract.evaluate(
                "QueryApprovedChaincodeDefinition",
                arguments.SerializeToString(),
                endorsing_organizations=(self._msp_id,),
            )
        except EvaluateError as error:
            if "could not fetch approved chaincode definition" in str(error):
                return None
            raise
        answer = lifecycle_pb2.QueryApprovedChaincodeDefinitionResult.FromString(payload)
        return ApprovedChaincode(
            ChaincodeDefinition.from_message(name, answer), answer.source.local_package.package_id
        )
