"""Unit tests of contracts: a channel in memory with Fabric's semantics."""

from .callers import Caller
from .ledger import MISMATCH, ChaincodeSpec, Event, MemoryLedger, Transaction, TransactionFailed
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
