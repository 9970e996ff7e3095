"""The peer's side of one chaincode's stream, to a chaincode that runs as an external service.

States and texts: core/chaincode/handler.go; dialing: core/chaincode/extcc and internal/pkg/comm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, chaincode_shim_pb2_grpc
from google.protobuf.message import DecodeError

from hlf_emulator.go.text import rpc_error
from hlf_emulator.ledger.definitions import SYSTEM_CHAINCODES
from hlf_emulator.lifecycle.packages import Connection
from hlf_emulator.peer.dialing import MAX_MESSAGE, DialError, dial
from hlf_emulator.peer.ledger_calls import PANIC, CallContext, CallError, answer, decode, handles
from hlf_emulator.version import FABRIC_3_1, Version

_LOG = logging.getLogger(__name__)

Message = chaincode_shim_pb2.ChaincodeMessage
# chaincode.runtimeParams of core.yaml.
_ABILITIES = chaincode_pb2.ChaincodeAdditionalParams(
    use_write_batch=True,
    max_size_write_batch=1000,
    use_get_multiple_keys=True,
    max_size_get_multiple_keys=1000,
)

Invoker = Callable[[CallContext, chaincode_pb2.ChaincodeSpec], Awaitable[bytes]]
"""Runs a chaincode for another one; returns the encoded message of its answer. Raises CallError."""


class LaunchError(Exception):
    """A chaincode that cannot be reached; the text is Fabric's."""


class StreamError(Exception):
    """A message that ends the stream, since it has no place in the stream's state."""


class ExecutionError(Exception):
    """An execution without an answer: timeout, or the stream's end."""


