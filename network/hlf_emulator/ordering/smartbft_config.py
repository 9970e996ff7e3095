"""What SmartBFT asks of a new configuration (orderer/consensus/smartbft/configverifier.go)."""

from fabric_protos.common import configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.orderer.etcdraft import configuration_pb2 as etcdraft_pb2
from fabric_protos.orderer.smartbft import configuration_pb2 as smartbft_pb2
from google.protobuf.message import DecodeError

from hlf.wire.consensus import bft_quorum
from hlf_emulator.go.print import go_print
from hlf_emulator.go.text import INVALID_WIRE_FORMAT
from hlf_emulator.membership.bundle import Bundle, ConfigError
from hlf_emulator.ordering.channel_config import go_duration
from hlf_emulator.version import Version


def check_consenters(config: configtx_pb2.Config, version: Version) -> None:
    """Raise ConfigError unless BlockValidation fits the consenters and no leader rotates."""
    orderer = config.channel_group.groups["Orderer"]
    if "Orderers" not in orderer.values:
        raise ConfigError("no values in 'Orderer' group")
    mapping = configuration_pb2.Orderers.FromString(orderer.values["Orderers"].value).consenter_mapping
    if not orderer.policies:
        raise ConfigError("empty policies in 'Orderer' group")
    if "BlockValidation" not in orderer.policies:
        raise ConfigError("block validation policy is not found in the policies of 'Orderer' group")
    wanted, actual = _block_validation(list(mapping)), orderer.policies["BlockValidation"].policy
    if wanted != actual:
        raise ConfigError(
            f"block validation policy should be a signature policy: {go_print(wanted, version)} but it is "
            f"{go_print(actual, version)} instead"
        )
    consensus = orderer_pb2.ConsensusType.FromString(orderer.values["ConsensusType"].value)
    try:
        options = smartbft_pb2.Options.FromString(consensus.metadata)
    except DecodeError as fault:
        raise ConfigError(f"invalid options encoded in consensus metadata: {INVALID_WIRE_FORMAT}") from fault
    if options.leader_rotation == smartbft_pb2.Options.ROTATION_ON:
        raise ConfigError("leader rotation must be turned off for this version or be unspecified")


def _block_validation(consenters: list[configuration_pb2.Consenter]) -> policies_pb2.Policy:
    envelope = policies_pb2.SignaturePolicyEnvelope()
    envelope.rule.n_out_of.n = bft_quorum(len(consenters))
    for place, each in enumerate(consenters):
        envelope.rule.n_out_of.rules.add().signed_by = place
        identity = identities_pb2.SerializedIdentity(mspid=each.msp_id, id_bytes=each.identity)
        envelope.identities.add(
            principal_classification=msp_principal_pb2.MSPPrincipal.IDENTITY,
            principal=identity.SerializeToString(),
        )
    return policies_pb2.Policy(
        type=policies_pb2.Policy.SIGNATURE, value=envelope.SerializeToString(deterministic=True)
    )


def check_migration(bundle: Bundle, config: configtx_pb2.Config, version: Version) -> None:
    """Raise ConfigError unless SmartBFT can take over from Raft (msgprocessor/maintenancefilter.go)."""
    orderer = config.channel_group.groups["Orderer"]
    consensus = orderer_pb2.ConsensusType.FromString(orderer.values["ConsensusType"].value)
    try:
        options = smartbft_pb2.Options.FromString(consensus.metadata)
    except DecodeError as fault:
        raise ConfigError(f"failed to unmarshal BFT metadata configuration: {INVALID_WIRE_FORMAT}") from fault
    if not _usable(options):
        raise ConfigError("invalid BFT metadata configuration")
    try:
        _check_mapping(bundle, orderer, version)
    except ConfigError as fault:
        raise ConfigError(f"invalid BFT consenter mapping configuration: {fault}") from fault


def _usable(options: smartbft_pb2.Options) -> bool:
    """Durations and numbers that SmartBFT can start with (vendor SmartBFT, pkg/types/config.go)."""
    durations = (
        *(
            options.request_batch_max_interval,
            options.request_forward_timeout,
            options.request_complain_timeout,
        ),
        *(
            options.request_auto_remove_timeout,
            options.view_change_resend_interval,
            options.view_change_timeout,
        ),
        *(options.leader_heartbeat_timeout, options.collect_timeout),
    )
    numbers = (
        *(options.request_batch_max_count, options.request_batch_max_bytes, options.leader_heartbeat_count),
        *(options.incoming_message_buffer_size, options.request_pool_size),
    )
    try:
        return all(go_duration(text) > 0 for text in durations) and all(number > 0 for number in numbers)
    except ValueError:
        # Not a duration: as unusable as a duration of nothing.
        return False


def _check_mapping(bundle: Bundle, orderer: configtx_pb2.ConfigGroup, version: Version) -> None:
    raft = etcdraft_pb2.ConfigMetadata.FromString(bundle.consensus_metadata).consenters
    value = orderer.values["Orderers"].value if "Orderers" in orderer.values else b""
    bft = configuration_pb2.Orderers.FromString(value).consenter_mapping
    if not bft:
        raise ConfigError("Invalid new config: bft consenters are missing")
    if len(raft) != len(bft):
        raise ConfigError(
            f"Invalid new config: the number of bft consenters: {len(bft)} is not equal to the number of "
            f"raft consenters: {len(raft)}"
        )
    there = {(each.host, each.port, each.server_tls_cert, each.client_tls_cert) for each in bft}
    for each in raft:
        if (each.host, each.port, each.server_tls_cert, each.client_tls_cert) not in there:
            raise ConfigError(f"No suitable BFT consenter for Raft consenter: {go_print(each, version)}")
