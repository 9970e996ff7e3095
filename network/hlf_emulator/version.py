"""Which Fabric the emulator answers as, and what that Fabric does otherwise than the other.

Whoever answers differently by version asks for the ability that makes the difference, never for the version.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Version:
    """One release of Fabric.

    `additional_parameters`: READY tells a chaincode which batches the peer takes (core/chaincode/handler.go).
    `updates_and_blocks`: channel participation takes config updates and hands out blocks (restapi.go).
    `header_with_signatures`: Deliver sends headers alone to those who ask for them (common/deliver).
    `system_channel`: an orderer speaks of the system channel that it could have (multichannel/registrar.go).
    `join_checks`: a join block's metadata and hash are looked at (channelparticipation/validator.go).
    `gateway_filters`: a Gateway asks its own peer through the filters that others are asked through
    (internal/peer/node/start.go).
    `time_window`: a proposal's time must be about the peer's (core/handlers/auth/filter/timewindow.go).
    `status_fields`: CommitStatus says which of its fields is missing (gateway/commitstatus.go).
    `approval_listing`: QueryApprovedChaincodeDefinitions exists (lifecycle/scc.go).
    `readiness_mismatches`: CheckCommitReadiness says what an organization did not approve (lifecycle.go).
    `approves_once`: to approve the committed definition once more, unchanged, is an error (lifecycle.go).
    `stream_faults`: who launches a chaincode learns why its stream ended (extcc/extcc_handler.go).
    `ed25519`: certificates may have such keys (bccsp).
    `smartbft`: a channel may be ordered by SmartBFT (common/capabilities, msgprocessor).
    `angle_brackets`: messages in texts look like those of Go's first protobuf library.
    """

    name: str
    additional_parameters: bool
    updates_and_blocks: bool
    header_with_signatures: bool
    system_channel: bool
    join_checks: bool
    gateway_filters: bool
    time_window: bool
    status_fields: bool
    approval_listing: bool
    readiness_mismatches: bool
    approves_once: bool
    stream_faults: bool
    ed25519: bool
    smartbft: bool
    angle_brackets: bool


FABRIC_3_1 = Version(
    name="3.1",
    additional_parameters=True,
    updates_and_blocks=True,
    header_with_signatures=True,
    system_channel=False,
    join_checks=True,
    gateway_filters=True,
    time_window=True,
    status_fields=True,
    approval_listing=True,
    readiness_mismatches=True,
    approves_once=True,
    stream_faults=True,
    ed25519=True,
    smartbft=True,
    angle_brackets=False,
)
FABRIC_2_5 = Version(
    name="2.5",
    additional_parameters=False,
    updates_and_blocks=False,
    header_with_signatures=False,
    system_channel=True,
    join_checks=False,
    gateway_filters=False,
    time_window=False,
    status_fields=False,
    approval_listing=False,
    readiness_mismatches=False,
    approves_once=False,
    stream_faults=False,
    ed25519=False,
    smartbft=False,
    angle_brackets=True,
)


def version(fabric: str) -> Version:
    """The version of a tag such as "3.1.5". Raises ValueError for one that is not emulated."""
    for known in (FABRIC_3_1, FABRIC_2_5):
        if fabric == known.name or fabric.startswith(f"{known.name}."):
            return known
    raise ValueError(f"Fabric {fabric} is not emulated; {FABRIC_3_1.name} and {FABRIC_2_5.name} are")
