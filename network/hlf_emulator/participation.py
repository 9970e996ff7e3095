"""The channel participation API of one orderer (orderer/common/channelparticipation/restapi.go)."""

import hashlib
import re

from fabric_protos.common import common_pb2, configtx_pb2
from google.protobuf.message import DecodeError

from hlf_emulator.bundle import ConfigError, config_envelope
from hlf_emulator.orderer import JoinError, Orderer
from hlf_emulator.rest import Request, Response, json_response
from hlf_emulator.rpc_status import INVALID_WIRE_FORMAT
from hlf_emulator.sequencer import Sequencer

BASE = "/participation/v1/channels"
_CHANNEL = re.compile(r"[a-z][a-z0-9.-]*")
_JOIN_STATUS = {"exists": 405, "unknown": 404}
_NO_STORE = {"Cache-Control": "no-store"}


class ParticipationApi:
    """Join, list, leave, update a channel and fetch its blocks."""

    def __init__(self, orderer: Orderer) -> None:
        self._orderer = orderer

    async def handle(self, request: Request) -> Response:
        """Answer one request; without a client certificate nothing is answered but 401."""
        if not request.client_certificate:
            return Response(401)
        if request.path == "/participation/v1" and request.method == "GET":
            return Response(302, headers={"Location": BASE})
        if request.path != BASE and not request.path.startswith(BASE + "/"):
            return Response(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})
        parts = [part for part in request.path.removeprefix(BASE).split("/") if part]
        if not parts:
            return self._collection(request)
        if len(parts) == 1:
            return self._one(request, parts[0])
        if len(parts) == 3 and parts[1] == "blocks":
            return self._block(request, parts[0], parts[2])
        return Response(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})

    def _collection(self, request: Request) -> Response:
        if request.method == "GET":
            return _unacceptable(request) or self._list()
        if request.method not in {"POST", "PUT"}:
            return _not_allowed(f"invalid request method: {request.method}", "GET, POST, PUT")
        content_type = request.headers.get("content-type", "")
        if not content_type.startswith("multipart/form-data"):
            return _error(400, f"unsupported Content-Type: [{content_type}]")
        if request.method == "POST":
            return _unacceptable(request) or self._join(request)
        return _unacceptable(request) or self._update(request)

    def _one(self, request: Request, channel: str) -> Response:
        if request.method not in {"GET", "DELETE"}:
            return _not_allowed(f"invalid request method: {request.method}", "GET, DELETE")
        refused = _unacceptable(request) or _invalid_channel(channel)
        if refused is not None:
            return refused
        if request.method == "DELETE":
            try:
                self._orderer.leave(channel)
            except JoinError as error:
                return _error(_JOIN_STATUS.get(error.kind, 400), f"cannot remove: {error}")
            return Response(204)
        sequencer = self._orderer.channels.get(channel)
        if sequencer is None:
            return _error(404, "channel does not exist")
        return json_response(200, self._info(sequencer), _NO_STORE)

    def _list(self) -> Response:
        names = sorted(self._orderer.channels)
        channels = [{"name": name, "url": f"{BASE}/{name}"} for name in names]
        return json_response(200, {"systemChannel": None, "channels": channels or None}, _NO_STORE)

    def _info(self, sequencer: Sequencer) -> dict[str, object]:
        consenter = sequencer.is_consenter(self._orderer.name)
        return {
            "name": sequencer.channel,
            "url": f"{BASE}/{sequencer.channel}",
            "consensusRelation": "consenter" if consenter else "follower",
            "status": "active",
            "height": sequencer.height,
        }

    def _join(self, request: Request) -> Response:
        try:
            content = _form_file(request, "config-block")
            block = _parse_block(content)
            channel = validate_join_block(block)
        except _FormError as error:
            return _error(400, str(error))
        try:
            sequencer = self._orderer.join(channel, block)
        except JoinError as error:
            text = f"cannot join: {error}"
            if error.kind == "exists":
                return _not_allowed(text, "GET, DELETE")
            return _error(400, text)
        except ConfigError as error:
            return _error(400, f"cannot join: {error}")
        return json_response(201, self._info(sequencer), {"Location": f"{BASE}/{channel}"})

    def _update(self, request: Request) -> Response:
        try:
            envelope, channel = _parse_update(_form_file(request, "config-update-envelope"))
        except _FormError as error:
            return _error(400, str(error))
        sequencer = self._orderer.channels.get(channel)
        if sequencer is None:
            return _not_allowed("cannot update: channel does not exist", "GET, POST, PUT")
        if not sequencer.is_consenter(self._orderer.name):
            return _error(403, "cannot update: channel is not ready, he is a follower")
        answer = self._orderer.broadcast(envelope)
        if answer.status != common_pb2.SUCCESS:
            return _error(400, f"cannot update: {answer.info}")
        return json_response(201, self._info(sequencer), {"Location": f"{BASE}/{channel}"})

    def _block(self, request: Request, channel: str, wanted: str) -> Response:
        if request.method != "GET":
            return _not_allowed(f"invalid request method: {request.method}", "GET")
        refused = _unacceptable(request) or _invalid_channel(channel)
        if refused is not None:
            return refused
        if wanted not in {"newest", "oldest", "config"} and not wanted.lstrip("+-").isdigit():
            text = f"invalid block ID: '{wanted}' not equal <newest|oldest|config|(number)>"
            answer = _error(400, text)
            # Fabric writes this answer twice (restapi.go:326 and :541).
            return Response(400, answer.body * 2, answer.headers)
        sequencer = self._orderer.channels.get(channel)
        if sequencer is None:
            return _error(404, "channel does not exist")
        named = {"newest": sequencer.height - 1, "oldest": 0, "config": sequencer.last_config}
        number = named[wanted] if wanted in named else int(wanted)
        try:
            block = sequencer.block(number)
        except IndexError:
            return _error(404, f"no such block number [{number}] in index")
        headers = {"Content-Type": "application/octet-stream", **_NO_STORE}
        return Response(200, block.SerializeToString(), headers)


