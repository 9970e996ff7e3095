"""Messages built and read back: proposals, transactions, seeks, status details, steps."""

import hashlib

import pytest
from fabric_protos.common.common_pb2 import ChannelHeader, Header, HeaderType
from fabric_protos.peer.proposal_pb2 import ChaincodeAction, Proposal
from fabric_protos.peer.proposal_response_pb2 import (
    Endorsement,
    ProposalResponse,
    ProposalResponsePayload,
    Response,
)
from hypothesis import given
from hypothesis import strategies as st

from hlf import EndorseError, Identity, PeerDetail
from hlf.steps import CommitStep, ProposalStep, TransactionStep
from hlf.wire.deliver import ENDLESS, read_seek, seek_envelope, seek_position
from hlf.wire.proposal import build_proposal, read_proposal, transaction_id
from hlf.wire.status import decode_details, encode_details
from hlf.wire.transaction import assemble_transaction, proposal_hash, read_transaction

IDENTITY = Identity("Org1MSP", b"certificate")
ARGS = (IDENTITY, "ch", "basic")


@given(
    st.lists(st.binary(), min_size=1, max_size=4),
    st.dictionaries(st.text(), st.binary(), max_size=3),
    st.binary(min_size=24, max_size=24),
    st.integers(0, 2**62),
)
def test_proposal_round_trip(args, transient, nonce, timestamp_ns):
    parts = build_proposal(*ARGS, args, transient, nonce, timestamp_ns)
    facts = read_proposal(parts.proposal)
    assert facts.transaction_id == parts.transaction_id == transaction_id(nonce, IDENTITY.serialized())
    assert facts.transaction_id == hashlib.sha256(nonce + IDENTITY.serialized()).hexdigest()
    assert (facts.channel, facts.chaincode) == ("ch", "basic")
    assert facts.args == tuple(args)
    assert facts.transient == transient
    assert (facts.creator, facts.nonce, facts.timestamp_ns) == (IDENTITY.serialized(), nonce, timestamp_ns)


def test_proposal_header_is_what_peers_check():
    parts = build_proposal(*ARGS, [b"f"], {}, b"n" * 24, 5)
    header = Header.FromString(Proposal.FromString(parts.proposal).header)
    channel = ChannelHeader.FromString(header.channel_header)
    assert channel.type == HeaderType.ENDORSER_TRANSACTION
    assert channel.epoch == 0


def test_transient_data_is_neither_hashed_nor_assembled():
    plain = build_proposal(*ARGS, [b"f"], {}, b"n" * 24, 5).proposal
    secret = build_proposal(*ARGS, [b"f"], {"k": b"very secret"}, b"n" * 24, 5).proposal
    assert proposal_hash(plain) == proposal_hash(secret)
    envelope = assemble_transaction(secret, [response(b"r")])
    assert b"very secret" not in envelope.payload


def response(result, msp_id="Org1MSP", status=200):
    action = ChaincodeAction(response=Response(status=200, payload=result))
    return ProposalResponse(
        response=Response(status=status, message="refused", payload=result),
        payload=ProposalResponsePayload(extension=action.SerializeToString()).SerializeToString(),
        endorsement=Endorsement(endorser=Identity(msp_id, b"c").serialized(), signature=b"s"),
    )


def test_assembled_transaction_reads_back():
    parts = build_proposal(*ARGS, [b"f"], {}, b"n" * 24, 5)
    answers = [response(b"r"), response(b"r", "Org2MSP"), response(b"r", "Org2MSP")]
    facts = read_transaction(assemble_transaction(parts.proposal, answers).payload)
    assert facts.transaction_id == parts.transaction_id
    assert facts.channel == "ch"
    assert facts.result == b"r"
    assert facts.endorsers == ("Org1MSP", "Org2MSP")


@pytest.mark.parametrize("answers", [[], [response(b"a"), response(b"b")], [response(b"a", status=500)]])
def test_endorsements_that_make_no_transaction(answers):
    parts = build_proposal(*ARGS, [b"f"], {}, b"n" * 24, 5)
    with pytest.raises(EndorseError):
        assemble_transaction(parts.proposal, answers)


DETAIL = st.builds(PeerDetail, st.text(), st.text(), st.text())


@given(st.integers(0, 16), st.text(), st.lists(DETAIL, max_size=4))
def test_status_details_round_trip(code, message, details):
    assert decode_details(encode_details(code, message, details)) == tuple(details)


@given(st.binary())
def test_status_details_that_cannot_be_read_are_none(trailer):
    assert isinstance(decode_details(trailer), tuple)


def test_status_details_agree_with_protobuf():
    from google.protobuf.any_pb2 import Any as Packed

    packed = Packed(type_url="type.googleapis.com/gateway.ErrorDetail", value=b"\x0a\x01a\x12\x01b\x1a\x01c")
    body = packed.SerializeToString()
    trailer = b"\x08\x0a\x12\x01m" + b"\x1a" + bytes([len(body)]) + body
    assert decode_details(trailer) == (PeerDetail("a", "b", "c"),)
    assert encode_details(10, "m", [PeerDetail("a", "b", "c")]) == trailer


def test_seek(identity):
    envelope = seek_envelope(identity, "ch", 3, timestamp_ns=7, tls_cert_hash=b"h", nonce=b"n")
    head, signer, seek = read_seek(envelope.payload)
    assert head.type == HeaderType.DELIVER_SEEK_INFO
    assert (head.channel_id, head.tls_cert_hash) == ("ch", b"h")
    assert signer.creator == identity.serialized()
    assert seek.start.specified.number == 3
    assert seek.stop.specified.number == ENDLESS
    for wrong in (-1, "soon"):
        with pytest.raises(ValueError):
            seek_position(wrong)


def test_steps_round_trip():
    parts = build_proposal(*ARGS, [b"f"], {}, b"n" * 24, 5)
    proposal = ProposalStep(parts.transaction_id, "ch", parts.proposal, ("Org2MSP",), b"sig")
    assert ProposalStep.from_bytes(proposal.bytes()) == proposal
    payload = assemble_transaction(parts.proposal, [response(b"r")]).payload
    transaction = TransactionStep(parts.transaction_id, "ch", payload, b"sig")
    assert TransactionStep.from_bytes(transaction.bytes()) == transaction
    commit = CommitStep.of(transaction, IDENTITY).signed(b"sig")
    rebuilt = CommitStep.from_bytes(commit.bytes())
    assert rebuilt.request == commit.request
    assert rebuilt.signature == b"sig"
    assert rebuilt.transaction is None