class ChaincodeStream:
    """One open stream. Requests of many transactions run over it at once."""

    def __init__(
        self, package_id: str, connection: Connection, invoker: Invoker, version: Version = FABRIC_3_1
    ) -> None:
        self.package_id = package_id
        self._connection = connection
        self._invoker = invoker
        self._version = version
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._contexts: dict[tuple[str, str], CallContext] = {}
        self._answers: dict[tuple[str, str], asyncio.Future[Message]] = {}
        self._active: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._registered = asyncio.get_running_loop().create_future()
        self._channel: grpc.aio.Channel | None = None
        self._runner: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether the chaincode is registered and its stream has not ended."""
        return (
            self._runner is not None
            and not self._runner.done()
            and self._registered.done()
            and not self._registered.cancelled()
            and self._registered.exception() is None
        )

    async def start(self, seconds: float) -> None:
        """Dial, register and make ready, within `seconds`. Raises LaunchError."""
        package_id = self.package_id
        try:
            self._channel = await dial(self._connection)
        except DialError as fault:
            raise LaunchError(
                f"connection to {package_id} failed: error cannot create connection for {package_id}: error "
                f"creating grpc connection to {self._connection.address}: {fault}"
            ) from fault
        stub = chaincode_shim_pb2_grpc.ChaincodeStub(self._channel)
        self._runner = asyncio.create_task(self._run(stub.Connect()))
        try:
            await asyncio.wait_for(asyncio.shield(self._registered), seconds)
        except TimeoutError as fault:
            await self.close()
            raise LaunchError(
                f"timeout expired while starting chaincode {package_id} for transaction"
            ) from fault

    async def close(self) -> None:
        """End the stream; executions in progress fail."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()

    async def execute(
        self,
        kind: chaincode_shim_pb2.ChaincodeMessage.Type.ValueType,
        context: CallContext,
        payload: bytes,
        channel_id: str,
        seconds: float,
    ) -> Message:
        """Run one invocation; the chaincode's COMPLETED or ERROR. Raises ExecutionError."""
        key = (channel_id, context.transaction_id)
        if key in self._contexts:
            raise ExecutionError(f"txid: {context.transaction_id}({channel_id}) exists")
        self._contexts[key] = context
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[key] = waiting
        request = Message(
            type=kind,
            payload=payload,
            txid=context.transaction_id,
            channel_id=channel_id,
            proposal=context.signed,
        )
        # Half the cost of asyncio.timeout, on the way that every endorsement takes.
        timer = asyncio.get_running_loop().call_later(seconds, _expire, waiting)
        try:
            self._send(request, len(payload) + len(context.signed.proposal_bytes))
            return await waiting
        finally:
            timer.cancel()
            del self._contexts[key], self._answers[key]

    def _send(self, message: Message, bulk: int = 0) -> None:
        """`bulk` is how many bytes of the message may be many; measuring all of it takes too long."""
        if bulk > MAX_MESSAGE // 2 and (size := message.ByteSize()) > MAX_MESSAGE:
            self._cannot_send(message, size)
            return
        self._outbox.put_nowait(message)

    def _cannot_send(self, message: Message, size: int) -> None:
        """Its transaction gets an error in the chaincode's place, and the stream ends (handler.go:357)."""
        waiting = self._answers.get((message.channel_id, message.txid))
        if waiting is not None and not waiting.done():
            text = (
                f"[{message.txid[:8]}] error sending {_kind(message)}: rpc error: code = ResourceExhausted "
                f"desc = trying to send message larger than max ({size} vs. {MAX_MESSAGE})"
            )
            waiting.set_result(Message(type=Message.ERROR, payload=text.encode()))
        if self._runner is not None:
            self._runner.cancel()

    async def _run(self, call: Any) -> None:
        writer = asyncio.create_task(self._write(call))
        problem: BaseException | None = None
        try:
            async for message in call:
                self._receive(message)
        except (grpc.aio.AioRpcError, StreamError) as fault:
            problem = fault
        finally:
            writer.cancel()
            call.cancel()
            self._end(problem)

    async def _write(self, call: Any) -> None:
        try:
            while True:
                await call.write(await self._outbox.get())
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            # The stream has ended; the reader says so to whoever waits.
            return

    def _end(self, problem: BaseException | None) -> None:
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(ExecutionError("chaincode stream terminated"))
        if not self._registered.done():
            name = self.package_id
            self._registered.set_exception(
                LaunchError(
                    f"connection to {name} failed: error handling chaincode stream for {name}: "
                    f"{_why(problem)}"
                    if self._version.stream_faults
                    else f"chaincode registration failed: connection to {name} terminated"
                )
            )
            # Whoever started the stream may have given up by now; asyncio then need not complain.
            self._registered.exception()
        for task in self._tasks:
            task.cancel()

    def _receive(self, message: Message) -> None:
        if message.type == Message.KEEPALIVE:
            return
        if not self._registered.done():
            self._register(message)
            return
        key = (message.channel_id, message.txid)
        if message.type in (Message.COMPLETED, Message.ERROR):
            waiting = self._answers.get(key)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            return
        if message.type != Message.INVOKE_CHAINCODE and not handles(message.type):
            raise _unexpected(message, "ready")
        # A second request of a transaction while one is being answered is dropped, as Fabric does.
        if key in self._active:
            return
        context = self._contexts.get(key)
        if message.type == Message.INVOKE_CHAINCODE:
            self._active.add(key)
            task = asyncio.create_task(self._invoke(message, context))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        try:
            if context is None:
                raise CallError("no ledger context")
            self._reply(message, answer(context, message.type, message.payload))
        except CallError as refusal:
            self._refuse(message, str(refusal))
        except Exception:  # noqa: BLE001 - the chaincode is told, the log has the traceback
            # One call that fails unforeseen must not end the stream of all others (handler.go:260).
            _LOG.exception("%s of %s failed", Message.Type.Name(message.type), self.package_id)
            self._refuse(message, PANIC)

    def _register(self, message: Message) -> None:
        if message.type != Message.REGISTER:
            raise _unexpected(message, "created")
        try:
            name = chaincode_pb2.ChaincodeID.FromString(message.payload).name
        except DecodeError:
            name = ""
        if name != self.package_id:
            # Fabric logs the refusal and leaves the stream open without an answer.
            return
        self._send(Message(type=Message.REGISTERED))
        abilities = _ABILITIES.SerializeToString() if self._version.additional_parameters else b""
        self._send(Message(type=Message.READY, payload=abilities))
        self._registered.set_result(None)

    async def _invoke(self, message: Message, context: CallContext | None) -> None:
        key = (message.channel_id, message.txid)
        try:
            if context is None:
                raise CallError(_without_context(message))
            spec = decode(chaincode_pb2.ChaincodeSpec, message.payload)
            if not spec.HasField("chaincode_id"):
                raise CallError(PANIC)
            payload = await self._invoker(context, spec)
            self._active.discard(key)
            self._reply(message, payload)
        except CallError as refusal:
            self._active.discard(key)
            self._refuse(message, str(refusal))
        except Exception:  # noqa: BLE001 - as above
            # As above: the caller is told, and its stream goes on.
            _LOG.exception("INVOKE_CHAINCODE of %s failed", self.package_id)
            self._active.discard(key)
            self._refuse(message, PANIC)

    def _reply(self, request: Message, payload: bytes) -> None:
        response = Message(
            type=Message.RESPONSE, payload=payload, txid=request.txid, channel_id=request.channel_id
        )
        self._send(response, len(payload))

    def _refuse(self, request: Message, reason: str) -> None:
        kind = Message.Type.Name(request.type)
        text = f"{kind} failed: transaction ID: {request.txid}: {reason}"
        self._send(
            Message(
                type=Message.ERROR, payload=text.encode(), txid=request.txid, channel_id=request.channel_id
            )
        )


def _expire(waiting: asyncio.Future[Message]) -> None:
    if not waiting.done():
        waiting.set_exception(ExecutionError("timeout expired while executing transaction"))


def _kind(message: Message) -> str:
    known = message.type in Message.Type.values()
    return Message.Type.Name(message.type) if known else str(int(message.type))


def _unexpected(message: Message, state: str) -> StreamError:
    return StreamError(
        f"error handling message, ending stream: [{message.txid}] Fabric side handler cannot handle message "
        f"({_kind(message)}) while in {state} state"
    )


def _why(problem: BaseException | None) -> str:
    """What ended a stream."""
    if isinstance(problem, grpc.aio.AioRpcError):
        return f"receive from chaincode support stream failed: {rpc_error(problem)}"
    return "EOF" if problem is None else str(problem)


def _without_context(message: Message) -> str:
    """Why a call of another chaincode fails that belongs to no transaction (handler.go:1089)."""
    if not message.channel_id:
        spec = decode(chaincode_pb2.ChaincodeSpec, message.payload)
        if not spec.HasField("chaincode_id"):
            return PANIC
        if spec.chaincode_id.name.partition("/")[0].partition(":")[0] in SYSTEM_CHAINCODES:
            return "failed to get transaction context"
    return "could not get valid transaction"
