"""Sealing: one data key per document (AES-256-GCM), wrapped for each recipient by HPKE (RFC 9180).

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; the consent is in HPKE's info, so a wrapped key moved to
another consent, document or recipient does not open. A new recipient gets the key re-wrapped; the ciphertext
stays as the issuer made it. Destroying the private keys makes the ciphertext unreadable.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import ValidationError

from lending_domain.canonical import canonical
from lending_domain.commitment import commit
from lending_domain.documents import (
    Consent,
    DocumentContent,
    Receipt,
    SealedDocument,
    refuse_resident_numbers,
    seal_header,
    wrap_info,
)
from lending_domain.violations import Refused, refuse

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def public_key_text(key: X25519PublicKey) -> str:
    """The 32 bytes of a public key in base64: what a directory entry holds."""
    return _b64(key.public_bytes_raw())


def public_key_from_text(text: str) -> X25519PublicKey:
    """The public key of a directory entry; ValueError when it is none."""
    return X25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))


def seal(
    content: DocumentContent, consent: Consent, recipients: Mapping[str, X25519PublicKey]
) -> tuple[SealedDocument, Receipt]:
    """Encrypt a document to its recipients, and the receipt that the issuer signs.

    recipients: name (organization, or the consent's holder) -> sealing key; the holder must be among them,
    and every other one be named in the consent. Raises `Refused` CONSENT_RECIPIENT, HOLDER_MISSING,
    CONSENT_ITEM, RESIDENT_NUMBER.
    """
    refuse_resident_numbers(content.fields, "fields")
    if content.kind not in consent.items:
        raise refuse(
            "CONSENT_ITEM", "동의에 없는 서류입니다.", "The consent does not name this document.", "kind"
        )
    for name in recipients:
        _check_recipient(consent, name)
    if consent.holder not in recipients:
        raise refuse(
            "HOLDER_MISSING",
            "신청인은 항상 제공받는 자여야 합니다.",
            "The applicant is always a recipient.",
            "recipients",
        )
    data_key, nonce, salt = AESGCM.generate_key(256), os.urandom(12), os.urandom(32)
    header = seal_header(content.id, content.kind, content.issuer, consent.digest)
    plain = canonical({"content": content, "salt": salt.hex()})
    ciphertext = AESGCM(data_key).encrypt(nonce, plain, header)
    sealed = SealedDocument(
        id=content.id,
        kind=content.kind,
        issuer=content.issuer,
        consent_id=consent.id,
        consent_digest=consent.digest,
        nonce=_b64(nonce),
        ciphertext=_b64(ciphertext),
        keys={
            name: _b64(_SUITE.encrypt(data_key, key, wrap_info(content.id, consent.digest, name)))
            for name, key in recipients.items()
        },
    )
    receipt = Receipt(
        document_id=content.id,
        kind=content.kind,
        consent_id=consent.id,
        commitment=commit(content, salt),
        ciphertext_digest=hashlib.sha256(ciphertext).hexdigest(),
        issued_on=content.issued_on,
    )
    return sealed, receipt


def open_sealed(
    sealed: SealedDocument, recipient: str, key: X25519PrivateKey
) -> tuple[DocumentContent, bytes]:
    """The document in clear and the salt that opens its commitment.

    Raises `Refused` NOT_A_RECIPIENT when no key was wrapped for that name, SEAL_BROKEN when the key does not
    fit or anything was altered.
    """
    data_key = _unwrap(sealed, recipient, key)
    try:
        plain = AESGCM(data_key).decrypt(
            base64.b64decode(sealed.nonce, validate=True),
            base64.b64decode(sealed.ciphertext, validate=True),
            sealed.header(),
        )
        opened = json.loads(plain)
        content = DocumentContent.model_validate(opened["content"])
        salt = bytes.fromhex(opened["salt"])
    except (InvalidTag, binascii.Error, ValueError, KeyError, ValidationError) as error:
        raise _broken() from error
    if (content.id, content.kind, content.issuer) != (sealed.id, sealed.kind, sealed.issuer):
        raise _broken()
    return content, salt


def rewrap(
    sealed: SealedDocument,
    consent: Consent,
    own: tuple[str, X25519PrivateKey],
    recipients: Mapping[str, X25519PublicKey],
) -> SealedDocument:
    """The same ciphertext for further recipients named in the consent; never a new issue.

    own: the re-wrapping recipient's name and private key. Raises `Refused` as `seal` and `open_sealed`, and
    CONSENT_MISMATCH when the document was sealed under another consent.
    """
    if sealed.consent_digest != consent.digest:
        raise refuse(
            "CONSENT_MISMATCH",
            "다른 동의로 봉함된 서류입니다.",
            "The document was sealed under another consent.",
            "consent",
        )
    for name in recipients:
        _check_recipient(consent, name)
    data_key = _unwrap(sealed, *own)
    added = {
        name: _b64(_SUITE.encrypt(data_key, key, wrap_info(sealed.id, sealed.consent_digest, name)))
        for name, key in recipients.items()
    }
    return sealed.model_copy(update={"keys": {**sealed.keys, **added}})


def receipt_problems(
    sealed: SealedDocument, content: DocumentContent, salt: bytes, receipt: Receipt
) -> list[str]:
    """Codes of what in the receipt does not fit the opened document; empty when all does."""
    ciphertext = base64.b64decode(sealed.ciphertext)
    checks = {
        "DOCUMENT_MISMATCH": (receipt.document_id, receipt.kind, receipt.consent_id)
        == (content.id, content.kind, sealed.consent_id),
        "COMMITMENT_MISMATCH": receipt.commitment == commit(content, salt),
        "CIPHERTEXT_MISMATCH": receipt.ciphertext_digest == hashlib.sha256(ciphertext).hexdigest(),
    }
    return [code for code, fits in checks.items() if not fits]


def seal_message(message: object, recipient: X25519PublicKey, info: bytes) -> str:
    """A small JSON value sealed to one recipient (an explanation, an answer), base64."""
    return _b64(_SUITE.encrypt(canonical(message), recipient, b"dure message 1\n" + info))


def open_message(text: str, key: X25519PrivateKey, info: bytes) -> object:
    """What `seal_message` sealed. Raises `Refused` SEAL_BROKEN."""
    try:
        plain = _SUITE.decrypt(base64.b64decode(text, validate=True), key, b"dure message 1\n" + info)
        value: object = json.loads(plain)
    except (InvalidTag, ValueError) as error:
        raise _broken() from error
    return value


def _unwrap(sealed: SealedDocument, recipient: str, key: X25519PrivateKey) -> bytes:
    if recipient not in sealed.keys:
        raise refuse(
            "NOT_A_RECIPIENT",
            "이 서류를 제공받는 자가 아닙니다.",
            "The document was not sealed to this recipient.",
            "recipient",
        )
    try:
        wrapped = base64.b64decode(sealed.keys[recipient], validate=True)
        return _SUITE.decrypt(wrapped, key, wrap_info(sealed.id, sealed.consent_digest, recipient))
    except (InvalidTag, ValueError) as error:
        raise _broken() from error


def _check_recipient(consent: Consent, name: str) -> None:
    if name not in consent.recipients and name != consent.holder:
        raise refuse(
            "CONSENT_RECIPIENT",
            "동의에 없는 제공받는 자입니다.",
            "The consent does not name this recipient.",
            "recipients",
        )


def _broken() -> Refused:
    return refuse(
        "SEAL_BROKEN",
        "봉함을 열 수 없습니다. 열쇠가 다르거나 변경된 서류입니다.",
        "The seal does not open: the key is another one, or something was altered.",
    )
