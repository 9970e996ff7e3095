"""What an orderer is asked: envelopes and seeks spoilt on purpose, and its admin port as bare HTTP."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.orderer import ab_pb2

from hlf.admin.participation import ClientTls
from hlf.identity import SigningIdentity
from hlf.wire.deliver import seek_position
from hlf.wire.proposal import transaction_id
from tests.conformance.calls import SECONDS, Access, Answer, Case, block_shape, guarded, sign_envelope
from tests.conformance.calls import endorse as endorsed_envelope

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
    if spoil != "header":
        payload.header.channel_header = _GARBAGE if spoil == "channel-header" else header.SerializeToString()
        payload.header.signature_header = _GARBAGE if spoil == "signature-header" else signature_header
    raw = _GARBAGE if spoil == "payload" else payload.SerializeToString()
    signed = {"wrong": lambda: signer.sign(b"another message"), "none": lambda: b""}
    signature = signed.get(spec.get("signature", ""), lambda: signer.sign(raw))()
    return common_pb2.Envelope(payload=raw, signature=signature)


def _broadcast_stream(access: Access, case: Case) -> Answer:
    """Every message of `send` on one stream, and all answers; `again` repeats the one before.

    `endorsed` sends a real transaction of that call instead.
    """
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

    `method`, `path`, `headers`; `form`: part -> what (`block 0`, `block newest`, `garbage`, `nothing`, …);
    `body` with `type`; `certificate: none` to come without a client's.
    """
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
    return {**shown, **_body(content, answer.headers.get("Content-Type", ""))}


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
    if isinstance(document, dict) and "height" in document:
        return {**document, "height": "some" if document["height"] else 0}
    if isinstance(document, dict) and document.get("channels"):
        names = [each for each in document["channels"] if each["name"] == "slice"]
        return {**document, "channels": names}
    return document


def _content(access: Access, case: Case, what: str) -> bytes:
    return _CONTENTS[what.partition(" ")[0]](access, case, what.partition(" ")[2])


def fetch_block(
    access: Access, node: str, channel: str, which: str, *, as_orderer: bool = False
) -> common_pb2.Block:
    """A block by Deliver, as any version of Fabric gives it; `which`: a number, oldest or newest.

    `as_orderer`: asked by those to whom it is given in maintenance, too.
    """
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


def _spoilt_block(access: Access, case: Case, how: str) -> bytes:
    """The channel's first block without its metadata or data, with another hash, or of another channel."""
    block = fetch_block(access, case["at"], case.get("channel", "slice"), "0")
    if how == "metadata":
        block.ClearField("metadata")
    elif how == "data":
        block.ClearField("data")
    elif how == "header":
        block.ClearField("header")
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

CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "BroadcastStream": _broadcast_stream,
    "OrdererSeeks": _seeks,
    "Rest": _rest,
}
