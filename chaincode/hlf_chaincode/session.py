"""The chaincode's side of the chaincode protocol, without any I/O.

A ``Session`` is one stream to one peer: messages in, actions out. A ``Call`` is one invocation; it runs
to its COMPLETED message over an ``exchange`` function, which the server gives by a socket and MemoryLedger by
a function call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_response_pb2
from google.protobuf.message import DecodeError

from .abilities import Abilities
from .context import Context
from .contract import Function
from .errors import ContractError, PeerError, ProtocolError, StateError, StreamClosed
from .metadata import METADATA_FUNCTION
from .proposal import Proposal
from .stub import Exchange, Stub, read_answer

Message = chaincode_shim_pb2.ChaincodeMessage
CallKey = tuple[str, str]

_CALLS = frozenset({Message.TRANSACTION, Message.INIT})
_ANSWERS = frozenset({Message.RESPONSE, Message.ERROR})
_LOG = logging.getLogger(__name__)


class Functions(Protocol):
    """What a call's arguments name: a ``Registry``, or what stands for one."""

    def find(self, name: str) -> Function:
        """The function of that name; ContractError where there is none."""

    def call(self, ctx: Context, allow_writes: Callable[[bool], None]) -> bytes:
        """Run the function that the arguments name."""


@dataclass(frozen=True)
class Send:
    """Send a message to the peer."""

    message: Message


@dataclass(frozen=True)
class Begin:
    """Run a call."""

    call: Call


@dataclass(frozen=True)
class Answer:
    """Hand the peer's answer to the call that waits for it."""

    key: CallKey
    message: Message


Action = Send | Begin | Answer


class Call:
    """One TRANSACTION or INIT of the peer.

    ``status`` and ``reason`` say how it ended (see ``Outcome``); ``failure`` is the exception, if any.
    ``msp_id`` is the organization of the peer, where it is known.
    """

    def __init__(
        self, functions: Functions, message: Message, abilities: Abilities, msp_id: str = ""
    ) -> None:
        self.msp_id = msp_id
        self.key: CallKey = (message.channel_id, message.txid)
        self.failure: Exception | None = None
        self.status = 0
        self.reason = "lost"
        self._functions = functions
        self._message = message
        self._abilities = abilities
        # What is still to be sent once the function has returned, the last of it first.
        self._last: list[Message] = []

    @property
    def function(self) -> str:
        """``contract:function`` where the chaincode has what the call names, else ""."""
        try:
            asked = chaincode_pb2.ChaincodeInput.FromString(self._message.payload).args[0]
            name = asked.decode(errors="replace")
            if name == METADATA_FUNCTION:
                return name
            found = self._functions.find(name)
        except (DecodeError, IndexError, ContractError):
            return ""
        return f"{found.contract}:{found.name}"

    def run(self, exchange: Exchange) -> Message:
        """The message that ends the call; never raises but for StreamClosed, when nobody waits for it.

        A contract that raises answers 500 with the reason; ``failure`` keeps the exception. A failed call's
        held back writes are not sent: no peer endorses them.
        """
        message = self.begin(exchange)
        while message.type != Message.COMPLETED:
            message = self.proceed(exchange(message))
        return message

    def begin(self, exchange: Exchange) -> Message:
        """``run`` without its last part, in which no code of the contract runs any more.

        The result is to be sent: the message that ends the call, or else a write that was held back, whose
        answer is for ``proceed``.
        """
        try:
            stub = Stub(Proposal(self._message), exchange, self._abilities, self.msp_id)
        except Exception as error:  # noqa: BLE001 - whatever a malformed proposal raises, the peer must hear
            self.failure = error
            return self.refused("failed", f"cannot read the proposal: {error}")
        try:
            payload = self._functions.call(Context(stub), lambda allowed: _allow(stub, allowed))
        except StreamClosed:
            raise
        except Exception as error:  # noqa: BLE001 - any exception of a contract becomes its answer
            return self._failed(error)
        finally:
            stub.ended = True
        completed = self._completed("ok", proposal_response_pb2.Response(status=200, payload=payload))
        if stub.event is not None:
            completed.chaincode_event.CopyFrom(stub.event)
        self._last = [completed, *reversed(stub.take_writes())]
        return self._last.pop()

    def proceed(self, answer: Message) -> Message:
        """What to send after the peer's answer to a write that ``begin`` or this has given."""
        try:
            read_answer(answer, StateError)
        except (PeerError, ProtocolError) as error:
            return self._failed(error)
        return self._last.pop()

    def refused(self, reason: str, text: str, payload: bytes = b"") -> Message:
        """The message that ends the call with 500; ``reason`` as in ``Outcome``."""
        response = proposal_response_pb2.Response(status=500, message=text, payload=payload)
        return self._completed(reason, response)

    def _failed(self, error: Exception) -> Message:
        self.failure = error
        if isinstance(error, ContractError):
            return self.refused("refused", str(error), error.payload())
        if isinstance(error, PeerError):
            return self.refused("peer", str(error))
        # The type and place only: an exception's text may hold what the state or the caller said.
        self._log(error)
        return self.refused("failed", f"INTERNAL: {type(error).__name__}: {error}")

    def _log(self, error: Exception) -> None:
        channel, transaction_id = self.key
        place = _place(error)
        _LOG.error(
            "%s in a contract function, at %s",
            type(error).__name__,
            place,
            extra={"channel": channel, "transaction_id": transaction_id, "place": place},
        )

    def _completed(self, reason: str, response: proposal_response_pb2.Response) -> Message:
        self.status, self.reason = response.status, reason
        channel, transaction_id = self.key
        return Message(
            type=Message.COMPLETED,
            payload=response.SerializeToString(),
            txid=transaction_id,
            channel_id=channel,
        )


