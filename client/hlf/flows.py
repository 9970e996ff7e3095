"""Every operation as a flow: a generator that yields what it needs done and is sent the answer.

A flow yields a `Call` (one RPC), a `Sign` or a `Pause`; a driver does it, waiting or awaiting. So the order
of things, the deadlines and what an error means are written once, for Gateway and AsyncGateway alike.
Programs write flows of their own with ``yield from`` and run them with ``gateway.run(flow)``::

    def pay_and_note(payments: ContractFlows, notes: ContractFlows) -> Flow[Outcome]:
        outcome = yield from payments.execute("Pay", "100")
        yield from notes.submit("Note", outcome.transaction_id)
        return outcome
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar, Unpack

from fabric_protos.gateway.gateway_pb2 import (
    CommitStatusResponse,
    EndorseRequest,
    EndorseResponse,
    EvaluateRequest,
    EvaluateResponse,
    SignedCommitStatusRequest,
    SubmitRequest,
    SubmitResponse,
)
from fabric_protos.peer.proposal_pb2 import SignedProposal
from fabric_protos.peer.transaction_pb2 import TxValidationCode
from google.protobuf.message import DecodeError

from hlf.commitlog import Watch
from hlf.effects import (
    Closed,
    Deadline,
    Expect,
    Flow,
    Pause,
    RpcFailure,
    Session,
    Sign,
    Wait,
)
from hlf.errors import (
    CommitError,
    CommitStatusError,
    EndorseError,
    EvaluateError,
    FabricError,
    IdentityError,
    SubmitError,
)
from hlf.hints import hint_for_validation
from hlf.identity import SigningIdentity
from hlf.observed import rpc, told
from hlf.observer import CallFacts
from hlf.options import (
    CALL_OPTIONS,
    ONCE,
    PROPOSAL_OPTIONS,
    CallOptions,
    ProposalOptions,
    Retry,
    check,
    check_values,
    of_proposal,
)
from hlf.steps import CommitStatus, CommitStep, Outcome, ProposalStep, TransactionStep
from hlf.wire.proposal import build_proposal
from hlf.wire.transaction import TransactionFacts

__all__ = [
    "CallOptions",
    "ContractFlows",
    "Flow",
    "ProposalOptions",
    "Retry",
    "commit_status",
    "complete",
    "endorse",
    "evaluate",
    "require_valid",
    "sign",
    "sign_message",
    "submit",
]

T = TypeVar("T")

_SERVICE = "/gateway.Gateway/"
_EVALUATE, _ENDORSE = _SERVICE + "Evaluate", _SERVICE + "Endorse"
_SUBMIT, _COMMIT_STATUS = _SERVICE + "Submit", _SERVICE + "CommitStatus"

# Answers to Submit that come before any orderer has the transaction; ABORTED is a Raft orderer's refusal.
_REFUSED = frozenset(
    {
        "INVALID_ARGUMENT",
        "FAILED_PRECONDITION",
        "NOT_FOUND",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "UNIMPLEMENTED",
        "ABORTED",
    }
)
# Answers to CommitStatus after which asking again makes sense.
_ASK_AGAIN = frozenset(
    {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"}
)
_PAUSE = 0.2
_LONGEST_WINDOW = 4  # times the first one
_UNOBSERVED = nullcontext()
_LOGGER = logging.getLogger(__name__)


class _Signable(Protocol):
    @property
    def signature(self) -> bytes: ...
    @property
    def message(self) -> bytes: ...
    def signed(self, signature: bytes) -> Self: ...


S = TypeVar("S", bound=_Signable)


def sign(session: Session, step: S) -> Flow[S]:
    """Return ``step`` with a signature; as it is where it has one."""
    if step.signature:
        return step
    return step.signed((yield _signing(session, step.message)))


def sign_message(session: Session, message: bytes) -> Flow[bytes]:
    """Sign a message with the session's identity; IdentityError where the identity cannot sign."""
    signature: bytes = yield _signing(session, message)
    return signature


def _signing(session: Session, message: bytes) -> Sign:
    if not isinstance(session.identity, SigningIdentity):
        raise IdentityError(
            "this gateway has an identity without a key",
            hint="sign the step's digest() and rebuild it with the signature",
        )
    return Sign(session.identity, message)


