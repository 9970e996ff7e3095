"""A peer's end of the chaincode stream over real gRPC, enough to test the server against."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

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


class FakePeer:
    """Connects, registers the chaincode, and answers requests by ``answer`` (on the reader's thread)."""

    def __init__(
        self,
        address: str,
        answer: Callable[[FakePeer, Message], None],
        *,
        credentials: grpc.ChannelCredentials | None = None,
        ready: bytes = b"",
    ) -> None:
        options = [
            ("grpc.max_receive_message_length", LIMIT + 1024),
            ("grpc.max_send_message_length", LIMIT + 1024),
        ]
        if credentials is None:
            self.channel = grpc.insecure_channel(address, options)
        else:
            self.channel = grpc.secure_channel(address, credentials, options)
        self._out: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._answer = answer
        self._ready_payload = ready
        self._done: dict[str, queue.SimpleQueue[Message]] = {}
        self.package_id = ""
        self.ready = threading.Event()
        self.ended = threading.Event()
        self.status: grpc.StatusCode | None = None
        self.received: list[Message] = []
        connect = self.channel.stream_stream(
            "/protos.Chaincode/Connect",
            request_serializer=Message.SerializeToString,
            response_deserializer=Message.FromString,
        )
        self._stream = connect(self._requests())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

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

    def close(self) -> None:
        self.half_close()
        self._stream.cancel()
        self._reader.join(DEADLINE)
        self.channel.close()

    def _requests(self) -> Iterator[Message]:
        while (message := self._out.get()) is not None:
            yield message

    def _read(self) -> None:
        try:
            for message in self._stream:
                self._handle(message)
            self.status = grpc.StatusCode.OK
        except grpc.RpcError as error:
            self.status = error.code()
        finally:
            self.ended.set()

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