class Session:
    """One stream: created -> established -> ready, then any number of calls at once.

    ``ready`` is called when the peer has accepted the chaincode; ``msp_id`` is its organization, if known.
    """

    def __init__(
        self,
        package_id: str,
        functions: Functions,
        *,
        ready: Callable[[], None] = lambda: None,
        msp_id: str = "",
    ) -> None:
        self.package_id = package_id
        self.msp_id = msp_id
        self._functions = functions
        self._accepted = ready
        self._state = "created"
        self._abilities = Abilities()

    def open(self) -> list[Action]:
        """The first message: REGISTER with the package id."""
        payload = chaincode_pb2.ChaincodeID(name=self.package_id).SerializeToString()
        return [Send(Message(type=Message.REGISTER, payload=payload))]

    @property
    def ready(self) -> bool:
        """Whether the peer has accepted this chaincode."""
        return self._state == "ready"

    def receive(self, message: Message) -> Sequence[Action]:
        """What to do about a message; ProtocolError when it does not belong here, which ends the stream."""
        kind = message.type
        if self._state == "ready":
            if kind in _CALLS:
                return [Begin(Call(self._functions, message, self._abilities, self.msp_id))]
            if kind in _ANSWERS:
                return [Answer((message.channel_id, message.txid), message)]
        if kind == Message.KEEPALIVE:
            return [Send(message)]
        if self._state == "created" and kind == Message.REGISTERED:
            self._state = "established"
            return []
        if self._state == "established" and kind == Message.READY:
            self._state = "ready"
            self._abilities = _abilities(message.payload)
            self._accepted()
            return []
        name = Message.Type.Name(kind)
        raise ProtocolError(f"cannot handle message ({name}) while in state: {self._state}")


def _abilities(payload: bytes) -> Abilities:
    try:
        return Abilities.from_payload(payload)
    except DecodeError as error:
        raise ProtocolError("READY's payload is not ChaincodeAdditionalParams") from error


def _allow(stub: Stub, allowed: bool) -> None:
    stub.read_only = not allowed


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
