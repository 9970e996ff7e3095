"""What a ledger is given and gives: chaincodes, transactions, events, and a transaction that failed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from fabric_protos.peer import chaincode_event_pb2

from ..contract import Contract
from .callers import Caller
from .describe import effects, table
from .world import CollectionSpec, ReadWriteSet

MISMATCH = "ENDORSEMENT_MISMATCH"


@dataclass(frozen=True)
class ChaincodeSpec:
    """A chaincode: its contracts, endorsement policy (None: a majority of peers) and collections.

    With ``init_required`` nothing but a call with ``init=True`` is let in first, and none afterwards.
    """

    name: str
    contracts: Sequence[type[Contract] | Contract]
    policy: str | None = None
    collections: Sequence[CollectionSpec] = ()
    init_required: bool = False
    version: str = "1.0"


@dataclass(frozen=True)
class Event:
    """The event of a committed transaction."""

    block_number: int
    transaction_id: str
    chaincode: str
    name: str
    payload: bytes


@dataclass
class Transaction:
    """An endorsed transaction.

    ``commit`` sets ``code``, ``block_number`` and, where the code is not VALID, ``reason``: which policy was
    not met, or which key had changed.
    """

    transaction_id: str
    chaincode: str
    function: str
    caller: Caller
    endorsers: tuple[str, ...]
    result: bytes
    rwset: ReadWriteSet
    event: chaincode_event_pb2.ChaincodeEvent | None
    timestamp: datetime.datetime
    code: str = ""
    block_number: int = 0
    reason: str = ""

    def describe(self) -> str:
        """What it read and wrote, line by line, with values: for the output of tests."""
        state = f"block {self.block_number}, {self.code}" if self.code else "endorsed, in no block"
        reason = f": {self.reason}" if self.reason else ""
        head = (
            f"{self.chaincode}.{self.function} {self.transaction_id[:8]} as {self.caller.msp_id}, "
            f"endorsed by {', '.join(self.endorsers)} ({state}{reason})"
        )
        return f"{head}\n{table([effects(self.result, self.event, self.rwset)])}"


class TransactionFailed(Exception):  # noqa: N818 - the field's word
    """A transaction that was not committed as valid. ``code`` is the validation code, or
    ENDORSEMENT_MISMATCH when two endorsers came to different results; a note shows what was read and
    written, of two endorsers side by side."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


class Codes(list[str]):
    """The validation codes of a block, in its order: a list, which also knows its transactions."""

    def __init__(self, transactions: Sequence[Transaction]) -> None:
        super().__init__(transaction.code for transaction in transactions)
        self.transactions = tuple(transactions)
