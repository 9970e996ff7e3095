"""What a contract function is given about its call."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from fabric_protos.peer import proposal_pb2

from .errors import ContractError, InvokeError
from .identity import ClientIdentity
from .keys import composite_key, split_composite_key
from .lazy import lazy
from .state import PrivateCollection, State
from .stub import Stub

_C = TypeVar("_C", bound="Context")


class Context:
    """One call: who, when, with what, and the ledger."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._proposal = stub.proposal
        self.function = ""
        """The function that is called, by its name on the wire without its contract's."""
        # No closure over this context: only the garbage collector would free what a call leaves behind.
        self.read_arguments: Callable[[Sequence[bytes], Mapping[str, bytes]], dict[str, Any]] = _none
        """How ``arguments`` come about, of the public ones and the transient data; set by the function that
        is called."""
        self.state = State(stub)

    def of_kind(self, kind: type[_C]) -> _C:
        """The same call as a contract's own kind of context; for the runtime, before the call begins."""
        return self if type(self) is kind else kind(self._stub)

    @property
    def transaction_id(self) -> str:
        """The transaction id."""
        return self._proposal.transaction_id

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self._proposal.channel

    @property
    def timestamp(self) -> datetime.datetime:
        """The time in the proposal, set by the client and equal at every endorser; aware, UTC."""
        return self._proposal.timestamp

    @lazy
    def client(self) -> ClientIdentity:
        """The caller."""
        return ClientIdentity(self._proposal.creator)

    @property
    def creator(self) -> bytes:
        """The caller as the proposal names it, a msp.SerializedIdentity; ``client`` reads it."""
        return self._proposal.creator

    @property
    def peer_msp_id(self) -> str:
        """The organization of the peer that endorses; it differs between endorsers, so let no result depend
        on it. ContractError NO_MSP_ID where the server was not told."""
        if not self._stub.peer_msp_id:
            raise ContractError("NO_MSP_ID", "the chaincode server was not told its organization's MSP id")
        return self._stub.peer_msp_id

    @property
    def transient(self) -> Mapping[str, bytes]:
        """Transient data: seen by the endorsers, in no block."""
        return self._proposal.transient

    @property
    def args(self) -> tuple[bytes, ...]:
        """All arguments as sent, the function's name first."""
        return self._proposal.args

    @lazy
    def arguments(self) -> Mapping[str, Any]:
        """The function's arguments by name, those from the transient field too, as far as they were given.

        They are read when they are first asked for: ContractError INVALID_ARGUMENT where they do not fit.
        """
        return self.read_arguments(self.args[1:], self.transient)

    @property
    def string_args(self) -> tuple[str, ...]:
        """All arguments as text; ContractError INVALID_ARGUMENT where one is not UTF-8."""
        try:
            return tuple(arg.decode() for arg in self.args)
        except UnicodeDecodeError:
            raise ContractError("INVALID_ARGUMENT", "an argument is not UTF-8 text") from None

    @property
    def function_and_parameters(self) -> tuple[str, tuple[str, ...]]:
        """The function's name as sent ("" without any) and the other arguments, as text."""
        function, *parameters = self.string_args or ("",)
        return function, tuple(parameters)

    @property
    def args_slice(self) -> bytes:
        """All arguments as sent, one after the other."""
        return b"".join(self.args)

    @property
    def is_init(self) -> bool:
        """Whether this is the chaincode's initialization (``--isInit``)."""
        return self._proposal.is_init

    @property
    def decorations(self) -> Mapping[str, bytes]:
        """What the peer's decorators added."""
        return self._proposal.decorations

    @property
    def binding(self) -> bytes:
        """SHA-256 over nonce, creator and epoch."""
        return self._proposal.binding

    @property
    def signed_proposal(self) -> proposal_pb2.SignedProposal:
        """The proposal as the client signed it, for checks of its bytes and signature."""
        return self._proposal.signed

    @property
    def read_only(self) -> bool:
        """Whether this is a call of a query function."""
        return self._stub.read_only

    def private(self, collection: str) -> PrivateCollection:
        """A private data collection."""
        return PrivateCollection(self._stub, collection)

    def composite_key(self, object_type: str, attributes: Sequence[str]) -> str:
        """A composite key."""
        return composite_key(object_type, attributes)

    def split_composite_key(self, key: str) -> tuple[str, list[str]]:
        """Object type and attributes of a composite key."""
        return split_composite_key(key)

    @contextmanager
    def write_batch(self) -> Iterator[None]:
        """Send what is written in this block by its end: StateError comes here, not at the call's end.

        Writes are held back in any case. Peers of Fabric 3.1 take them in batches, a 2.5 peer one by one.
        When the block raises, what it wrote and was not sent yet goes with what is sent next.
        """
        yield
        self._stub.flush()

    def emit(self, name: str, payload: bytes = b"") -> None:
        """Set the transaction's event; it has one. Its payload is public."""
        self._stub.set_event(name, payload)

    def invoke(self, chaincode: str, args: Sequence[bytes | str], channel: str = "") -> bytes:
        """Call another chaincode and return its payload; on another channel it can only read.

        Raises ContractError with the called contract's own refusal, and InvokeError for any other failure.
        What the called chaincode writes on this channel becomes part of this transaction, so query functions
        can only call chaincodes of other channels.
        """
        encoded = [arg.encode() if isinstance(arg, str) else arg for arg in args]
        response = self._stub.invoke(chaincode, encoded, channel)
        if response.status < 400:
            return response.payload
        raise ContractError.from_payload(response.payload) or InvokeError(response.message, response.status)


def _none(_args: Sequence[bytes], _transient: Mapping[str, bytes]) -> dict[str, Any]:
    return {}