def evaluate(session: Session, proposal: ProposalStep, timeout: float | None = None) -> Flow[bytes]:
    """Run a proposal on one peer and return the chaincode's result; EvaluateError."""
    signature = proposal.signature or (yield _signing(session, proposal.message))
    request = EvaluateRequest(
        transaction_id=proposal.transaction_id,
        channel_id=proposal.channel,
        proposed_transaction=SignedProposal(proposal_bytes=proposal.proposal, signature=signature),
        target_organizations=proposal.endorsing_organizations,
    )
    limit = session.timeouts.evaluate if timeout is None else timeout
    try:
        call = rpc(session, _EVALUATE, request, EvaluateResponse, limit, proposal)
        answer: EvaluateResponse = yield from call
    except RpcFailure as failure:
        raise failure.to(EvaluateError, "evaluate failed", proposal.transaction_id) from None
    return answer.result.payload


def endorse(session: Session, proposal: ProposalStep, timeout: float | None = None) -> Flow[TransactionStep]:
    """Collect endorsements and return the transaction, unsigned; EndorseError."""
    signature = proposal.signature or (yield _signing(session, proposal.message))
    request = EndorseRequest(
        transaction_id=proposal.transaction_id,
        channel_id=proposal.channel,
        proposed_transaction=SignedProposal(proposal_bytes=proposal.proposal, signature=signature),
        endorsing_organizations=proposal.endorsing_organizations,
    )
    limit = session.timeouts.endorse if timeout is None else timeout
    try:
        call = rpc(session, _ENDORSE, request, EndorseResponse, limit, proposal)
        answer: EndorseResponse = yield from call
    except RpcFailure as failure:
        raise failure.to(EndorseError, "endorse failed", proposal.transaction_id) from None
    payload = answer.prepared_transaction.payload
    transaction = TransactionStep(proposal.transaction_id, proposal.channel, payload, hash=proposal.hash)
    if not _answers(transaction):
        raise EndorseError(
            "the peer prepared another transaction than was proposed",
            code="INTERNAL",
            transaction_id=proposal.transaction_id,
        )
    return transaction


def _answers(transaction: TransactionStep) -> bool:
    """Whether a prepared transaction can be read and is the one that was proposed: it will be signed."""
    try:
        facts = transaction.facts
    except DecodeError:
        return False
    return (facts.transaction_id, facts.channel) == (transaction.transaction_id, transaction.channel)


def submit(session: Session, transaction: TransactionStep, timeout: float | None = None) -> Flow[CommitStep]:
    """Send a transaction to the orderers.

    SubmitError only where it was refused before an orderer took it; every other failure leaves the outcome
    open and returns a commit that is not ``accepted``, which `commit_status` resolves.
    """
    transaction = yield from sign(session, transaction)
    limit = session.timeouts.submit if timeout is None else timeout
    deadline = Deadline(session, limit)
    watch = None
    if session.commits == "stream":
        # Before the transaction is sent: its block must not pass unseen.
        watch = yield Expect(session, transaction.channel, transaction.transaction_id, limit)
    failure = yield from _send(session, transaction, deadline.within(limit))
    if failure is not None and (failure.code in _REFUSED or isinstance(failure, Closed)):
        raise failure.to(
            SubmitError, "submit failed", transaction.transaction_id, transaction=transaction.bytes()
        )
    return _sent(session, transaction, failure, watch)


def _sent(
    session: Session, transaction: TransactionStep, failure: RpcFailure | None, watch: Watch | None = None
) -> CommitStep:
    refusal = "" if failure is None else failure.message or failure.code
    return CommitStep.of(transaction, session.identity, refusal=refusal, watch=watch)


def _send(session: Session, transaction: TransactionStep, timeout: float) -> Flow[RpcFailure | None]:
    request = SubmitRequest(
        transaction_id=transaction.transaction_id,
        channel_id=transaction.channel,
        prepared_transaction=transaction.envelope(),
    )
    try:
        yield from rpc(session, _SUBMIT, request, SubmitResponse, timeout, transaction)
    except RpcFailure as failure:
        return failure
    return None


