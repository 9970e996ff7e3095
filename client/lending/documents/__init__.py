"""Evidence documents off the ledger: issuers, sealing, receipts."""

from lending.documents.issuer import IssuerAdapter, IssuerSimulator, Subject
from lending.documents.receipts import sign_receipt, verify_receipt
from lending.documents.sealing import (
    open_message,
    open_sealed,
    public_key_from_text,
    public_key_text,
    receipt_problems,
    rewrap,
    seal,
    seal_message,
)

__all__ = [
    "IssuerAdapter",
    "IssuerSimulator",
    "Subject",
    "open_message",
    "open_sealed",
    "public_key_from_text",
    "public_key_text",
    "receipt_problems",
    "rewrap",
    "seal",
    "seal_message",
    "sign_receipt",
    "verify_receipt",
]
