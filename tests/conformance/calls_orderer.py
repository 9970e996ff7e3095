"""What an orderer is asked: envelopes and seeks spoilt on purpose, and its admin port as bare HTTP."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import ssl
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.orderer import ab_pb2

from hlf.admin.participation import ClientTls
from hlf.identity import SigningIdentity
from hlf.wire.blocks import last_config_index
from hlf.wire.deliver import seek_position
from hlf.wire.proposal import transaction_id
from hlf_network.waiting import wait_until
from tests.conformance.calls import SECONDS, Access, Answer, Case, guarded, sign_envelope
from tests.conformance.calls import endorse as endorsed_envelope
from tests.conformance.calls_deliver import block_shape

_GARBAGE = b"\xff\xff\xff"


# -- envelopes


def build_envelope(
    signer: SigningIdentity, channel: str, spec: Case, data: bytes = b""
) -> common_pb2.Envelope:
    """A signed envelope as `spec` wants it.

    `type`: the header's, by name. `spoil`: what is unreadable (payload, header: left out, channel-header,
    signature-header, creator), or `epoch`, `timestamp` (an hour late), `no-timestamp`. `size`: bytes of data.
    `signature`: wrong or none.
    """
    spoil = spec.get("spoil", "")
    if spoil == "empty":
        return common_pb2.Envelope(signature=b"signature")
    nonce = os.urandom(24)
    creator = signer.serialized()
    if spoil == "creator":
        creator = _GARBAGE
    elif spoil == "certificate":
        creator = identities_pb2.SerializedIdentity(
            mspid=signer.msp_id, id_bytes=b"no certificate"
        ).SerializeToString()
    header = common_pb2.ChannelHeader(
        type=common_pb2.HeaderType.Value(spec.get("type", "ENDORSER_TRANSACTION")),
        channel_id=spec.get("channel", channel),
        tx_id=transaction_id(nonce, creator),
        epoch=1 if spoil == "epoch" else 0,
    )
    if spoil != "no-timestamp":
        sent = time.time_ns() - (3600 * 10**9 if spoil == "timestamp" else 0)
        header.timestamp.seconds, header.timestamp.nanos = divmod(sent, 10**9)
    signature_header = common_pb2.SignatureHeader(creator=creator, nonce=nonce).SerializeToString()
    payload = common_pb2.Payload(data=data + b"\0" * int(spec.get("size", 0)))
    if spoil == "no-channel-header":
        payload.header.signature_header = signature_header
    elif spoil != "header":
        payload.header.channel_header = _GARBAGE if spoil == "channel-header" else header.SerializeToString()
        payload.header.signature_header = _GARBAGE if spoil == "signature-header" else signature_header
    raw = _GARBAGE if spoil == "payload" else payload.SerializeToString()
    signed = {"wrong": lambda: signer.sign(b"another message"), "none": lambda: b""}
    signature = signed.get(spec.get("signature", ""), lambda: signer.sign(raw))()
    return common_pb2.Envelope(payload=raw, signature=signature)


def _broadcast_stream(access: Access, case: Case) -> Answer:
    """Every message of `send` on one stream, and all answers; `again` repeats the one before.

    `endorsed` sends a real transaction of that call instead. `until`: asked again until the last answer has
    these fields.
    """
    if "until" in case:
        return _asked_again(_broadcast_stream, access, case, lambda answer: answer["answers"][-1])
    envelopes: list[common_pb2.Envelope] = []
    for spec in case["send"]:
        if spec.get("again"):
            envelopes.append(envelopes[-1])
        elif "endorsed" in spec:
            _, envelope = endorsed_envelope(access, {**case, "at": None, "call": spec["endorsed"]})
            envelopes.append(sign_envelope(access, case, envelope))
        else:
            signer = access.identity(spec.get("as", case["as"]))
            envelopes.append(build_envelope(signer, case.get("channel", "slice"), spec))
    return guarded(lambda: {"code": "OK", "answers": broadcast_all(access, case["at"], envelopes)})


def _asked_again(
    call: Callable[[Access, Case], Answer],
    access: Access,
    case: Case,
    shown: Callable[[Answer], Mapping[str, Any]],
) -> Answer:
    """The answer that at last has the fields of `until`."""
    once = {name: value for name, value in case.items() if name != "until"}
    answer: Answer = {}

    def reached() -> bool:
        answer.clear()
        answer.update(call(access, once))
        found = shown(answer)
        return all(found.get(name) == value for name, value in case["until"].items())

    wait_until(reached, 60, lambda: f"it still answers {answer}")
    return answer


def broadcast_all(access: Access, node: str, envelopes: list[common_pb2.Envelope]) -> list[Answer]:
    """Send on one stream, half close, and return the answers until the stream ends."""
    stub = access.channel(node).stream_stream(
        "/orderer.AtomicBroadcast/Broadcast",
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=ab_pb2.BroadcastResponse.FromString,
    )
    return [
        {"status": common_pb2.Status.Name(answer.status), "info": answer.info}
        for answer in stub(iter(envelopes), timeout=SECONDS)
    ]


# -- seeks


def _seeks(access: Access, case: Case) -> Answer:
    """Each of `seek` on one orderer's stream; the messages until it ends, or `take` of them.

    A seek: `start`, `stop`: a number, oldest, newest, next, typeless or none at all; `behavior`, `content`,
    `errors`: names of SeekInfo's enums; further what `build_envelope` takes; `data: garbage`.
    """
    envelopes = [_seek(access, case, spec) for spec in case["seek"]]
    stub = access.channel(case["at"]).stream_stream(
        "/orderer.AtomicBroadcast/Deliver",
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=ab_pb2.DeliverResponse.FromString,
    )

    def make() -> Answer:
        stream = stub(iter(envelopes), timeout=SECONDS)
        take = int(case.get("take", 20))
        shown: list[Answer] = []
        try:
            for message in stream:
                shown.append(_delivered(message))
                if len(shown) == take:
                    break
            else:
                shown.append({"ended": True})
        finally:
            stream.cancel()
        return {"code": "OK", "messages": shown}

    return guarded(make)


def _seek(access: Access, case: Case, spec: Case) -> common_pb2.Envelope:
    info = ab_pb2.SeekInfo()
    for end in ("start", "stop"):
        position = spec.get(end, 0)
        if position == "typeless":
            getattr(info, end).SetInParent()
        elif position is not None:
            getattr(info, end).CopyFrom(seek_position(position))
    info.behavior = ab_pb2.SeekInfo.SeekBehavior.Value(spec.get("behavior", "BLOCK_UNTIL_READY"))
    info.content_type = ab_pb2.SeekInfo.SeekContentType.Value(spec.get("content", "BLOCK"))
    info.error_response = ab_pb2.SeekInfo.SeekErrorResponse.Value(spec.get("errors", "STRICT"))
    data = _GARBAGE if spec.get("data") == "garbage" else info.SerializeToString()
    signer = access.identity(spec.get("as", case["as"]))
    return build_envelope(signer, case.get("channel", "slice"), {"type": "DELIVER_SEEK_INFO", **spec}, data)


def _delivered(message: ab_pb2.DeliverResponse) -> Answer:
    if message.WhichOneof("Type") == "status":
        return {"status": common_pb2.Status.Name(message.status)}
    shape = block_shape(message.block)
    first = shape["number"] == 0
    return {
        "block": 0 if first else "later",
        "data": message.block.HasField("data") and bool(message.block.data.data),
        "signed_by": shape["signed_by"],
    }


# -- the admin port as bare HTTP


def _rest(access: Access, case: Case) -> Answer:
    """One HTTP request to an orderer's admin port.

    `method`, `path`, `headers`; `form`: part -> what (`block 0`, `block newest`, `garbage`, `nothing`, …), a
    block from the orderer `from` if not from this one; `body` with `type`; `certificate: none` to come
    without a client's. `until`: asked again until the answer has these fields, `height: all` for as many
    blocks as the orderer `from` has.
    """
    if "until" in case:
        return _until(access, case)
    url, tls = access.admin(case["at"])
    body, content_type = b"", case.get("type", "")
    if "form" in case:
        body, content_type = multipart(
            {part: _content(access, case, str(what)) for part, what in case["form"].items()},
            files=not case.get("fields"),
        )
        content_type = case.get("type", content_type)
    elif "body" in case:
        body = str(case["body"]).encode() * int(case.get("times", 1))
    headers = {str(name): str(value) for name, value in case.get("headers", {}).items()}
    if content_type:
        headers["Content-Type"] = content_type
    return http_call(url, tls, case, headers, body)


def _until(access: Access, case: Case) -> Answer:
    def shown(answer: Answer) -> Mapping[str, Any]:
        document = answer.get("json") or {}
        height = answer.pop("raw_height", 0)
        if case["until"].get("height") == "all":
            newest = fetch_block(access, case["from"], case.get("channel", "slice"), "newest")
            document = {**document, "height": "all" if height > newest.header.number else height}
        return {"status": answer["status"], **document}

    return _asked_again(_rest, access, {**case, "raw": True}, shown)


def multipart(parts: Mapping[str, bytes], *, files: bool = True) -> tuple[bytes, str]:
    """A multipart form and its content type; without `files` the parts are fields."""
    boundary = uuid.uuid4().hex
    body = b""
    for name, content in parts.items():
        file = f'; filename="{name}.pb"' if files else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def http_call(url: str, tls: ClientTls, case: Case, headers: Mapping[str, str], body: bytes) -> Answer:
    """Status, the headers that matter and the body, as JSON where it is."""
    parts = urlsplit(url)
    context = tls.context
    if case.get("certificate") == "none":
        context = ssl.create_default_context(cadata=tls.root_pem.decode())
    assert parts.hostname is not None
    connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=context, timeout=SECONDS)
    try:
        connection.request(case.get("method", "GET"), case["path"], body or None, dict(headers))
        answer = connection.getresponse()
        content = answer.read()
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        # With TLS 1.3 chance decides whether a client hears of the alert before the connection ends.
        return {"tls": "refused"}
    finally:
        connection.close()
    shown: Answer = {"status": answer.status}
    for name in ("Content-Type", "Location", "Allow", "Cache-Control"):
        values = answer.headers.get_all(name)
        if values:
            shown[name] = values[0] if len(values) == 1 else values
    shown.update(_body(content, answer.headers.get("Content-Type", "")))
    if case.get("raw"):
        shown["raw_height"] = json.loads(content).get("height", 0) if content else 0
    return shown


def _body(content: bytes, content_type: str) -> Answer:
    if not content:
        return {}
    if content_type.startswith("application/octet-stream"):
        shape = block_shape(common_pb2.Block.FromString(content))
        return {"block": {"number": 0 if shape["number"] == 0 else "later", "types": shape["types"][:1]}}
    text = content.decode()
    documents: list[Any] = []
    decoder = json.JSONDecoder()
    try:
        rest = text.strip()
        while rest:
            document, end = decoder.raw_decode(rest)
            documents.append(_steady(document))
            rest = rest[end:].strip()
    except ValueError:
        return {"text": text}
    return {"json": documents[0] if len(documents) == 1 else documents}


def _steady(document: Any) -> Any:
    """Without what the shared network's other cases change: the height, and the order of channels."""
    if isinstance(document, dict) and document.get("height"):
        return {**document, "height": "some"}
    if isinstance(document, dict) and document.get("channels"):
        names = [each for each in document["channels"] if each["name"] == "slice"]
        return {**document, "channels": names}
    return document


