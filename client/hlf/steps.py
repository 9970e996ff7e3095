"""The steps of a transaction as data: what has been built so far, and what is still to be signed.

Each step knows its ``bytes()``, to be stored or carried elsewhere, the ``message`` that its signature covers
and that message's ``digest()``. No step does any I/O.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from functools import cached_property

from fabric_protos.common.common_pb2 import Envelope
from fabric_protos.gateway.gateway_pb2 import (
    CommitStatusRequest,
    PreparedTransaction,
    ProposedTransaction,
    SignedCommitStatusRequest,
)
from fabric_protos.peer.proposal_pb2 import SignedProposal
from google.protobuf.message import DecodeError

from hlf.commitlog import Watch
from hlf.errors import ConfigurationError
from hlf.identity import Identity, SigningIdentity, digest
from hlf.wire.proposal import read_proposal
from hlf.wire.transaction import TransactionFacts, read_transaction


@dataclass(frozen=True)
class ProposalStep:
    """A proposal, signed or not. ``proposal`` is the serialized peer.Proposal."""

    transaction_id: str
    channel: str
    proposal: builtins.bytes
    endorsing_organizations: tuple[str, ...] = ()
    signature: builtins.bytes = b""
    hash: str = "sha256"

    @property
    def message(self) -> builtins.bytes:
        """What the signature covers."""
        return self.proposal

    def digest(self) -> builtins.bytes:
        """Return the hash that an offline signer signs."""
        return digest(self.proposal, self.hash)

    def bytes(self) -> builtins.bytes:
        """Return gateway.ProposedTransaction, serialized; the other SDKs read it too."""
        return ProposedTransaction(
            transaction_id=self.transaction_id,
            proposal=SignedProposal(proposal_bytes=self.proposal, signature=self.signature),
            endorsing_organizations=self.endorsing_organizations,
        ).SerializeToString()

    @classmethod
    def from_bytes(
        cls, data: builtins.bytes, signature: builtins.bytes = b"", hash: str = "sha256"
    ) -> ProposalStep:
        """Rebuild a proposal; ``signature`` replaces the one in ``data``."""
        try:
            message = ProposedTransaction.FromString(data)
            facts = read_proposal(message.proposal.proposal_bytes)
        except DecodeError as error:
            raise ConfigurationError("these are not the bytes of a proposal") from error
        return cls(
            facts.transaction_id,
            facts.channel,
            message.proposal.proposal_bytes,
            tuple(message.endorsing_organizations),
            signature or message.proposal.signature,
            hash,
        )

    def signed(self, signature: builtins.bytes) -> ProposalStep:
        """Return this proposal with a signature."""
        return ProposalStep(
            self.transaction_id,
            self.channel,
            self.proposal,
            self.endorsing_organizations,
            signature,
            self.hash,
        )


@dataclass(frozen=True)
class TransactionStep:
    """An endorsed transaction, signed or not. ``payload`` is the envelope's (serialized common.Payload)."""

    transaction_id: str
    channel: str
    payload: builtins.bytes
    signature: builtins.bytes = b""
    hash: str = "sha256"

    @property
    def message(self) -> builtins.bytes:
        """What the signature covers."""
        return self.payload

    def digest(self) -> builtins.bytes:
        """Return the hash that an offline signer signs."""
        return digest(self.payload, self.hash)

    @cached_property
    def facts(self) -> TransactionFacts:
        """What the endorsed transaction says: result, endorsers."""
        return read_transaction(self.payload)

    def envelope(self) -> Envelope:
        """Return the protocol message that orderers are sent."""
        return Envelope(payload=self.payload, signature=self.signature)

    def bytes(self) -> builtins.bytes:
        """Return gateway.PreparedTransaction, serialized; the other SDKs read it too."""
        return PreparedTransaction(
            transaction_id=self.transaction_id, envelope=self.envelope()
        ).SerializeToString()

    @classmethod
    def from_bytes(
        cls, data: builtins.bytes, signature: builtins.bytes = b"", hash: str = "sha256"
    ) -> TransactionStep:
        """Rebuild a transaction; ``signature`` replaces the one in ``data``."""
        try:
            envelope = PreparedTransaction.FromString(data).envelope
            facts = read_transaction(envelope.payload)
        except DecodeError as error:
            raise ConfigurationError("these are not the bytes of a transaction") from error
        return cls(
            facts.transaction_id, facts.channel, envelope.payload, signature or envelope.signature, hash
        )

    def signed(self, signature: builtins.bytes) -> TransactionStep:
        """Return this transaction with a signature."""
        return TransactionStep(self.transaction_id, self.channel, self.payload, signature, self.hash)