class _FormError(Exception):
    pass


def validate_join_block(block: common_pb2.Block) -> str:
    """The channel that the block configures. Raises when a channel cannot be joined by it."""
    prefix = "invalid join block: "
    if not block.data.data:
        raise _FormError(f"{prefix}block is not a config block")
    try:
        channel, envelope = config_envelope(block)
    except ConfigError as error:
        raise _FormError(f"{prefix}{error}") from error
    if not block.HasField("metadata") or not block.metadata.metadata:
        raise _FormError(f"{prefix}invalid block: does not have metadata")
    if hashlib.sha256(b"".join(block.data.data)).digest() != block.header.data_hash:
        raise _FormError(f"{prefix}invalid block: Header.DataHash is different from Hash(block.Data)")
    if "Application" not in envelope.config.channel_group.groups:
        raise _FormError(f"{prefix}invalid config: must contain application config")
    return channel


def _parse_block(content: bytes) -> common_pb2.Block:
    try:
        return common_pb2.Block.FromString(content)
    except DecodeError as error:
        raise _FormError(
            f"cannot unmarshal file part config-block into a block: {INVALID_WIRE_FORMAT}"
        ) from error


def _parse_update(content: bytes) -> tuple[common_pb2.Envelope, str]:
    prefix = "invalid config update envelope: "
    try:
        envelope = common_pb2.Envelope.FromString(content)
        payload = common_pb2.Payload.FromString(envelope.payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    except DecodeError as error:
        raise _FormError(
            f"cannot unmarshal file part config-update-envelope into an envelope: {INVALID_WIRE_FORMAT}"
        ) from error
    if not payload.HasField("header"):
        raise _FormError(f"{prefix}bad header")
    if header.type != common_pb2.CONFIG_UPDATE:
        raise _FormError(f"{prefix}bad type")
    if not header.channel_id:
        raise _FormError(f"{prefix}empty channel id")
    try:
        update = configtx_pb2.ConfigUpdateEnvelope.FromString(payload.data)
        channel = configtx_pb2.ConfigUpdate.FromString(update.config_update).channel_id
    except DecodeError as error:
        raise _FormError(f"{prefix}{error}") from error
    return envelope, channel


def _form_file(request: Request, key: str) -> bytes:
    """The one file of a multipart form. Raises when it is missing or not alone."""
    found = re.search(r'boundary="?([^";]+)"?', request.headers.get("content-type", ""))
    if found is None:
        raise _FormError("cannot read form from request body: multipart: boundary is empty")
    delimiter = b"\r\n--" + found.group(1).encode("latin-1")
    parts = (b"\r\n" + request.body).split(delimiter)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise _FormError("cannot read form from request body: multipart: NextPart: EOF")
    files: dict[str, bytes] = {}
    for part in parts[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="?([^";\r\n]+)"?', head)
        if name is not None:
            files[name.group(1).decode("latin-1")] = content
    if key not in files:
        raise _FormError(f"form does not contains part key: {key}")
    if len(files) != 1:
        raise _FormError("form contains too many parts")
    return files[key]


def _invalid_channel(channel: str) -> Response | None:
    if len(channel) > 249:
        return _error(400, "invalid channel ID: channel ID illegal, cannot be longer than 249")
    if _CHANNEL.fullmatch(channel) is None:
        return _error(400, f"invalid channel ID: '{channel}' contains illegal characters")
    return None


def _unacceptable(request: Request) -> Response | None:
    accepted = request.headers.get("accept", "")
    if not accepted or any(kind in accepted for kind in ("application/json", "application/*", "*/*")):
        return None
    return _error(406, "response Content-Type is application/json only")


def _not_allowed(message: str, allow: str) -> Response:
    return json_response(405, {"error": message}, {"Allow": allow})


def _error(status: int, message: str) -> Response:
    return json_response(status, {"error": message})
