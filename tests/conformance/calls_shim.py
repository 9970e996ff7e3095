"""What a contract on our runtime is told of its call, against what the client sent, and what it simulates."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2

from tests.conformance.calls import Access, Answer, Case, guarded, node_of, signed_proposal, unary
from tests.conformance.calls_stream import propose_once
from tests.conformance.proposals import Parts

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_SENT = "as sent"
_SHOWN = 1000
"""Characters of a payload."""
_ENDED = "chaincode stream terminated"
_TRIES = 20


def _seen(access: Access, case: Case) -> Answer:
    """The answer of the contract's `seen`: each thing that is what the client sent says so, the rest itself.

    `binary` is one more argument, as bytes in hex.
    """
    call = [*case["call"], *([bytes.fromhex(case["binary"])] if "binary" in case else [])]
    _, signed = signed_proposal(access, {**case, "call": call})

    def make() -> Answer:
        answer = unary(
            access,
            node_of(access, case),
            "/protos.Endorser/ProcessProposal",
            signed,
            proposal_response_pb2.ProposalResponse,
        )
        shown: Answer = {"code": "OK", "status": answer.response.status, "message": answer.response.message}
        if answer.response.status == 200:
            sent = sent_by(signed)
            seen = json.loads(answer.response.payload)
            shown["seen"] = {
                name: _SENT if name in sent and sent[name] == value else value for name, value in seen.items()
            }
        return shown

    return guarded(make)


def sent_by(signed: proposal_pb2.SignedProposal) -> dict[str, Any]:
    """What a proposal says of its call, by the names that the contract's `seen` uses."""
    parts = Parts(signed.proposal_bytes)
    arguments = list(parts.invocation.chaincode_spec.input.args)
    header, signature = parts.channel_header, parts.signature_header
    epoch = header.epoch.to_bytes(8, "little")
    stamp = header.timestamp
    payload = proposal_pb2.ChaincodeProposalPayload.FromString(parts.proposal.payload)
    function, *parameters = [argument.decode(errors="replace") for argument in arguments]
    assert header.type == common_pb2.ENDORSER_TRANSACTION
    return {
        "args": [argument.hex() for argument in arguments],
        "function": function,
        "parameters": parameters,
        "joined": b"".join(arguments).hex(),
        "transaction_id": header.tx_id,
        "channel": header.channel_id,
        "timestamp": (
            _EPOCH + datetime.timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
        ).isoformat(),
        "creator": signature.creator.hex(),
        "binding": hashlib.sha256(signature.nonce + signature.creator + epoch).hexdigest(),
        "transient": {name: value.hex() for name, value in sorted(payload.TransientMap.items())},
        "proposal": hashlib.sha256(signed.proposal_bytes).hexdigest(),
        "signature": signed.signature.hex(),
    }


def _simulate(access: Access, case: Case) -> Answer:
    """One peer's answer, with what was read and written.

    A message too large ends the chaincode's stream, and a real peer tells whoever waits on it one of two
    things, as chance has it: what it could not send, or that the stream ended. `insist` asks until it is the
    first, and past a stream that is still ending.
    """
    answer = propose_once(access, {"rwset": True, **case})
    for _ in range(_TRIES if case.get("insist") else 0):
        if _ENDED not in str(answer.get("message")):
            break
        answer = propose_once(access, {"rwset": True, **case})
    return answer


def _large(access: Access, case: Case) -> Answer:
    """A call with one more argument of so many `megabytes`; of a large payload its length is shown."""
    more = [bytes(int(case["megabytes"]) * 1024 * 1024)] if "megabytes" in case else []
    answer = _simulate(access, {"rwset": False, **case, "call": [*case["call"], *more]})
    if len(answer.get("payload", "")) > _SHOWN:
        answer["payload"] = f"{len(answer['payload'])} characters"
    return answer


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "Seen": _seen,
    "Large": _large,
    "Simulate": _simulate,
}
