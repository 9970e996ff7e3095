"""What Raft asks of a new configuration (orderer/consensus/etcdraft/chain.go, ValidateConsensusMetadata)."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from fabric_protos.common import configtx_pb2
from fabric_protos.msp import msp_config_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.orderer.etcdraft import configuration_pb2 as etcdraft_pb2
from google.protobuf.message import DecodeError

from hlf.wire.consensus import BFT, RAFT
from hlf_emulator.go.text import INVALID_WIRE_FORMAT
from hlf_emulator.membership.bundle import Bundle, ConfigError
from hlf_emulator.ordering.channel_config import go_duration


def check_raft_metadata(bundle: Bundle, config: configtx_pb2.Config) -> None:
    """Raise ConfigError where a channel that Raft orders cannot take the configuration."""
    try:
        _check(bundle, config)
    except ConfigError as fault:
        raise ConfigError(
            f"consensus metadata update for channel config update is invalid: {fault}"
        ) from fault


def _check(bundle: Bundle, config: configtx_pb2.Config) -> None:
    orderer = config.channel_group.groups["Orderer"]
    consensus = orderer_pb2.ConsensusType.FromString(orderer.values["ConsensusType"].value)
    if not consensus.metadata or consensus.type == BFT:
        return
    if consensus.type != RAFT:
        # Fabric's orderer panics here.
        raise ConfigError(
            f"illegal consensus type detected during consensus metadata validation: {consensus.type}"
        )
    try:
        metadata = etcdraft_pb2.ConfigMetadata.FromString(consensus.metadata)
    except DecodeError as fault:
        raise ConfigError(
            f"failed to unmarshal new etcdraft metadata configuration: {INVALID_WIRE_FORMAT}"
        ) from fault
    try:
        _check_metadata(metadata, _tls_roots(orderer))
    except ConfigError as fault:
        raise ConfigError(f"invalid new config metadata: {fault}") from fault
    before = etcdraft_pb2.ConfigMetadata.FromString(bundle.consensus_metadata)
    known = [each.client_tls_cert for each in before.consenters]
    wanted = [each.client_tls_cert for each in metadata.consenters]
    added = sum(each not in known for each in wanted)
    removed = sum(each not in wanted for each in known)
    if added > 1 or removed > 1:
        raise ConfigError(
            "update of more than one consenter at a time is not supported, requested changes: "
            f"add {added} node(s), remove {removed} node(s)"
        )


def _check_metadata(metadata: etcdraft_pb2.ConfigMetadata, roots: Sequence[x509.Certificate]) -> None:
    if not metadata.HasField("options"):
        raise ConfigError("nil Raft config metadata options")
    options = metadata.options
    if 0 in {options.heartbeat_tick, options.election_tick, options.max_inflight_blocks}:
        raise ConfigError(
            f"none of HeartbeatTick ({options.heartbeat_tick}), ElectionTick ({options.election_tick}) and "
            f"MaxInflightBlocks ({options.max_inflight_blocks}) can be zero"
        )
    if options.election_tick <= options.heartbeat_tick:
        raise ConfigError(
            f"ElectionTick ({options.election_tick}) must be greater than HeartbeatTick "
            f"({options.heartbeat_tick})"
        )
    try:
        tick = go_duration(options.tick_interval)
    except ValueError as fault:
        raise ConfigError(
            f"failed to parse TickInterval ({options.tick_interval}) to time duration: {fault}"
        ) from fault
    if tick == 0:
        raise ConfigError("TickInterval cannot be zero")
    if not metadata.consenters:
        raise ConfigError("empty consenter set")
    for consenter in metadata.consenters:
        _check_certificates(consenter, roots)
    seen: set[bytes] = set()
    for consenter in metadata.consenters:
        own = {consenter.server_tls_cert, consenter.client_tls_cert}
        if own & seen:
            server, client = consenter.server_tls_cert.decode(), consenter.client_tls_cert.decode()
            raise ConfigError(f"duplicate consenter: server cert: {server}, client cert: {client}")
        seen |= own


def _check_certificates(consenter: etcdraft_pb2.Consenter, roots: Sequence[x509.Certificate]) -> None:
    """Signed by the TLS authority of an orderer organization; whether they ran out is not asked."""
    address = f"{consenter.host}:{consenter.port}"
    named: list[tuple[str, x509.Certificate]] = []
    for use, pem in (("client", consenter.client_tls_cert), ("server", consenter.server_tls_cert)):
        try:
            named.append((use, x509.load_pem_x509_certificate(pem)))
        except (ValueError, x509.InvalidVersion) as fault:
            raise ConfigError(
                f"consenter {address} has invalid certificate: parsing tls {use} cert of {address}: no PEM "
                f"data found in cert[{pem.hex(' ')}]"
            ) from fault
    for use, certificate in named:
        if not any(_issued(certificate, root) for root in roots):
            raise ConfigError(
                f"consenter {address} has invalid certificate: verifying tls {use} cert with serial number "
                f"{certificate.serial_number}: x509: certificate signed by unknown authority"
            )


def _issued(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _tls_roots(orderer: configtx_pb2.ConfigGroup) -> list[x509.Certificate]:
    found: list[x509.Certificate] = []
    for name in orderer.groups:
        value = orderer.groups[name].values["MSP"].value
        fabric = msp_config_pb2.FabricMSPConfig.FromString(msp_config_pb2.MSPConfig.FromString(value).config)
        for pem in (*fabric.tls_root_certs, *fabric.tls_intermediate_certs):
            found.append(x509.load_pem_x509_certificate(pem))
    return found
