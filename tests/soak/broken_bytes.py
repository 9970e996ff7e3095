"""What nobody should send, sent to every port of an emulator: see `Attack`."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.discovery import protocol_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import proposal_pb2

from hlf.endpoint import Endpoint
from hlf.identity import SigningIdentity
from hlf.wire.deliver import seek_payload
from hlf.wire.proposal import build_proposal
from hlf_network.access import Access
from tests.soak.emulated import CHAINCODE, CHANNEL, Emulated
from tests.soak.mutation import mutated

PEER_CALLS = (
    "/gateway.Gateway/Evaluate",
    "/gateway.Gateway/Endorse",
    "/gateway.Gateway/Submit",
    "/gateway.Gateway/CommitStatus",
    "/gateway.Gateway/ChaincodeEvents",
    "/protos.Endorser/ProcessProposal",
    "/protos.Deliver/Deliver",
    "/protos.Deliver/DeliverFiltered",
    "/protos.Deliver/DeliverWithPrivateData",
    "/discovery.Discovery/Discover",
    "/no.Such/Method",
)
ORDERER_CALLS = ("/orderer.AtomicBroadcast/Broadcast", "/orderer.AtomicBroadcast/Deliver", "/no.Such/Method")
_STREAMS = ("/protos.Deliver/", "/orderer.AtomicBroadcast/")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DEADLINE = 5.0
_HELD = 40  # connections kept open and silent while everything else goes on
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW")


class Attack:
    """Attacks on every port of one emulator, the same ones for the same seed."""

    def __init__(self, emulated: Emulated, seed: int) -> None:
        self._emulated = emulated
        self._chance = random.Random(seed)
        layout = emulated.network.layout
        access = Access(layout)
        self._signer = emulated.identity("org-a")
        self._peers = [access.endpoint(node) for node in layout.peers()]
        self._orderers = [access.endpoint(node) for node in layout.orderers()]
        document = json.loads((emulated.state / "run" / "emulator.config").read_text())
        admins = [item["admin_listen"] for item in document["orderers"]]
        authorities = [item["listen"] for item in document.get("cas", [])]
        self._http = [_port(address) for address in (*admins, *authorities)]
        self._plain = [_port(document["control"])]
        self._grpc = [_port(item["listen"]) for item in (*document["peers"], *document["orderers"])]
        self._admin = access.participation(layout.orderers()[0])[1].context
        self._admin.check_hostname, self._admin.verify_mode = False, ssl.CERT_NONE
        self._channels: dict[str, grpc.Channel] = {}
        self.sent = 0

    def run(self, rounds: int) -> None:
        """All attacks, `rounds` times each, while other connections are held open half-way."""
        attacks: Sequence[Callable[[], None]] = (
            self.raw,
            self.tls,
            self.frames,
            self.random_calls,
            self.mutated_proposals,
            self.mutated_envelopes,
            self.mutated_requests,
            self.http,
        )
        with self.half_open(), ExitStack() as stack:
            for endpoint in (*self._peers, *self._orderers):
                self._channels[endpoint.address] = stack.enter_context(endpoint.connect())
            for _ in range(rounds):
                for attack in attacks:
                    attack()

    # Below HTTP

    @property
    def _ports(self) -> list[int]:
        return [*self._grpc, *self._http, *self._plain]

    def raw(self) -> None:
        """Bytes of no protocol, and the beginnings of some."""
        for port in self._ports:
            start = self._chance.choice(
                (
                    b"",
                    b"GET / HTTP/1.1\r\n",
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                    _PREFACE,
                    b"\x00" * 9,
                )
            )
            content = start + self._chance.randbytes(self._chance.choice((0, 1, 50, 5_000)))
            with contextlib.suppress(OSError), _connected(port) as plain:
                plain.sendall(content)
                self._finish(plain)

    def tls(self) -> None:
        """A handshake that ends half-way, or is followed by what is not TLS."""
        for port in (*self._grpc, *self._http):
            with contextlib.suppress(OSError), _connected(port) as plain:
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                session = _http2().wrap_bio(incoming, outgoing, server_hostname="localhost")
                with contextlib.suppress(ssl.SSLWantReadError):
                    session.do_handshake()
                hello = bytearray(outgoing.read())
                for _ in range(self._chance.choice((0, 1, 5))):
                    hello[self._chance.randrange(len(hello))] ^= 1 << self._chance.randrange(8)
                plain.sendall(hello[: self._chance.choice((len(hello), len(hello) // 2))])
                plain.sendall(self._chance.randbytes(self._chance.choice((0, 30, 3_000))))
                self._finish(plain)

    def _finish(self, plain: socket.socket) -> None:
        self.sent += 1
        plain.settimeout(0.05)
        with contextlib.suppress(OSError):
            plain.recv(1_000)

    @contextlib.contextmanager
    def half_open(self) -> Iterator[None]:
        """Connections that say nothing more, or a byte now and then, for the length of the block."""
        held: list[socket.socket] = []
        done = threading.Event()

        def drip() -> None:
            while not done.wait(0.2):
                for plain in held:
                    with contextlib.suppress(OSError):
                        plain.send(b"x")

        thread = threading.Thread(target=drip)
        try:
            for number in range(_HELD):
                port = self._ports[number % len(self._ports)]
                with contextlib.suppress(OSError):
                    plain = socket.create_connection(("127.0.0.1", port), _DEADLINE)
                    plain.settimeout(_DEADLINE)
                    held.append(plain)
                    plain.sendall((b"", b"GET / HTTP/1.1\r\nA: ", b"\x16\x03\x01")[number % 3])
            thread.start()
            yield
        finally:
            done.set()
            if thread.ident is not None:
                thread.join()
            for plain in held:
                plain.close()

    def check_impatience(self, seconds: float) -> None:
        """Raise AssertionError unless every port drops whoever says nothing within `seconds`."""
        silent = [socket.create_connection(("127.0.0.1", port), _DEADLINE) for port in self._ports]
        end = time.monotonic() + seconds
        try:
            for port, plain in zip(self._ports, silent, strict=True):
                plain.settimeout(max(0.1, end - time.monotonic()))
                try:
                    while plain.recv(1_000):
                        # An HTTP/2 server's first words.
                        pass
                except ConnectionError:
                    continue
                except TimeoutError:
                    raise AssertionError(f"port {port} waits for ever") from None
        finally:
            for plain in silent:
                plain.close()

    # HTTP/2

    def frames(self) -> None:
        """Frames of any type, flags, stream and length, well-formed or not, after a good beginning."""
        for port in self._grpc:
            with (
                contextlib.suppress(OSError),
                _connected(port) as plain,
                _http2().wrap_socket(plain, server_hostname="localhost") as secure,
            ):
                secure.sendall(_PREFACE + _frame(4, 0, 0, b""))
                for _ in range(self._chance.choice((1, 20, 200))):
                    secure.sendall(self._frame())
                self._finish(secure)

    def _frame(self) -> bytes:
        chance = self._chance
        kind, flags = chance.randrange(12), chance.randrange(256)
        stream = chance.choice((0, 1, 1, 3, 2, 2**31 - 1))
        content = chance.randbytes(chance.choice((0, 4, 5, 6, 8, 50, 1_000)))
        length = chance.choice((len(content), len(content), len(content), len(content) + 1, 2**24 - 1))
        return _frame(kind, flags, stream, content, length)

    # gRPC

    def random_calls(self) -> None:
        """Messages that are none, to every method, now and then given up at once."""
        for endpoints, calls in ((self._peers, PEER_CALLS), (self._orderers, ORDERER_CALLS)):
            for call in calls:
                content = self._chance.randbytes(self._chance.choice((0, 1, 10, 300, 20_000)))
                self._call(self._chance.choice(endpoints), call, content)

    def _call(self, endpoint: Endpoint, method: str, content: bytes) -> bytes | None:
        """The first answer, where there is one."""
        self.sent += 1
        channel: Any = self._channels[endpoint.address]
        patience = self._chance.choice((0.001, 0.3, 0.3, 0.3))
        try:
            if method.startswith(_STREAMS):
                requests = iter([content] * self._chance.choice((1, 1, 3)))
                answers = channel.stream_stream(method)(requests, timeout=patience)
                with contextlib.closing(_Cancelling(answers)):
                    return next(answers, None)
            if method.endswith("ChaincodeEvents"):
                answers = channel.unary_stream(method)(content, timeout=patience)
                with contextlib.closing(_Cancelling(answers)):
                    return next(answers, None)
            answer: bytes = channel.unary_unary(method)(content, timeout=patience)
            return answer
        except grpc.RpcError:
            return None

    def _proposal(self, *args: str) -> bytes:
        nonce = self._chance.randbytes(24)
        encoded = [arg.encode() for arg in args]
        identity = self._signer.identity
        transient = {"value": b'"secret"'} if args[0] == "share" else {}
        parts = build_proposal(identity, CHANNEL, CHAINCODE, encoded, transient, nonce, time.time_ns())
        return parts.proposal

    def mutated_proposals(self) -> None:
        """Proposals that are signed as they are, broken as they are."""
        for _ in range(10):
            args = self._chance.choice((("put", "k", "v"), ("get", "k"), ("share", "org-a_org-b", "k")))
            proposal = mutated(self._proposal(*args), self._chance)
            signed = proposal_pb2.SignedProposal(
                proposal_bytes=proposal, signature=self._signer.sign(proposal)
            )
            peer = self._chance.choice(self._peers)
            kind = self._chance.randrange(4)
            if kind == 0:
                self._call(peer, "/protos.Endorser/ProcessProposal", signed.SerializeToString())
            elif kind == 1:
                self._call(
                    peer,
                    "/protos.Endorser/ProcessProposal",
                    mutated(signed.SerializeToString(), self._chance),
                )
            else:
                request: Any = gateway_pb2.EndorseRequest if kind == 2 else gateway_pb2.EvaluateRequest
                content = request(channel_id=CHANNEL, proposed_transaction=signed).SerializeToString()
                method = "Endorse" if kind == 2 else "Evaluate"
                self._call(peer, f"/gateway.Gateway/{method}", content)

    def mutated_envelopes(self) -> None:
        """Transactions broken after their endorsement, signed again and ordered: peers must judge them."""
        endorsed = self._endorsed()
        if endorsed is None:
            return
        for _ in range(10):
            payload = mutated(endorsed.payload, self._chance)
            envelope = common_pb2.Envelope(payload=payload, signature=self._signer.sign(payload))
            content = envelope.SerializeToString()
            if self._chance.random() < 0.2:
                content = mutated(content, self._chance)
            if self._chance.random() < 0.5:
                orderer = self._chance.choice(self._orderers)
                self._call(orderer, "/orderer.AtomicBroadcast/Broadcast", content)
            else:
                request = gateway_pb2.SubmitRequest(channel_id=CHANNEL).SerializeToString()
                request += b"\x1a" + _varint(len(content)) + content
                self._call(self._chance.choice(self._peers), "/gateway.Gateway/Submit", request)

    def _endorsed(self) -> common_pb2.Envelope | None:
        args = self._chance.choice((("put", "k", "v"), ("share", "org-a_org-b", "k"), ("add", "n", "1")))
        proposal = self._proposal(*args)
        signed = proposal_pb2.SignedProposal(proposal_bytes=proposal, signature=self._signer.sign(proposal))
        request = gateway_pb2.EndorseRequest(channel_id=CHANNEL, proposed_transaction=signed)
        channel: Any = self._channels[self._peers[0].address]
        try:
            answer = channel.unary_unary("/gateway.Gateway/Endorse")(request.SerializeToString(), timeout=30)
        except grpc.RpcError:
            return None
        return gateway_pb2.EndorseResponse.FromString(answer).prepared_transaction

    def mutated_requests(self) -> None:
        """Signed requests of the other services."""
        for _ in range(6):
            status = self._mutated(
                gateway_pb2.CommitStatusRequest(
                    transaction_id="0" * 64, channel_id=CHANNEL, identity=self._signer.serialized()
                )
            )
            events = self._mutated(
                gateway_pb2.ChaincodeEventsRequest(
                    channel_id=CHANNEL, chaincode_id=CHAINCODE, identity=self._signer.serialized()
                )
            )
            seek = mutated(
                seek_payload(self._signer, CHANNEL, 0, 3, timestamp_ns=time.time_ns()), self._chance
            )
            discover = self._mutated(_discovery(self._signer))
            peer, orderer = self._chance.choice(self._peers), self._chance.choice(self._orderers)
            sign = self._signer.sign
            envelope = common_pb2.Envelope(payload=seek, signature=sign(seek)).SerializeToString()
            for endpoint, call, content in (
                (peer, "/gateway.Gateway/CommitStatus", _signed(status, sign)),
                (peer, "/gateway.Gateway/ChaincodeEvents", _signed(events, sign)),
                (peer, "/protos.Deliver/Deliver", envelope),
                (peer, "/protos.Deliver/DeliverWithPrivateData", envelope),
                (orderer, "/orderer.AtomicBroadcast/Deliver", envelope),
                (peer, "/discovery.Discovery/Discover", _signed(discover, sign)),
            ):
                self._call(endpoint, call, content)

    def _mutated(self, message: Any) -> bytes:
        return mutated(message.SerializeToString(), self._chance)

    # HTTP/1.1

    def http(self) -> None:
        """Requests with wrong lines, lengths, chunks, paths and bodies, with and without a certificate."""
        for port in (*self._http, *self._plain):
            for _ in range(4):
                content = self._request()
                with contextlib.suppress(OSError), _connected(port) as plain:
                    if port in self._plain:
                        plain.sendall(content)
                        self._finish(plain)
                        continue
                    with self._admin.wrap_socket(plain, server_hostname="localhost") as secure:
                        secure.sendall(content)
                        self._finish(secure)

    def _request(self) -> bytes:
        chance = self._chance
        path = chance.choice(
            (
                "/participation/v1/channels",
                f"/participation/v1/channels/{CHANNEL}/blocks/{chance.choice(('0', '-1', 'x', '9' * 40))}",
                "/faults/delay",
                "/status",
                "/cainfo",
                "/enroll",
                "/register",
                "/../" * 50,
                "/%00%ff",
                "",
            )
        )
        body = chance.choice(
            (
                b"",
                b"{",
                b'{"node": 1, "seconds": "x"}',
                b'{"node": ["peer0.org-a"]}',
                b"[" * 100_000,
                b"--x\r\nContent-Disposition: form-data; name=config-block\r\n\r\n\x00\xff\r\n--x--\r\n",
                chance.randbytes(5_000),
            )
        )
        length = chance.choice((len(body), len(body), len(body), -1, 2**62, "x", len(body) + 10))
        headers = [
            f"{chance.choice(_METHODS)} {path} HTTP/1.1",
            "Host: localhost",
            f"Content-Length: {length}",
            f"Content-Type: {chance.choice(('application/json', 'multipart/form-data; boundary=x', 'x'))}",
        ]
        if chance.random() < 0.2:
            headers.append("Transfer-Encoding: chunked")
            body = chance.choice((b"zz\r\n", b"-5\r\n", b"ffffffffff\r\n", b"3\r\nabc")) + body
        if chance.random() < 0.1:
            headers += [f"X-{number}: {'y' * 900}" for number in range(100)]
        return "\r\n".join(headers).encode() + b"\r\n\r\n" + body


class _Cancelling:
    """Closes a stream that nobody reads any more."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def close(self) -> None:
        self._call.cancel()


def _discovery(signer: SigningIdentity) -> protocol_pb2.Request:
    request = protocol_pb2.Request(
        authentication=protocol_pb2.AuthInfo(client_identity=signer.serialized()),
        queries=[
            protocol_pb2.Query(channel=CHANNEL, config_query=protocol_pb2.ConfigQuery()),
            protocol_pb2.Query(channel=CHANNEL, peer_query=protocol_pb2.PeerMembershipQuery()),
        ],
    )
    interest = request.queries.add(channel=CHANNEL).cc_query.interests.add()
    interest.chaincodes.add(name=CHAINCODE, collection_names=["org-a_org-b"])
    return request


def _signed(request: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """A message of two fields: what is signed, and the signature."""
    signature = sign(request)
    return b"\x0a" + _varint(len(request)) + request + b"\x12" + _varint(len(signature)) + signature


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _frame(kind: int, flags: int, stream: int, content: bytes, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return struct.pack(">I", size)[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + content


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


@contextlib.contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), _DEADLINE) as plain:
        plain.settimeout(_DEADLINE)
        yield plain


def _http2() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context
