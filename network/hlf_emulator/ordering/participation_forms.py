"""What is handed in over the participation API: forms, join blocks, config updates.

Texts follow orderer/common/channelparticipation (restapi.go, validator.go) and Go's mime/multipart.
"""

import hashlib
import re

from fabric_protos.common import common_pb2, configtx_pb2
from google.protobuf.message import DecodeError

from hlf_emulator.go.text import INVALID_WIRE_FORMAT
from hlf_emulator.membership.bundle import ConfigError, config_envelope
from hlf_emulator.ordering.channel_config import check_config
from hlf_emulator.ports.rest import Request
from hlf_emulator.version import Version

_MAX_CHANNEL = 249
_CHANNEL = re.compile(r"[a-z][a-z0-9.-]*")
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf';\s*({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_NAME}))\s*')


class FormError(Exception):
    """What was handed in cannot be used; the text is Fabric's."""


def form_file(request: Request, key: str) -> bytes:
    """The one file of a multipart form. Raises FormError when it is missing or not alone."""
    boundary = _parameters(request.headers.get("content-type", "")).get("boundary", "")
    unread = "cannot read form from request body"
    if not boundary:
        raise FormError(f"{unread}: multipart: boundary is empty")
    if request.too_large:
        raise FormError(f"{unread}: http: request body too large")
    parts = (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode("latin-1"))
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise FormError(f"{unread}: multipart: NextPart: EOF")
    files: dict[str, bytes] = {}
    fields = 0
    for part in parts[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="?([^";\r\n]+)"?', head)
        if name is None:
            continue
        if b"filename=" in head:
            files[name.group(1).decode("latin-1")] = content
        else:
            fields += 1
    if key not in files:
        raise FormError(f"form does not contains part key: {key}")
    if len(files) != 1 or fields:
        raise FormError("form contains too many parts")
    return files[key]


def _parameters(content_type: str) -> dict[str, str]:
    rest = content_type.partition(";")[1] + content_type.partition(";")[2]
    found: dict[str, str] = {}
    while rest.strip() not in {"", ";"}:
        parameter = _PARAMETER.match(rest)
        if parameter is None:
            raise FormError("cannot parse Mime media type: mime: invalid media parameter")
        found[parameter[1].lower()] = parameter[2] if parameter[2] is not None else parameter[3]
        rest = rest[parameter.end() :]
    return found


def parse_block(content: bytes) -> common_pb2.Block:
    """The block of a join. Raises FormError."""
    try:
        return common_pb2.Block.FromString(content)
    except DecodeError as error:
        raise FormError(
            f"cannot unmarshal file part config-block into a block: {INVALID_WIRE_FORMAT}"
        ) from error


def validate_join_block(block: common_pb2.Block, version: Version) -> str:
    """The channel that the block configures. Raises FormError when a channel cannot be joined by it."""
    prefix = "invalid join block: "
    try:
        channel, envelope = config_envelope(block)
    except ConfigError as error:
        raise FormError(f"{prefix}block is not a config block") from error
    if version.join_checks:
        if not block.HasField("metadata") or not block.metadata.metadata:
            raise FormError(f"{prefix}invalid block: does not have metadata")
        if hashlib.sha256(b"".join(block.data.data)).digest() != block.header.data_hash:
            raise FormError(f"{prefix}invalid block: Header.DataHash is different from Hash(block.Data)")
    try:
        check_config(envelope.config, version)
    except ConfigError as error:
        raise FormError(f"{prefix}{error}") from error
    fault = channel_id_fault(channel)
    if fault:
        raise FormError(f"{prefix}initializing configtx manager failed: bad channel ID: {fault}")
    if "Application" not in envelope.config.channel_group.groups:
        wanted = "have at least one of application or consortiums"
        if not version.system_channel:
            wanted = "contain application config"
        raise FormError(f"{prefix}invalid config: must {wanted}")
    return channel


def channel_id_fault(channel: str) -> str:
    """Why a channel cannot have that name (configtx/validator.go:58); empty when it can."""
    if not channel:
        return "channel ID illegal, cannot be empty"
    if len(channel) > _MAX_CHANNEL:
        return f"channel ID illegal, cannot be longer than {_MAX_CHANNEL}"
    if _CHANNEL.fullmatch(channel) is None:
        return f"'{channel}' contains illegal characters"
    return ""


def parse_update(content: bytes) -> tuple[common_pb2.Envelope, str]:
    """A config update and the channel that it is for. Raises FormError."""
    try:
        envelope = common_pb2.Envelope.FromString(content)
    except DecodeError as error:
        raise FormError(
            f"cannot unmarshal file part config-update-envelope into an envelope: {INVALID_WIRE_FORMAT}"
        ) from error
    try:
        return envelope, _updated_channel(envelope)
    except FormError as error:
        raise FormError(f"invalid config update envelope: {error}") from error


def _updated_channel(envelope: common_pb2.Envelope) -> str:
    try:
        payload = common_pb2.Payload.FromString(envelope.payload)
    except DecodeError as error:
        raise FormError("bad payload") from error
    if not payload.HasField("header") or not payload.header.channel_header:
        raise FormError("bad header")
    try:
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    except DecodeError as error:
        raise FormError("could not unmarshall channel header") from error
    if header.type != common_pb2.CONFIG_UPDATE:
        raise FormError("bad type")
    if not header.channel_id:
        raise FormError("empty channel id")
    try:
        update = configtx_pb2.ConfigUpdateEnvelope.FromString(payload.data)
    except DecodeError as error:
        raise FormError(
            f"error unmarshalling message for type CONFIG_UPDATE: {INVALID_WIRE_FORMAT}"
        ) from error
    try:
        return configtx_pb2.ConfigUpdate.FromString(update.config_update).channel_id
    except DecodeError as error:
        raise FormError(INVALID_WIRE_FORMAT) from error