def commit_status(session: Session, commit: CommitStep, timeout: float | None = None) -> Flow[CommitStatus]:
    """Wait until a transaction stands in a block, sending it again where none is seen for some seconds.

    CommitStatusError when the deadline ends first: the outcome is unknown, not failed.
    """
    limit = session.timeouts.commit_status if timeout is None else timeout
    deadline = Deadline(session, limit)
    first = session.resend_after if commit.accepted else session.resend_unaccepted_after
    if commit.transaction is None:
        first = limit
    window = first
    if commit.watch is not None:
        block: int | None = yield Wait(commit.watch, deadline.within(window))
        if block is not None:
            return CommitStatus(commit.transaction_id, block, "VALID")
        if not commit.watch.done and deadline.within(limit):
            yield from _resend(session, commit, deadline.within(window))
    signature = commit.signature or (yield _signing(session, commit.message))
    request = SignedCommitStatusRequest(request=commit.request, signature=signature)
    while True:
        wait = deadline.within(window)
        call = rpc(session, _COMMIT_STATUS, request, CommitStatusResponse, wait, commit)
        try:
            answer: CommitStatusResponse = yield from call
            break
        except RpcFailure as failure:
            ends = failure.code not in _ASK_AGAIN or isinstance(failure, Closed)
            if ends or not deadline.within(limit):
                raise _unknown(failure, commit) from None
            if failure.code == "DEADLINE_EXCEEDED":
                # Where all is slow, a peer has to be let finish, and orderers not be given ever more to do.
                window = min(2 * window, _LONGEST_WINDOW * first)
            else:
                yield from _pause(deadline.within(_PAUSE))
        yield from _resend(session, commit, deadline.within(first))
    if commit.watch is not None:
        commit.watch.told(answer.block_number)
    return CommitStatus(commit.transaction_id, answer.block_number, _code_name(answer.result))


def _code_name(code: int) -> str:
    try:
        return TxValidationCode.Name(code)  # type: ignore[arg-type]
    except ValueError:
        return str(code)


def _resend(session: Session, commit: CommitStep, timeout: float) -> Flow[None]:
    """Send a transaction once more: whatever that answers, only the commit status tells the outcome."""
    if commit.transaction is not None:
        _LOGGER.info("transaction %s is in no block yet: it is sent again", commit.transaction_id)
        yield from _send(session, commit.transaction, timeout)


def _pause(seconds: float) -> Flow[None]:
    """Let some time pass; cut short when the gateway is closed, which the next call finds out."""
    try:
        yield Pause(seconds)
    except Closed:
        return


def _unknown(failure: RpcFailure, commit: CommitStep) -> CommitStatusError:
    transaction = commit.transaction.bytes() if commit.transaction else b""
    remedy = "resume(error.transaction)" if transaction else "ask the commit's status again"
    return failure.to(
        CommitStatusError,
        "outcome unknown, no commit was seen" + (f" (submit: {commit.refusal})" if commit.refusal else ""),
        commit.transaction_id,
        transaction=transaction,
        hint=f"the transaction may still commit: {remedy}, do not make a new one",
    )


def complete(
    session: Session, transaction: TransactionStep, timeout: float | None = None
) -> Flow[CommitStatus]:
    """Send a transaction that may have been sent before, and wait for its outcome.

    CommitStatusError, never SubmitError: an earlier sending may be ordered although this one is refused.
    """
    deadline = Deadline(session, timeout)
    transaction = yield from sign(session, transaction)
    with told(session, CallFacts("resume", transaction.channel)):
        failure = yield from _send(session, transaction, deadline.within(session.timeouts.submit))
        commit = _sent(session, transaction, failure)
        return (yield from commit_status(session, commit, deadline.rest(session.timeouts.commit_status)))


def require_valid(status: CommitStatus) -> None:
    """Raise CommitError unless the transaction is valid."""
    if not status.successful:
        raise CommitError(
            f"transaction {status.transaction_id} stands in block {status.block_number} as invalid: "
            f"{status.validation_code}",
            hint=hint_for_validation(status.validation_code),
            validation_code=status.validation_code,
            block_number=status.block_number,
            transaction_id=status.transaction_id,
        )


