"""Unit tests of contracts: a channel in memory with Fabric's semantics."""

from .callers import Caller
from .ledger import MemoryLedger
from .transactions import MISMATCH, ChaincodeSpec, Event, Transaction, TransactionFailed
from .world import CollectionSpec

__all__ = [
    "MISMATCH",
    "Caller",
    "ChaincodeSpec",
    "CollectionSpec",
    "Event",
    "MemoryLedger",
    "Transaction",
    "TransactionFailed",
]
