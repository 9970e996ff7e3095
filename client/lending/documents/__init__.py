"""Evidence documents off the ledger: issuers, sealing, receipts."""

from lending.documents.issuer import IssuerAdapter, IssuerSimulator, Subject
from lending.documents.receipts import receipt_signer, verify_receipt
from lending.documents.sealing import (
    open_letter,
    open_sealed,
    public_key_from_text,
    public_key_text,
    rewrap,
    seal,
    seal_letter,
)

__all__ = [
    "IssuerAdapter",
    "IssuerSimulator",
    "Subject",
    "open_letter",
    "open_sealed",
    "public_key_from_text",
    "public_key_text",
    "receipt_signer",
    "rewrap",
    "seal",
    "seal_letter",
    "verify_receipt",
]
