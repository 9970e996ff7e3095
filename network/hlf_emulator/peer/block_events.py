"""What a committed block says of its transactions: events, filtered form."""

from collections.abc import Iterator

from fabric_protos.common import common_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    events_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)
from google.protobuf.message import DecodeError

_NOT_VALIDATED = 254


def validation_code(block: common_pb2.Block, index: int) -> int:
    """The code that the committing peer gave the transaction."""
    codes = block.metadata.metadata[common_pb2.TRANSACTIONS_FILTER]
    return codes[index] if index < len(codes) else _NOT_VALIDATED


def chaincode_events(block: common_pb2.Block) -> Iterator[chaincode_event_pb2.ChaincodeEvent]:
    """Events of the block's valid transactions, in order."""
    for index, content in enumerate(block.data.data):
        if validation_code(block, index) != transaction_pb2.VALID:
            continue
        payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(content).payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        if header.type != common_pb2.ENDORSER_TRANSACTION:
            continue
        for event in _events(payload.data):
            if event.chaincode_id and event.event_name and event.tx_id:
                yield event


def filtered_block(block: common_pb2.Block) -> events_pb2.FilteredBlock:
    """The block without its contents (core/peer/deliverevents.go). Raises DecodeError."""
    filtered = events_pb2.FilteredBlock(number=block.header.number)
    for index, content in enumerate(block.data.data):
        try:
            envelope = common_pb2.Envelope.FromString(content)
        except DecodeError:
            # Skipped, as Fabric does: there is no transaction to speak of.
            continue
        payload = common_pb2.Payload.FromString(envelope.payload)
        if not payload.HasField("header"):
            continue
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        filtered.channel_id = header.channel_id
        transaction = filtered.filtered_transactions.add(
            txid=header.tx_id,
            type=header.type,
            tx_validation_code=validation_code(block, index),
        )
        if header.type == common_pb2.ENDORSER_TRANSACTION:
            transaction.transaction_actions.SetInParent()
            for event in _events(payload.data):
                if event.chaincode_id:
                    action = transaction.transaction_actions.chaincode_actions.add()
                    action.chaincode_event.tx_id = event.tx_id
                    action.chaincode_event.chaincode_id = event.chaincode_id
                    action.chaincode_event.event_name = event.event_name
    return filtered


def _events(data: bytes) -> Iterator[chaincode_event_pb2.ChaincodeEvent]:
    for action in transaction_pb2.Transaction.FromString(data).actions:
        payload = transaction_pb2.ChaincodeActionPayload.FromString(action.payload)
        if not payload.HasField("action"):
            continue
        response = proposal_response_pb2.ProposalResponsePayload.FromString(
            payload.action.proposal_response_payload
        )
        content = proposal_pb2.ChaincodeAction.FromString(response.extension)
        yield chaincode_event_pb2.ChaincodeEvent.FromString(content.events)