@dataclass(frozen=True)
class ContractFlows:
    """The calls of one chaincode as flows. ``name`` is the contract's, where a chaincode holds several."""

    session: Session
    channel: str
    chaincode: str
    name: str | None = None

    def proposal(self, function: str, *args: str | bytes, **options: Unpack[ProposalOptions]) -> ProposalStep:
        """Build a proposal with a new transaction id; no I/O, not signed yet. TypeError: unknown option."""
        check(options, PROPOSAL_OPTIONS)
        session, transient = self.session, options.get("transient", {})
        organizations = options.get("endorsing_organizations", ())
        if isinstance(organizations, str):
            raise TypeError("endorsing_organizations is str, not a list of MSP ids")
        values = [self._qualified(function), *args]
        try:
            parts = build_proposal(
                session.identity,
                self.channel,
                self.chaincode,
                [value.encode() if isinstance(value, str) else value for value in values],
                transient,
                session.nonce(),
                session.time_ns(),
            )
        except (TypeError, ValueError):
            # The protocol's messages say that something is wrong, but not what.
            check_values(function, args, transient)
            raise
        return ProposalStep(
            parts.transaction_id, self.channel, parts.proposal, tuple(organizations), hash=session.hash
        )

    def evaluate(self, function: str, *args: str | bytes, **options: Unpack[CallOptions]) -> Flow[bytes]:
        """Query: run the function on one peer, write nothing."""

        def once(session: Session, deadline: Deadline) -> Flow[bytes]:
            proposal = self.proposal(function, *args, **of_proposal(options))
            return evaluate(session, proposal, deadline.rest(session.timeouts.evaluate))

        return self._attempts("evaluate", function, once, options)

    def execute(self, function: str, *args: str | bytes, **options: Unpack[CallOptions]) -> Flow[Outcome]:
        """Endorse, submit and wait for the commit."""
        facts, status = yield from self._committed(function, args, options)
        return Outcome(
            facts.result,
            status.transaction_id,
            status.block_number,
            status.validation_code,
            facts.endorsers,
        )

    def _committed(
        self, function: str, args: Sequence[str | bytes], options: CallOptions
    ) -> Flow[tuple[TransactionFacts, CommitStatus]]:
        def once(session: Session, deadline: Deadline) -> Flow[tuple[TransactionFacts, CommitStatus]]:
            proposal = self.proposal(function, *args, **of_proposal(options))
            transaction = yield from endorse(session, proposal, deadline.rest(session.timeouts.endorse))
            commit = yield from submit(session, transaction, deadline.within(session.timeouts.submit))
            limit = deadline.rest(session.timeouts.commit_status)
            status = yield from commit_status(session, commit, limit)
            require_valid(status)
            return transaction.facts, status

        return self._attempts("submit", function, once, options)

    def submit_async(
        self, function: str, *args: str | bytes, **options: Unpack[CallOptions]
    ) -> Flow[CommitStep]:
        """Endorse and submit, without waiting for the commit."""

        def once(session: Session, deadline: Deadline) -> Flow[CommitStep]:
            proposal = self.proposal(function, *args, **of_proposal(options))
            transaction = yield from endorse(session, proposal, deadline.rest(session.timeouts.endorse))
            return (yield from submit(session, transaction, deadline.within(session.timeouts.submit)))

        return self._attempts("submit_async", function, once, options)

    def submit(self, function: str, *args: str | bytes, **options: Unpack[CallOptions]) -> Flow[bytes]:
        """Endorse, submit, wait for the commit and return the chaincode's result."""
        facts, _status = yield from self._committed(function, args, options)
        return facts.result

    def _observed(self, session: Session, kind: str, function: str) -> AbstractContextManager[None]:
        if not session.observers:
            return _UNOBSERVED
        return told(session, CallFacts(kind, self.channel, self.chaincode, self._qualified(function)))

    def _qualified(self, function: str) -> str:
        return f"{self.name}:{function}" if self.name else function

    def _attempts(
        self, kind: str, function: str, once: Callable[[Session, Deadline], Flow[T]], options: CallOptions
    ) -> Flow[T]:
        check(options, CALL_OPTIONS)
        session = self.session
        if "timeouts" in options:
            session = replace(session, timeouts=options["timeouts"])
        deadline = Deadline(session, options.get("timeout"))
        retry = options.get("retry") or ONCE
        with self._observed(session, kind, function):
            for attempt in range(retry.attempts - 1):
                try:
                    return (yield from once(session, deadline))
                except FabricError as error:
                    pause = retry.pause * 2**attempt
                    if not retry.allows(error) or deadline.within(pause) < pause:
                        raise
                    yield from _pause(pause)
            return (yield from once(session, deadline))
