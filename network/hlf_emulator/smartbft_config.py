"""What SmartBFT asks of a new configuration (orderer/consensus/smartbft/configverifier.go)."""

from fabric_protos.common import configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.orderer.smartbft import configuration_pb2 as smartbft_pb2
from google.protobuf.message import DecodeError

from hlf.wire.consensus import bft_quorum
from hlf_emulator.bundle import ConfigError
from hlf_emulator.rpc_status import INVALID_WIRE_FORMAT


def check_consenters(config: configtx_pb2.Config) -> None:
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
            f"block validation policy should be a signature policy: {_text(wanted)} but it is "
            f"{_text(actual)} instead"
        )
    if "ConsensusType" not in orderer.values:
        raise ConfigError("missing consensus type property in config")
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


def _text(policy: policies_pb2.Policy) -> str:
    """As Go prints a protobuf message."""
    escaped = "".join(
        _ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in policy.value
    )
    parts = [f"type:{policy.type}"] if policy.type else []
    return " ".join([*parts, f'value:"{escaped}"'] if policy.value else parts)


_ESCAPES = {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", ord('"'): '\\"', ord("\\"): "\\\\"}
