"""A chaincode that says on its stream what a case tells it to, right or wrong.

It serves protos.Chaincode (CCaaS), as a program of a test's own. A transaction's first argument is a script
(`shim_messages.script`): the steps are taken in turn, what each is answered is kept under the script's name.
"""

from __future__ import annotations

import json
import queue
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    chaincode_shim_pb2_grpc,
    proposal_response_pb2,
)
from fabric_protos.peer import chaincode_shim_pb2 as shim

from tests.conformance import shim_messages
from tests.conformance.calls import Answer

Step = Mapping[str, Any]
_T = shim.ChaincodeMessage
_PATIENCE = 2.0
"""Seconds that a step waits for its answer."""
_SILENCE = 0.4
"""Seconds after which a step that is to have no answer is taken to have none."""


class BareChaincode:
    """One server; every peer that dials it has a stream of its own."""

    def __init__(self, listen: str, credentials: grpc.ServerCredentials | None = None) -> None:
        self.package_id = ""
        self.greeting: Sequence[Step] | None = None
        """What a new stream says first; None registers as it should."""
        self.heard: dict[str, list[list[Answer]]] = defaultdict(list)
        """What scripts were answered: name -> one list for each peer that ran it."""
        self.opened = 0
        """How many streams there have been."""
        self._streams: list[_Stream] = []
        self._server = grpc.server(ThreadPoolExecutor(max_workers=16))
        chaincode_shim_pb2_grpc.add_ChaincodeServicer_to_server(_Servicer(self), self._server)
        address = f"{listen}:0"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self._server.start()

    def close(self) -> None:
        self.end()
        self._server.stop(0).wait()

    def end(self) -> None:
        """End every stream, as a chaincode that stops would."""
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.end()

    def open(self, stream: _Stream) -> None:
        self._streams.append(stream)
        self.opened += 1


class _Servicer(chaincode_shim_pb2_grpc.ChaincodeServicer):
    def __init__(self, chaincode: BareChaincode) -> None:
        self._chaincode = chaincode

    def Connect(
        self, request_iterator: Iterator[shim.ChaincodeMessage], context: grpc.ServicerContext
    ) -> Iterator[shim.ChaincodeMessage]:
        stream = _Stream(self._chaincode)
        self._chaincode.open(stream)
        threading.Thread(target=stream.read, args=(request_iterator,), daemon=True).start()
        stream.greet()
        yield from stream.sent()
        if stream.failure:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, stream.failure)


