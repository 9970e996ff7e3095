"""Flows' RPCs and calls as a session's observers are told of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import Message

from hlf.effects import Call, Flow, RpcFailure, Session
from hlf.errors import FabricError
from hlf.observer import CallFacts, Metadata, Outcome, RpcFacts, observe_call, observe_rpc
from hlf.steps import CommitStep, ProposalStep, TransactionStep


def rpc(
    session: Session,
    method: str,
    request: Message,
    response: type[Message],
    timeout: float,
    step: ProposalStep | TransactionStep | CommitStep,
) -> Flow[Any]:
    """Make one RPC, told to the session's observers if it has any."""
    if not session.observers:
        return (yield Call(method, request, response, timeout))
    metadata: Metadata = []
    facts = RpcFacts(method.rpartition("/")[2], step.channel, step.transaction_id)
    ended = observe_rpc(session.observers, facts, metadata)
    began, code = session.monotonic(), "CANCELLED"
    try:
        answer = yield Call(method, request, response, timeout, metadata)
        code = "OK"
        return answer
    except RpcFailure as failure:
        code = failure.code
        raise
    finally:
        ended(Outcome(code, session.monotonic() - began))


@contextmanager
def told(session: Session, call: CallFacts) -> Iterator[None]:
    """Tell the session's observers of a call and of how it ended."""
    ended = observe_call(session.observers, call)
    began, code = session.monotonic(), "CANCELLED"
    try:
        yield
        code = "OK"
    except FabricError as error:
        code = getattr(error, "validation_code", "") or getattr(error, "code", "") or type(error).__name__
        raise
    finally:
        ended(Outcome(code, session.monotonic() - began))