@dataclass(frozen=True)
class CommitStep:
    """A submitted transaction whose outcome can be asked for.

    ``transaction`` is what was submitted, for sending it again; None in a step rebuilt from its bytes.
    ``refusal`` is what Submit answered where that left open whether orderers took it, "" where it was OK.
    ``watch`` waits for it on the channel's commit stream, where the gateway has one.
    """

    transaction_id: str
    channel: str
    request: builtins.bytes
    signature: builtins.bytes = b""
    hash: str = "sha256"
    transaction: TransactionStep | None = None
    refusal: str = ""
    watch: Watch | None = None

    @property
    def accepted(self) -> bool:
        """Whether Submit was answered OK."""
        return not self.refusal

    @property
    def message(self) -> builtins.bytes:
        """What the signature covers."""
        return self.request

    def digest(self) -> builtins.bytes:
        """Return the hash that an offline signer signs."""
        return digest(self.request, self.hash)

    def bytes(self) -> builtins.bytes:
        """Return gateway.SignedCommitStatusRequest, serialized; the other SDKs read it too."""
        return SignedCommitStatusRequest(request=self.request, signature=self.signature).SerializeToString()

    @classmethod
    def of(
        cls,
        transaction: TransactionStep,
        identity: Identity | SigningIdentity,
        *,
        refusal: str = "",
        watch: Watch | None = None,
    ) -> CommitStep:
        """Return the step after submitting ``transaction``."""
        request = CommitStatusRequest(
            transaction_id=transaction.transaction_id,
            channel_id=transaction.channel,
            identity=identity.serialized(),
        ).SerializeToString()
        return cls(
            transaction.transaction_id,
            transaction.channel,
            request,
            hash=transaction.hash,
            transaction=transaction,
            refusal=refusal,
            watch=watch,
        )

    @classmethod
    def from_bytes(
        cls, data: builtins.bytes, signature: builtins.bytes = b"", hash: str = "sha256"
    ) -> CommitStep:
        """Rebuild a commit; ``signature`` replaces the one in ``data``."""
        try:
            message = SignedCommitStatusRequest.FromString(data)
            request = CommitStatusRequest.FromString(message.request)
        except DecodeError as error:
            raise ConfigurationError("these are not the bytes of a commit") from error
        return cls(
            request.transaction_id, request.channel_id, message.request, signature or message.signature, hash
        )

    def signed(self, signature: builtins.bytes) -> CommitStep:
        """Return this commit with a signature."""
        return CommitStep(
            self.transaction_id,
            self.channel,
            self.request,
            signature,
            self.hash,
            self.transaction,
            self.refusal,
            self.watch,
        )


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """How a transaction ended: ``validation_code`` is the name in peer.TxValidationCode."""

    transaction_id: str
    block_number: int
    validation_code: str

    @property
    def successful(self) -> bool:
        """Whether the transaction changed the ledger."""
        return self.validation_code == "VALID"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A transaction that committed as valid: what the chaincode returned, where it stands, who endorsed."""

    result: bytes
    transaction_id: str
    block_number: int
    validation_code: str
    endorsers: tuple[str, ...]
