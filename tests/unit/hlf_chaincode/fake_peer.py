"""A peer's end of the chaincode stream over real gRPC, enough to test the server against."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_pb2, proposal_response_pb2

Message = chaincode_shim_pb2.ChaincodeMessage
LIMIT = 100 * 1024 * 1024
DEADLINE = 20.0


def transaction(txid: str, *args: bytes, channel: str = "ch", transient: dict | None = None) -> Message:
    """A TRANSACTION message with a whole proposal."""
    creator = identities_pb2.SerializedIdentity(mspid="A", id_bytes=b"none").SerializeToString()
    header = common_pb2.Header(
        channel_header=common_pb2.ChannelHeader(
            type=common_pb2.ENDORSER_TRANSACTION, channel_id=channel, tx_id=txid
        ).SerializeToString(),
        signature_header=common_pb2.SignatureHeader(creator=creator, nonce=b"n").SerializeToString(),
    )
    payload = proposal_pb2.ChaincodeProposalPayload(TransientMap=transient or {})
    proposal = proposal_pb2.Proposal(
        header=header.SerializeToString(), payload=payload.SerializeToString()
    ).SerializeToString()
    return Message(
        type=Message.TRANSACTION,
        txid=txid,
        channel_id=channel,
        payload=chaincode_pb2.ChaincodeInput(args=args).SerializeToString(),
        proposal=proposal_pb2.SignedProposal(proposal_bytes=proposal),
    )


_OPTIONS = [
    ("grpc.max_receive_message_length", LIMIT + 1024),
    ("grpc.max_send_message_length", LIMIT + 1024),
]


class PeerSide:
    """Registers the chaincode, and answers requests by ``answer`` (on the reader's thread)."""

    def __init__(self, answer: Callable[[PeerSide, Message], None], ready: bytes = b"") -> None:
        self._out: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._answer = answer
        self._ready_payload = ready
        self._done: dict[str, queue.SimpleQueue[Message]] = {}
        self.package_id = ""
        self.ready = threading.Event()
        self.ended = threading.Event()
        self.status: grpc.StatusCode | None = None
        self.received: list[Message] = []

    def send(self, message: Message) -> None:
        self._out.put(message)

    def begin(self, message: Message) -> None:
        self._done[message.txid] = queue.SimpleQueue()
        self.send(message)

    def completed(self, txid: str) -> Message:
        return self._done[txid].get(timeout=DEADLINE)

    def response(self, txid: str) -> proposal_response_pb2.Response:
        message = self.completed(txid)
        assert message.type == Message.COMPLETED
        return proposal_response_pb2.Response.FromString(message.payload)

    def call(self, txid: str, *args: bytes) -> proposal_response_pb2.Response:
        self.begin(transaction(txid, *args))
        return self.response(txid)

    def reply(self, request: Message, payload: bytes = b"", kind: int = Message.RESPONSE) -> None:
        self.send(Message(type=kind, txid=request.txid, channel_id=request.channel_id, payload=payload))

    def half_close(self) -> None:
        self._out.put(None)

    def _requests(self) -> Iterator[Message]:
        while (message := self._out.get()) is not None:
            yield message

    def _handle(self, message: Message) -> None:
        self.received.append(message)
        if message.type == Message.REGISTER:
            self.package_id = chaincode_pb2.ChaincodeID.FromString(message.payload).name
            self.send(Message(type=Message.REGISTERED))
            self.send(Message(type=Message.READY, payload=self._ready_payload))
            self.ready.set()
        elif message.type in (Message.COMPLETED, Message.ERROR) and message.txid in self._done:
            self._done[message.txid].put(message)
        elif message.type not in (Message.KEEPALIVE, Message.ERROR):
            self._answer(self, message)


class FakePeer(PeerSide):
    """Dials a chaincode server."""

    def __init__(
        self,
        address: str,
        answer: Callable[[PeerSide, Message], None],
        *,
        credentials: grpc.ChannelCredentials | None = None,
        ready: bytes = b"",
    ) -> None:
        super().__init__(answer, ready)
        if credentials is None:
            self.channel = grpc.insecure_channel(address, _OPTIONS)
        else:
            self.channel = grpc.secure_channel(address, credentials, _OPTIONS)
        connect = self.channel.stream_stream(
            "/protos.Chaincode/Connect",
            request_serializer=Message.SerializeToString,
            response_deserializer=Message.FromString,
        )
        self._stream = connect(self._requests())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        self.half_close()
        self._stream.cancel()
        self._reader.join(DEADLINE)
        self.channel.close()

    def _read(self) -> None:
        try:
            for message in self._stream:
                self._handle(message)
            self.status = grpc.StatusCode.OK
        except grpc.RpcError as error:
            self.status = error.code()
        finally:
            self.ended.set()


class ListeningPeer(PeerSide):
    """Is dialed by a chaincode, of which it serves the first stream; ``refuse`` aborts every stream."""

    def __init__(
        self,
        answer: Callable[[PeerSide, Message], None],
        *,
        credentials: grpc.ServerCredentials | None = None,
        refuse: str = "",
    ) -> None:
        super().__init__(answer)
        self._refuse = refuse
        self._server = grpc.server(ThreadPoolExecutor(2), options=_OPTIONS)
        register = grpc.stream_stream_rpc_method_handler(
            self._register,
            request_deserializer=Message.FromString,
            response_serializer=Message.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler("protos.ChaincodeSupport", {"Register": register})
        self._server.add_generic_rpc_handlers((service,))
        if credentials is None:
            port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    def close(self) -> None:
        self.half_close()
        self._server.stop(0).wait(DEADLINE)

    def _register(self, messages: Iterator[Message], context: grpc.ServicerContext) -> Iterator[Message]:
        if self._refuse:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, self._refuse)
        threading.Thread(target=self._read, args=(messages,), daemon=True).start()
        yield from self._requests()

    def _read(self, messages: Iterator[Message]) -> None:
        try:
            for message in messages:
                self._handle(message)
            self.status = grpc.StatusCode.OK
        except grpc.RpcError:
            self.status = grpc.StatusCode.CANCELLED
        finally:
            # As Fabric's peer does: a chaincode that has closed its side gets the end of the stream.
            self.half_close()
            self.ended.set()
