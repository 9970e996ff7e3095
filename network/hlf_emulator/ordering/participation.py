"""The channel participation API of one orderer (orderer/common/channelparticipation/restapi.go)."""

import html
import http
import posixpath
import re
from urllib.parse import quote, unquote

from hlf_emulator.membership.bundle import ConfigError
from hlf_emulator.ordering.message_processor import Rejected
from hlf_emulator.ordering.orderer import JoinError, Orderer, request_id
from hlf_emulator.ordering.participation_forms import (
    FormError,
    channel_id_fault,
    form_file,
    parse_block,
    parse_update,
    validate_join_block,
)
from hlf_emulator.ordering.sequencer import Sequencer
from hlf_emulator.ports.rest import Request, Response, json_response

_ROOT = "/participation/v1"
BASE = f"{_ROOT}/channels"
_ONE = re.compile(rf"{BASE}/([^/]+)")
_BLOCK = re.compile(rf"{BASE}/([^/]+)/blocks/([^/]+)")
_FOUND = 302
_JOIN_STATUS = {"exists": 405, "unknown": 404}
_NO_STORE = {"Cache-Control": "no-store"}


class ParticipationApi:
    """Join, list, leave, update a channel and fetch its blocks."""

    def __init__(self, orderer: Orderer) -> None:
        self._orderer = orderer

    async def handle(self, request: Request) -> Response:
        """Answer one request. TLS has asked for a client certificate already."""
        path = unquote(request.path)
        if path != clean_path(path):
            return _redirect(request, 307, quote(clean_path(path)))
        if path == _ROOT:
            return _redirect(request, 307, f"{_ROOT}/")
        if path == f"{_ROOT}/":
            return _redirect(request, 302, BASE) if request.method == "GET" else Response(405)
        if path == BASE:
            return self._collection(request)
        one = _ONE.fullmatch(path)
        if one is not None:
            return self._one(request, one[1])
        block = _BLOCK.fullmatch(path)
        if block is not None and self._orderer.version.updates_and_blocks:
            return self._block(request, block[1], block[2])
        return Response(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})

    def _collection(self, request: Request) -> Response:
        if request.method == "GET":
            return _unacceptable(request) or self._list()
        taken = ["POST", "PUT"] if self._orderer.version.updates_and_blocks else ["POST"]
        if request.method not in taken:
            return _not_allowed(f"invalid request method: {request.method}", ", ".join(["GET", *taken]))
        content_type = request.headers.get("content-type", "")
        # Fabric looks for this text anywhere in the header (restapi.go, HeadersRegexp).
        if "multipart/form-dat" not in content_type:
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
        return json_response(200, self._info(sequencer, self._orderer.height(sequencer)), _NO_STORE)

    def _list(self) -> Response:
        names = sorted(self._orderer.channels)
        channels = [{"name": name, "url": f"{BASE}/{name}"} for name in names]
        return json_response(200, {"systemChannel": None, "channels": channels or None}, _NO_STORE)

    def _info(self, sequencer: Sequencer, height: int, status: str = "active") -> dict[str, object]:
        consenter = self._orderer.is_consenter(sequencer)
        return {
            "name": sequencer.channel,
            "url": f"{BASE}/{sequencer.channel}",
            "consensusRelation": "consenter" if consenter else "follower",
            "status": status,
            "height": height,
        }

    def _join(self, request: Request) -> Response:
        try:
            block = parse_block(form_file(request, "config-block"))
            channel = validate_join_block(block, self._orderer.version)
        except FormError as error:
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
        # Who is no consenter, or not from the first block on, starts by fetching the blocks of others.
        started = block.header.number == 0 and self._orderer.is_consenter(sequencer)
        info = self._info(sequencer, 1) if started else self._info(sequencer, 0, "onboarding")
        return json_response(201, info, {"Location": f"{BASE}/{channel}"})

    def _update(self, request: Request) -> Response:
        try:
            envelope, channel = parse_update(form_file(request, "config-update-envelope"))
        except FormError as error:
            return _error(400, str(error))
        sequencer = self._orderer.chain(channel)
        if sequencer is None:
            if channel in self._orderer.channels:
                return _error(403, "cannot update: channel is not ready, he is a follower")
            return _error(405, "cannot update: channel does not exist")
        failed = f"cannot update: failed update config of channel {channel}"
        try:
            config = self._orderer.config_transaction(sequencer, envelope)
        except Rejected as rejected:
            return _error(400, f"{failed}: {rejected}")
        try:
            self._orderer.configure(sequencer, request_id(envelope), config)
        except Rejected as rejected:
            return _error(400, f"{failed} with SERVICE_UNAVAILABLE: rejected by Configure: {rejected}")
        info = self._info(sequencer, self._orderer.height(sequencer))
        return json_response(201, info, {"Location": f"{BASE}/{channel}"})

    def _block(self, request: Request, channel: str, wanted: str) -> Response:
        if request.method != "GET":
            return _not_allowed(f"invalid request method: {request.method}", "GET")
        refused = _unacceptable(request) or _invalid_channel(channel)
        if refused is not None:
            return refused
        if wanted not in {"newest", "oldest", "config"} and not _is_number(wanted):
            text = f"invalid block ID: '{wanted}' not equal <newest|oldest|config|(number)>"
            answer = _error(400, text)
            # Fabric writes this answer twice (restapi.go:326 and :541).
            return Response(400, answer.body * 2, answer.headers)
        sequencer = self._orderer.chain(channel)
        if sequencer is None:
            if channel in self._orderer.channels:
                return _error(404, "channel is not ready, he is a follower")
            return _error(404, "channel does not exist")
        blocks = self._orderer.blocks(sequencer)
        named = {
            "newest": blocks.height - 1,
            "oldest": 0,
            "config": min(sequencer.last_config, blocks.height - 1),
        }
        # A negative number is taken for a very large one, as Go converts it.
        number = named[wanted] if wanted in named else int(wanted) % 2**64
        try:
            block = blocks.block(number)
        except IndexError:
            return _error(404, f"no such block number [{number}] in index")
        headers = {"Content-Type": "application/octet-stream", **_NO_STORE}
        return Response(200, block.SerializeToString(), headers)


