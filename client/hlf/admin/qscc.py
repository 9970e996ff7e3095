"""A channel's ledger through the query system chaincode.

Source: Fabric's qscc. Who may ask is the channel's ACL (qscc/GetChainInfo and so on; its readers by default).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fabric_protos.common import common_pb2, ledger_pb2
from fabric_protos.peer import transaction_pb2

from hlf.errors import EvaluateError
from hlf.wire.blocks import decode_block, decode_transaction
from hlf.wire.records import DecodedBlock, DecodedTransaction

if TYPE_CHECKING:
    from hlf.gateway import Network

_NOT_FOUND = ("no such transaction ID", "not found in index", "entry not found")


@dataclass(frozen=True)
class ChainInfo:
    """A ledger's height in blocks, and the header hashes of its last block and the one before."""

    height: int
    current_hash: bytes
    previous_hash: bytes


class Ledger:
    """Reads a channel's ledger on the peers of a gateway."""

    def __init__(self, network: Network) -> None:
        self._channel = network.name
        self._contract = network.contract("qscc")

    def _ask(self, function: str, *args: bytes) -> bytes:
        return self._contract.evaluate(function, self._channel, *args)

    def info(self) -> ChainInfo:
        """Height and last hashes."""
        message = ledger_pb2.BlockchainInfo.FromString(self._ask("GetChainInfo"))
        return ChainInfo(message.height, message.currentBlockHash, message.previousBlockHash)

    def block(self, number: int) -> common_pb2.Block:
        """The block of this number."""
        return common_pb2.Block.FromString(self._ask("GetBlockByNumber", str(number).encode()))

    def block_by_hash(self, header_hash: bytes) -> common_pb2.Block:
        """The block whose header has this hash."""
        return common_pb2.Block.FromString(self._ask("GetBlockByHash", header_hash))

    def block_of(self, transaction_id: str) -> common_pb2.Block:
        """The block that holds a transaction."""
        return common_pb2.Block.FromString(self._ask("GetBlockByTxID", transaction_id.encode()))

    def decoded(self, number: int) -> DecodedBlock:
        """The block of this number as typed records."""
        return decode_block(self.block(number))

    def transaction(self, transaction_id: str) -> DecodedTransaction | None:
        """A transaction with its validation code; None when the ledger has none of this id."""
        try:
            payload = self._ask("GetTransactionByID", transaction_id.encode())
        except EvaluateError as error:
            if any(text in str(error) for text in _NOT_FOUND):
                return None
            raise
        processed = transaction_pb2.ProcessedTransaction.FromString(payload)
        return decode_transaction(
            processed.transactionEnvelope.SerializeToString(), code=processed.validationCode
        )
