"""A Gateway service in this process, scripted by tests: real gRPC, real signatures, no ledger behind it."""

from __future__ import annotations

import threading
from concurrent import futures
from datetime import UTC, datetime, timedelta

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from fabric_protos.common.common_pb2 import BAD_REQUEST, SUCCESS, Block, BlockHeader, Envelope
from fabric_protos.common.ledger_pb2 import BlockchainInfo
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer.chaincode_event_pb2 import ChaincodeEvent
from fabric_protos.peer.events_pb2 import DeliverResponse, FilteredBlock
from fabric_protos.peer.proposal_pb2 import ChaincodeAction
from fabric_protos.peer.proposal_response_pb2 import (
    Endorsement,
    ProposalResponse,
    ProposalResponsePayload,
    Response,
)
from fabric_protos.peer.transaction_pb2 import TxValidationCode

from hlf.endpoint import MAX_MESSAGE_BYTES
from hlf.identity import Identity, SigningIdentity, verify
from hlf.wire.deliver import ENDLESS, read_seek
from hlf.wire.proposal import read_proposal
from hlf.wire.status import TRAILER, encode_details
from hlf.wire.transaction import assemble_transaction, proposal_hash, read_transaction


def make_identity(msp_id: str = "Org1MSP", key=None, host: str = "peer0.example") -> SigningIdentity:
    """A self-signed identity of a member, whose certificate serves TLS under ``host`` too."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, msp_id)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    return SigningIdentity(Identity(msp_id, certificate.public_bytes(serialization.Encoding.PEM)), key)


class Refuse(Exception):  # noqa: N818 - it is an answer
    """A gRPC failure that the fake answers with."""

    def __init__(self, code: grpc.StatusCode, message: str, details=()) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details


class FakeGateway:
    """Answers RPCs; ``script`` holds, per RPC, what to do instead of succeeding: Refuse or a callable."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        self.endorser = make_identity("Org1MSP")
        self.script: dict[str, list] = {}
        self.requests: dict[str, list] = {}
        self.metadata: dict[str, dict] = {}
        self.submitted: list[bytes] = []
        self.commit_on_submit = True
        self.commits: dict[str, tuple[int, str]] = {}
        self.height = 10
        self.events: list = []
        self.stream_script: list = []
        self.deliver = True
        self._epoch = 0
        self._condition = threading.Condition()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(64),
            options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)],
        )
        self._server.add_generic_rpc_handlers((_Handlers(self),))
        if credentials is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self._server.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.stop(None).wait()

    def commit(self, transaction_id: str, code: str = "VALID") -> None:
        with self._condition:
            if transaction_id not in self.commits:
                self.commits[transaction_id] = (self.height, code)
                self.height += 1
            self._condition.notify_all()

    def wait_for(self, condition, timeout: float = 10.0) -> None:
        with self._condition:
            assert self._condition.wait_for(condition, timeout)

    def break_streams(self) -> None:
        """End the live block streams, as a peer that goes down does."""
        with self._condition:
            self._epoch += 1
            self._condition.notify_all()

    def set_deliver(self, deliver: bool) -> None:
        """Hold back the blocks of live streams, or let them go on."""
        with self._condition:
            self.deliver = deliver
            self._condition.notify_all()

    def live(self, seek, context):
        """Filtered blocks as they are committed, one transaction to each."""
        with self._condition:
            step = self.stream_script.pop(0) if self.stream_script else None
            epoch = self._epoch
            number = self.height - 1 if seek.start.HasField("newest") else self.height
        if isinstance(step, Refuse):
            context.abort(step.code, step.message)
        if isinstance(step, bytes):
            yield step
            return
        if step is not None:
            yield DeliverResponse(status=step)
            return
        if seek.start.HasField("specified"):
            number = seek.start.specified.number
        context.add_callback(self._wake)
        while True:
            with self._condition:
                while epoch == self._epoch and context.is_active():
                    if self.deliver and self.height > number:
                        break
                    self._condition.wait(30)
                block = FilteredBlock(channel_id="ch", number=number)
                for transaction_id, (where, code) in self.commits.items():
                    if where == number:
                        block.filtered_transactions.add(
                            txid=transaction_id, tx_validation_code=TxValidationCode.Value(code)
                        )
            if not context.is_active():
                return
            if epoch != self._epoch:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the peer goes down")
            yield DeliverResponse(filtered_block=block)
            number += 1

    def dispatch(self, method: str, request, context):
        with self._condition:
            self.requests.setdefault(method, []).append(request)
            self.metadata[method] = dict(context.invocation_metadata())
            self._condition.notify_all()
            steps = self.script.get(method)
            step = steps.pop(0) if steps else None
        try:
            if isinstance(step, Refuse):
                raise step
            if step is not None:
                answer = step(request)
                if answer is not None:
                    return answer
            return getattr(self, "on_" + method)(request, context)
        except Refuse as refusal:
            if refusal.details:
                details = encode_details(refusal.code.value[0], refusal.message, refusal.details)
                context.set_trailing_metadata(((TRAILER, details),))
            context.abort(refusal.code, refusal.message)

    def _response(self, signed) -> ProposalResponse:
        facts = read_proposal(signed.proposal_bytes)
        creator = Identity.from_serialized(facts.creator)
        if not verify(creator.certificate, signed.proposal_bytes, signed.signature):
            raise Refuse(grpc.StatusCode.UNAVAILABLE, "access denied: channel [ch] creator org [Org1MSP]")
        if facts.chaincode == "qscc":
            result = BlockchainInfo(height=self.height).SerializeToString()
        else:
            result = b"|".join(facts.args) + b"".join(facts.transient.values())
        action = ChaincodeAction(response=Response(status=200, payload=result))
        payload = ProposalResponsePayload(
            proposal_hash=proposal_hash(signed.proposal_bytes), extension=action.SerializeToString()
        ).SerializeToString()
        endorser = self.endorser.serialized()
        return ProposalResponse(
            response=Response(status=200, payload=result),
            payload=payload,
            endorsement=Endorsement(endorser=endorser, signature=self.endorser.sign(payload + endorser)),
        )

    def on_Evaluate(self, request, context):
        return gateway_pb2.EvaluateResponse(result=self._response(request.proposed_transaction).response)

    def on_Endorse(self, request, context):
        signed = request.proposed_transaction
        envelope = assemble_transaction(signed.proposal_bytes, [self._response(signed)])
        return gateway_pb2.EndorseResponse(prepared_transaction=envelope)

    def on_Submit(self, request, context):
        envelope = request.prepared_transaction
        self.accept(envelope)
        return gateway_pb2.SubmitResponse()

    def accept(self, envelope) -> None:
        if not envelope.signature:
            raise Refuse(grpc.StatusCode.INVALID_ARGUMENT, "prepared transaction must be signed")
        self.submitted.append(envelope.SerializeToString())
        if self.commit_on_submit:
            self.commit(read_transaction(envelope.payload).transaction_id)

    def on_CommitStatus(self, signed, context):
        request = gateway_pb2.CommitStatusRequest.FromString(signed.request)
        creator = Identity.from_serialized(request.identity)
        if not verify(creator.certificate, signed.request, signed.signature):
            raise Refuse(grpc.StatusCode.PERMISSION_DENIED, "the creator's signature is invalid")
        with self._condition:
            context.add_callback(self._wake)
            while request.transaction_id not in self.commits:
                self._condition.wait(0.5)
                if not context.is_active():
                    raise Refuse(grpc.StatusCode.DEADLINE_EXCEEDED, "context deadline exceeded")
            block, code = self.commits[request.transaction_id]
        return gateway_pb2.CommitStatusResponse(result=TxValidationCode.Value(code), block_number=block)

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def on_ChaincodeEvents(self, signed, context):
        """Plays ``events``: (block, [(tx, name, payload)]) or Refuse, then waits for the client to leave."""
        request = gateway_pb2.ChaincodeEventsRequest.FromString(signed.request)
        start = request.start_position.specified.number if request.start_position.HasField("specified") else 0
        while self.events and context.is_active():
            item = self.events.pop(0)
            self._wake()
            if isinstance(item, Refuse):
                context.abort(item.code, item.message)
            if isinstance(item, bytes):
                yield item
                continue
            block, events = item
            if block >= start:
                yield gateway_pb2.ChaincodeEventsResponse(
                    block_number=block,
                    events=[
                        ChaincodeEvent(chaincode_id="basic", tx_id=tx, event_name=name, payload=payload)
                        for tx, name, payload in events
                    ],
                )
        gone = threading.Event()
        if context.add_callback(gone.set):
            gone.wait(10)

    def on_Deliver(self, requests, context, kind="block"):
        envelope = next(requests)
        head, signer, seek = read_seek(envelope.payload)
        creator = Identity.from_serialized(signer.creator)
        assert verify(creator.certificate, envelope.payload, envelope.signature)
        self.requests.setdefault("Deliver", []).append((head, seek))
        self._wake()
        if head.channel_id != "ch":
            yield DeliverResponse(status=BAD_REQUEST)
            return
        if kind != "block" and seek.stop.specified.number == ENDLESS:
            yield from self.live(seek, context)
            return
        for number in range(seek.start.specified.number, seek.stop.specified.number + 1):
            if kind == "block":
                yield DeliverResponse(block=Block(header=BlockHeader(number=number)))
            else:
                yield DeliverResponse(filtered_block=FilteredBlock(channel_id="ch", number=number))
        yield DeliverResponse(status=SUCCESS)

    def on_DeliverFiltered(self, requests, context):
        yield from self.on_Deliver(requests, context, "filtered")


def _bytes(message) -> bytes:
    """What goes out: a message, or the bytes that a test wants sent."""
    return message if isinstance(message, bytes) else message.SerializeToString()


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, fake: FakeGateway) -> None:
        self._fake = fake

    def service(self, details):
        name = details.method.rpartition("/")[2]
        if name == "ChaincodeEvents":
            return grpc.unary_stream_rpc_method_handler(
                self._fake.on_ChaincodeEvents,
                gateway_pb2.SignedChaincodeEventsRequest.FromString,
                _bytes,
            )
        if name.startswith("Deliver"):
            return grpc.stream_stream_rpc_method_handler(
                getattr(self._fake, "on_" + name), Envelope.FromString, _bytes
            )
        request = (
            gateway_pb2.SignedCommitStatusRequest
            if name == "CommitStatus"
            else getattr(gateway_pb2, name + "Request")
        )
        return grpc.unary_unary_rpc_method_handler(
            lambda message, context: self._fake.dispatch(name, message, context),
            request.FromString,
            _bytes,
        )