class _Stream:
    def __init__(self, chaincode: BareChaincode) -> None:
        self._chaincode = chaincode
        self.failure = ""
        """What the stream ends with, if not well."""
        self._outbox: queue.SimpleQueue[shim.ChaincodeMessage | None] = queue.SimpleQueue()
        # By channel and transaction.
        self._answers: dict[tuple[str, str], queue.SimpleQueue[shim.ChaincodeMessage]] = defaultdict(
            queue.SimpleQueue
        )

    def end(self) -> None:
        self._outbox.put(None)

    def sent(self) -> Iterator[shim.ChaincodeMessage]:
        while (message := self._outbox.get()) is not None:
            yield message

    def greet(self) -> None:
        greeting = self._chaincode.greeting
        if greeting is None:
            greeting = [{"send": "REGISTER", "with": {"name": self._chaincode.package_id}}]
        for step in greeting:
            if step.get("end") or "abort" in step:
                self.failure = step.get("abort", "")
                self.end()
            else:
                self._send(step, "", "")

    def read(self, messages: Iterator[shim.ChaincodeMessage]) -> None:
        try:
            for message in messages:
                if message.type in (_T.TRANSACTION, _T.INIT):
                    threading.Thread(target=self._run, args=(message,), daemon=True).start()
                elif message.type in (_T.REGISTERED, _T.READY):
                    if self._chaincode.greeting is not None:
                        self._keep("greeting", shim_messages.shown(0, message))
                elif message.type != _T.KEEPALIVE:
                    self._answers[message.channel_id, message.txid].put(message)
        except grpc.RpcError:
            # The peer has ended the stream; what it says of that, it says to the client.
            pass
        self.end()

    def _keep(self, name: str, answer: Answer) -> None:
        self._chaincode.heard[name].append([answer])

    def _run(self, message: shim.ChaincodeMessage) -> None:
        arguments = chaincode_pb2.ChaincodeInput.FromString(message.payload).args
        script = json.loads(arguments[0]) if arguments and arguments[0][:1] == b"{" else {"steps": []}
        heard: list[Answer] = []
        if script.get("name"):
            self._chaincode.heard[script["name"]].append(heard)
        last_id, answered = "", ""
        for step in _unrolled(script["steps"]):
            if step.get("end"):
                self.end()
                return
            if step.get("nothing"):
                return
            if "burst" in step:
                heard.append({"answers": self._burst(step["burst"], message)})
                continue
            if "pause" in step:
                threading.Event().wait(step["pause"])
                continue
            asked = self._send(step, message.txid, message.channel_id, last_id)
            if asked in (_T.COMPLETED, _T.ERROR) or step.get("wait") is False:
                if step.get("transaction") is None and asked in (_T.COMPLETED, _T.ERROR):
                    return
                continue
            answer = self._answer(message, step)
            if not step.get("silently") and (answer or not step.get("unanswered")):
                heard.append(shim_messages.shown(asked, answer) if answer else {"type": "no answer"})
            if step.get("report") and answer is not None:
                answered = json.dumps(shim_messages.shown(asked, answer))
            if answer is not None and answer.type == _T.RESPONSE and asked == _T.GET_STATE_BY_RANGE:
                last_id = shim.QueryResponse.FromString(answer.payload).id
        payload = answered or _T.Type.Name(message.type)
        done = proposal_response_pb2.Response(status=200, payload=payload.encode())
        self._outbox.put(
            _T(
                type=_T.COMPLETED,
                payload=done.SerializeToString(),
                txid=message.txid,
                channel_id=message.channel_id,
            )
        )

    def _answer(self, message: shim.ChaincodeMessage, step: Step) -> shim.ChaincodeMessage | None:
        key = step.get("channel", message.channel_id), step.get("transaction", message.txid)
        try:
            return self._answers[key].get(timeout=_SILENCE if step.get("unanswered") else _PATIENCE)
        except queue.Empty:
            return None

    def _burst(self, steps: Sequence[Step], message: shim.ChaincodeMessage) -> list[Answer]:
        """Send several requests at once; the answers that come, in their order."""
        asked = [self._send(step, message.txid, message.channel_id) for step in steps]
        found = []
        while (answer := self._answer(message, {"unanswered": bool(found)})) is not None:
            found.append(shim_messages.shown(asked[len(found)], answer))
        return found

    def _send(self, step: Step, transaction: str, channel: str, last_id: str = "") -> int:
        if "invoke" in step:
            step = _invocation(step)
        values = json.loads(json.dumps(step.get("with", {})).replace("{last id}", last_id))
        for field, count in step.get("repeat", {}).items():
            values[field] = values[field] * count
        number = shim_messages.kind(step["send"])
        message = _T(
            type=number,  # type: ignore[arg-type]
            payload=shim_messages.payload(number, {**step, "with": values}),
            txid=step.get("transaction", transaction),
            channel_id=step.get("channel", channel),
        )
        if "event" in step:
            message.chaincode_event.CopyFrom(chaincode_event_pb2.ChaincodeEvent(**step["event"]))
        self._outbox.put(message)
        return number


def _unrolled(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps, each `{fill: n, with: ...}` of them as n writes of keys that count."""
    for step in steps:
        for number in range(step.get("fill", 0)):
            key = f"{step['with']['key']}{number:04d}"
            yield {"send": "PUT_STATE", "with": {**step["with"], "key": key}, "silently": True}
        if "fill" not in step:
            yield step


def _invocation(step: Step) -> Step:
    """`{invoke: chaincode, args: [...]}`, or `steps` for another bare chaincode, as INVOKE_CHAINCODE."""
    arguments = step.get("args")
    if arguments is None:
        arguments = [json.dumps({"steps": step.get("steps", [])})]
    called = {"args": arguments, "is_init": step.get("init", False)}
    spec = {"chaincode_id": {"name": step["invoke"]}, "input": called}
    return {**step, "send": "INVOKE_CHAINCODE", "with": spec}
