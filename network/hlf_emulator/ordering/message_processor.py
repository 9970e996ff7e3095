"""What an orderer asks of a message before it is ordered (orderer/common/msgprocessor)."""

from datetime import UTC, datetime

from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from google.protobuf.message import DecodeError

from hlf.identity import SigningIdentity
from hlf.wire.consensus import BFT
from hlf_emulator.go.text import INVALID_WIRE_FORMAT
from hlf_emulator.membership.bundle import Bundle, ConfigError
from hlf_emulator.membership.msp import MspError
from hlf_emulator.membership.policies import PolicyError, SignedData
from hlf_emulator.ordering.config_update import ConfigUpdateError, config_transaction
from hlf_emulator.ordering.smartbft_config import check_migration
from hlf_emulator.version import Version

_State = orderer_pb2.ConsensusType.State


class Rejected(Exception):  # noqa: N818 - an answer of Broadcast
    """A message that is not ordered: the answer's status and info."""

    def __init__(self, status: common_pb2.Status.ValueType, info: str) -> None:
        super().__init__(info)
        self.status = status
        self.info = info

    def before(self, what: str) -> "Rejected":
        """The same, with what was being done put before it."""
        return Rejected(self.status, f"{what}: {self.info}")


def process_normal(bundle: Bundle, envelope: common_pb2.Envelope) -> None:
    """Check a transaction. Raises Rejected."""
    if bundle.in_maintenance:
        raise Rejected(common_pb2.SERVICE_UNAVAILABLE, "normal transactions are rejected: maintenance mode")
    _filter(bundle, envelope)


def process_config_update(
    bundle: Bundle, envelope: common_pb2.Envelope, orderer: SigningIdentity, nonce: bytes, version: Version
) -> common_pb2.Envelope:
    """The CONFIG transaction that a config update leads to, signed by ``orderer``. Raises Rejected."""
    try:
        _filter(bundle, envelope)
    except Rejected as refusal:
        raise refusal.before(_not_passed("initial")) from refusal
    try:
        config = config_transaction(bundle, envelope, orderer, nonce, version)
    except (ConfigUpdateError, ConfigError) as error:
        raise Rejected(
            common_pb2.BAD_REQUEST,
            f"error applying config update to existing channel '{bundle.channel}': {error}",
        ) from error
    try:
        _filter(bundle, config)
    except Rejected as refusal:
        raise refusal.before(_not_passed("final")) from refusal
    try:
        _check_maintenance(bundle, config, version)
    except ConfigError as error:
        text = f"{_not_passed('maintenance')}: config transaction inspection failed: {error}"
        raise Rejected(common_pb2.BAD_REQUEST, text) from error
    return config


def _not_passed(checks: str) -> str:
    return f"config update for existing channel did not pass {checks} checks"


def config_of(envelope: common_pb2.Envelope) -> configtx_pb2.Config:
    """The configuration that a CONFIG transaction brings."""
    payload = common_pb2.Payload.FromString(envelope.payload)
    return configtx_pb2.ConfigEnvelope.FromString(payload.data).config


def _filter(bundle: Bundle, envelope: common_pb2.Envelope) -> None:
    """Size, expiry, signature (standardchannel.go:65)."""
    size = len(envelope.payload) + len(envelope.signature)
    allowed = bundle.batch.absolute_max_bytes
    if size > allowed:
        raise Rejected(
            common_pb2.BAD_REQUEST,
            f"message payload is {size} bytes and exceeds maximum allowed {allowed} bytes",
        )
    header = common_pb2.Payload.FromString(envelope.payload).header
    try:
        creator = common_pb2.SignatureHeader.FromString(header.signature_header).creator
    except DecodeError as error:
        raise Rejected(
            common_pb2.BAD_REQUEST,
            "could not convert message to signedData: GetSignatureHeaderFromBytes failed, err "
            f"{INVALID_WIRE_FORMAT}",
        ) from error
    if _expired(bundle, creator):
        raise Rejected(common_pb2.BAD_REQUEST, "broadcast client identity expired")
    # In maintenance only orderers may write (sigfilter.go).
    path = "/Channel/Orderer/Writers" if bundle.in_maintenance else "/Channel/Writers"
    try:
        bundle.policies.evaluate(path, [SignedData(envelope.payload, creator, envelope.signature)])
    except PolicyError as error:
        raise Rejected(common_pb2.FORBIDDEN, f"{error}: permission denied") from error


def _expired(bundle: Bundle, creator: bytes) -> bool:
    try:
        return bundle.msps.deserialize(creator).expired(datetime.now(UTC))
    except MspError:
        # Whoever the channel does not know fails at the signature policy, with that text.
        return False


def _check_maintenance(bundle: Bundle, envelope: common_pb2.Envelope, version: Version) -> None:
    """Raise ConfigError where maintenance mode or the consensus may not change so (maintenancefilter.go)."""
    content = configtx_pb2.ConfigEnvelope.FromString(common_pb2.Payload.FromString(envelope.payload).data)
    before = _consensus(bundle.config)
    after = _consensus(content.config)
    states = f"from {_State.Name(before.state)} to {_State.Name(after.state)}"
    types = f"from {before.type} to {after.type}"
    if before.state != after.state:
        _check_consensus_only(content.last_update)
        if before.type != after.type:
            raise ConfigError(
                f"attempted to change ConsensusType.Type {types}, but ConsensusType.State is changing "
                f"{states}"
            )
        if before.metadata != after.metadata:
            raise ConfigError(
                f"attempted to change ConsensusType.Metadata, but ConsensusType.State is changing {states}"
            )
    if before.type == after.type:
        return
    for config, which in ((before, "current"), (after, "next")):
        if config.state == orderer_pb2.ConsensusType.STATE_NORMAL:
            raise ConfigError(
                f"attempted to change consensus type {types}, but {which} config ConsensusType.State is not "
                "in maintenance mode"
            )
    if after.type != BFT or not version.smartbft:
        raise ConfigError(f"attempted to change consensus type {types}, transition not supported")
    check_migration(bundle, content.config, version)


def _consensus(config: configtx_pb2.Config) -> orderer_pb2.ConsensusType:
    value = config.channel_group.groups["Orderer"].values["ConsensusType"].value
    return orderer_pb2.ConsensusType.FromString(value)


def _check_consensus_only(last_update: common_pb2.Envelope) -> None:
    payload = common_pb2.Payload.FromString(last_update.payload)
    update = configtx_pb2.ConfigUpdate.FromString(
        configtx_pb2.ConfigUpdateEnvelope.FromString(payload.data).config_update
    )
    written = update.write_set
    if written.values:
        raise ConfigError("config update contains changes to values in group Channel")
    if len(written.groups) > 1:
        raise ConfigError("config update contains changes to more than one group")
    orderer = written.groups["Orderer"]
    if orderer.groups:
        raise ConfigError("config update contains changes to groups within the Orderer group")
    if len(orderer.values) > 1:
        raise ConfigError("config update contain more then just the ConsensusType value in the Orderer group")