def _content(access: Access, case: Case, what: str) -> bytes:
    asked = {**case, "at": case.get("from", case["at"])}
    return _CONTENTS[what.partition(" ")[0]](access, asked, what.partition(" ")[2])


def fetch_block(
    access: Access, node: str, channel: str, which: str, *, as_orderer: bool = False
) -> common_pb2.Block:
    """A block by Deliver, as any version of Fabric gives it; `which`: a number, oldest, newest or
    config.

    `as_orderer`: asked by those to whom it is given in maintenance, too.
    """
    if which == "config":
        newest = fetch_block(access, node, channel, "newest", as_orderer=as_orderer)
        which = str(last_config_index(newest))
    number = int(which) if which.isdigit() else which
    reader = {"as": "node/orderer0.org-a" if as_orderer else "org-a/admin", "channel": channel}
    envelope = _seek(access, reader, {"start": number, "stop": number})
    stub = access.channel(node).stream_stream(
        "/orderer.AtomicBroadcast/Deliver",
        request_serializer=common_pb2.Envelope.SerializeToString,
        response_deserializer=ab_pb2.DeliverResponse.FromString,
    )
    stream = stub(iter([envelope]), timeout=SECONDS)
    try:
        message = next(iter(stream))
    finally:
        stream.cancel()
    assert message.WhichOneof("Type") == "block", message
    block = message.block
    assert isinstance(block, common_pb2.Block)
    return block


