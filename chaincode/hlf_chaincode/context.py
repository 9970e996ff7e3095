"""What a contract function is given about its call."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import cached_property

from fabric_protos.peer import proposal_pb2

from .errors import ContractError, PeerError
from .identity import ClientIdentity
from .keys import composite_key, split_composite_key
from .state import PrivateCollection, State
from .stub import Stub


class Context:
    """One call: who, when, with what, and the ledger."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._proposal = stub.proposal
        self.state = State(stub)

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

    @cached_property
    def client(self) -> ClientIdentity:
        """The caller."""
        return ClientIdentity(self._proposal.creator)

    @property
    def transient(self) -> Mapping[str, bytes]:
        """Transient data: seen by the endorsers, in no block."""
        return self._proposal.transient

    @property
    def args(self) -> tuple[bytes, ...]:
        """All arguments as sent, the function's name first."""
        return self._proposal.args

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
        """The proposal as the client signed it."""
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

    def emit(self, name: str, payload: bytes = b"") -> None:
        """Set the transaction's event; it has one. Its payload is public."""
        self._stub.set_event(name, payload)

    def invoke(self, chaincode: str, args: Sequence[bytes | str], channel: str = "") -> bytes:
        """Call another chaincode and return its payload; on another channel it can only read.

        Raises ContractError with the called contract's own refusal, and PeerError for any other failure.
        What the called chaincode writes on this channel becomes part of this transaction, so query functions
        can only call chaincodes of other channels.
        """
        encoded = [arg.encode() if isinstance(arg, str) else arg for arg in args]
        response = self._stub.invoke(chaincode, encoded, channel)
        if response.status < 400:
            return response.payload
        raise ContractError.from_payload(response.payload) or PeerError(response.message)