def clean_path(path: str) -> str:
    """The path without empty, `.` and `..` parts, as Go's ServeMux redirects to."""
    cleaned = posixpath.normpath("/" + path.lstrip("/"))
    return cleaned + "/" if path.endswith("/") and cleaned != "/" else cleaned


def _redirect(request: Request, status: int, location: str) -> Response:
    """As Go's http.Redirect: with a link in it for those who GET."""
    target = f"{location}?{request.query}" if request.query and status != _FOUND else location
    headers = {"Location": target}
    body = b""
    if request.method in {"GET", "HEAD"}:
        headers["Content-Type"] = "text/html; charset=utf-8"
        reason = http.HTTPStatus(status).phrase
        body = f'<a href="{html.escape(target)}">{reason}</a>.\n\n'.encode()
    return Response(status, body, headers)


def _is_number(text: str) -> bool:
    """What Go's strconv.Atoi reads."""
    if re.fullmatch(r"[+-]?[0-9]+", text) is None:
        return False
    return -(2**63) <= int(text) < 2**63


def _invalid_channel(channel: str) -> Response | None:
    fault = channel_id_fault(channel)
    return _error(400, f"invalid channel ID: {fault}") if fault else None


def _unacceptable(request: Request) -> Response | None:
    accepted = request.headers.get("accept", "")
    if not accepted or any(kind in accepted for kind in ("application/json", "application/*", "*/*")):
        return None
    return _error(406, "response Content-Type is application/json only")


def _not_allowed(message: str, allow: str) -> Response:
    return json_response(405, {"error": message}, {"Allow": allow})


def _error(status: int, message: str) -> Response:
    return json_response(status, {"error": message})