def _block_content(access: Access, case: Case, which: str) -> bytes:
    return fetch_block(access, case["at"], case.get("channel", "slice"), which).SerializeToString()


def _change_config(
    block: common_pb2.Block, change: Callable[[common_pb2.ChannelHeader, configtx_pb2.Config], Any]
) -> None:
    """Change what a configuration block says, and its data hash with it."""
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    payload = common_pb2.Payload.FromString(envelope.payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    content = configtx_pb2.ConfigEnvelope.FromString(payload.data)
    change(header, content.config)
    payload.header.channel_header = header.SerializeToString()
    payload.data = content.SerializeToString(deterministic=True)
    envelope.payload = payload.SerializeToString()
    block.data.data[0] = envelope.SerializeToString()
    block.header.data_hash = hashlib.sha256(block.data.data[0]).digest()


def _want_more(_header: common_pb2.ChannelHeader, config: configtx_pb2.Config) -> None:
    value = config.channel_group.values["Capabilities"]
    wanted = configuration_pb2.Capabilities.FromString(value.value)
    wanted.capabilities["V9_9"].SetInParent()
    value.value = wanted.SerializeToString(deterministic=True)


def _spoilt_block(access: Access, case: Case, how: str) -> bytes:
    """The channel's first block without its metadata or data, with another hash, or of another channel."""
    block = fetch_block(access, case["at"], case.get("channel", "slice"), "0")
    if how == "metadata":
        block.ClearField("metadata")
    elif how == "data":
        block.ClearField("data")
    elif how == "header":
        block.ClearField("header")
    elif how.startswith("channel "):
        _change_config(block, lambda header, _config: setattr(header, "channel_id", how[8:]))
    elif how.startswith("without "):
        _change_config(block, lambda _header, config: config.channel_group.groups.pop(how[8:]))
    elif how == "capability":
        _change_config(block, _want_more)
    elif how == "hash":
        block.header.data_hash = b"\0" * 32
    return block.SerializeToString()


def _envelope_content(access: Access, case: Case, how: str) -> bytes:
    """A config update's envelope that is refused, for the reason that `how` names."""
    update = configtx_pb2.ConfigUpdate(channel_id=case.get("channel", "slice"))
    data = configtx_pb2.ConfigUpdateEnvelope(config_update=update.SerializeToString()).SerializeToString()
    spec: dict[str, Any] = {"type": "CONFIG_UPDATE"}
    if how == "transaction":
        spec["type"] = "ENDORSER_TRANSACTION"
    elif how == "no-channel":
        spec["channel"] = ""
    elif how == "content":
        data = _GARBAGE
    elif how in {"payload", "header", "channel-header"}:
        spec["spoil"] = how
    signer = access.identity("node/peer0.org-a" if how == "not-a-writer" else "org-a/admin")
    return build_envelope(signer, case.get("channel", "slice"), spec, data).SerializeToString()


_CONTENTS: Mapping[str, Callable[[Access, Case, str], bytes]] = {
    "block": _block_content,
    "spoilt": _spoilt_block,
    "envelope": _envelope_content,
    "garbage": lambda _access, _case, _rest: _GARBAGE,
    "nothing": lambda _access, _case, _rest: b"",
    "zeros": lambda _access, _case, count: b"\0" * int(count),
}


def _restart(access: Access, case: Case) -> Answer:
    """Kill a node and start it again."""
    access.network.stop_node(case["at"])
    connection = access.channels.pop(case["at"], None)
    if connection is not None:
        connection.close()
    access.network.start_node(case["at"])
    return {}


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "BroadcastStream": _broadcast_stream,
    "OrdererSeeks": _seeks,
    "Restart": _restart,
    "Rest": _rest,
}
