"""Sealing: one data key per document (AES-256-GCM), wrapped for each recipient by HPKE (RFC 9180).

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; the consent is in HPKE's info, so a wrapped key moved to
another consent, document or recipient does not open. A new recipient gets the key re-wrapped; the ciphertext
stays as the issuer made it. Destroying the private keys makes the ciphertext unreadable.
"""

import base64
import json
import os
from collections.abc import Callable, Mapping
from datetime import date

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from lending_domain.canonical import canonical, digest
from lending_domain.commitment import commit, opens
from lending_domain.documents import (
    DocumentContent,
    letter_info,
    refuse_resident_numbers,
    seal_header,
    wrap_info,
)
from lending_domain.letters import SignedLetter
from lending_domain.records_documents import Consent, SealedDocument, SealedLetter, access_violations
from lending_domain.records_letters import ReceiptBody
from lending_domain.violations import Refused, refuse, require

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_NONCE = 12


def public_key_text(key: X25519PublicKey) -> str:
    """The 32 bytes of a public key in hex: what a directory entry holds."""
    return key.public_bytes_raw().hex()


def public_key_from_text(text: str) -> X25519PublicKey:
    """The public key of a directory entry; ValueError when it is none."""
    return X25519PublicKey.from_public_bytes(bytes.fromhex(text))


def seal(
    content: DocumentContent,
    consent_id: str,
    consent: Consent,
    recipients: Mapping[str, X25519PublicKey],
    *,
    on: date,
    sign: Callable[[str, ReceiptBody], SignedLetter],
) -> SealedDocument:
    """Encrypt a document to its recipients, with the issuer's signed receipt.

    recipients: organization, or the consent's holder -> sealing key; the holder must be among them and the
    consent must admit the others on the day `on`. sign: (document id, body) -> the receipt, see `receipts`.
    Raises `Refused` HOLDER_MISSING, RESIDENT_NUMBER and as `access_violations`.
    """
    refuse_resident_numbers(content.fields, "fields")
    _admitted(consent, content.kind, recipients, on)
    data_key, nonce, salt = AESGCM.generate_key(256), os.urandom(_NONCE), os.urandom(32)
    bound = digest(consent)
    plain = canonical({"content": content, "salt": salt.hex()})
    ciphertext = AESGCM(data_key).encrypt(nonce, plain, seal_header(content.id, content.kind, bound))
    body = ReceiptBody(
        holder=consent.holder,
        consent_id=consent_id,
        document_kind=content.kind,
        commitment=commit(content, salt),
    )
    return SealedDocument(
        salt=os.urandom(16).hex(),
        document_id=content.id,
        consent_id=consent_id,
        kind=content.kind,
        ciphertext=_b64(nonce + ciphertext),
        wrapped_keys=_wrap(content.id, bound, data_key, recipients),
        receipt=sign(content.id, body),
    )


def open_sealed(
    sealed: SealedDocument, consent: Consent, recipient: str, key: X25519PrivateKey
) -> tuple[DocumentContent, bytes]:
    """The document in clear and the salt of its commitment, which must be the one in the receipt.

    Verify the receipt's signature too (`receipts.verify_receipt`). Raises `Refused` NOT_A_RECIPIENT when no
    key was wrapped for that name, SEAL_BROKEN when the key or the consent does not fit or anything was
    altered, COMMITMENT_MISMATCH when the receipt speaks of another content.
    """
    bound = digest(consent)
    data_key = _unwrap(sealed, bound, recipient, key)
    try:
        raw = base64.b64decode(sealed.ciphertext, validate=True)
        header = seal_header(sealed.document_id, sealed.kind, bound)
        opened = json.loads(AESGCM(data_key).decrypt(raw[:_NONCE], raw[_NONCE:], header))
        content = DocumentContent.model_validate(opened["content"])
        salt = bytes.fromhex(opened["salt"])
    except (InvalidTag, ValueError, KeyError) as error:
        raise _broken() from error
    if (content.id, content.kind) != (sealed.document_id, sealed.kind):
        raise _broken()
    if not opens(str(sealed.receipt.letter.body.get("commitment")), content, salt):
        raise refuse(
            "COMMITMENT_MISMATCH",
            "발급기관의 영수증과 다른 서류입니다.",
            "The document is not the one in its issuer's receipt.",
            "receipt",
        )
    return content, salt


def rewrap(
    sealed: SealedDocument,
    consent: Consent,
    own: tuple[str, X25519PrivateKey],
    recipients: Mapping[str, X25519PublicKey],
    *,
    on: date,
) -> SealedDocument:
    """The same ciphertext and receipt for exactly these recipients, the holder among them; no new issue.

    own: the re-wrapping recipient's name and private key. Raises `Refused` as `seal` and `open_sealed`.
    """
    _admitted(consent, sealed.kind, recipients, on)
    bound = digest(consent)
    data_key = _unwrap(sealed, bound, *own)
    return sealed.model_copy(
        update={
            "salt": os.urandom(16).hex(),
            "wrapped_keys": _wrap(sealed.document_id, bound, data_key, recipients),
        }
    )


def seal_letter(
    signed: SignedLetter,
    concerns: str,
    recipients: Mapping[str, X25519PublicKey],
    *,
    reply_to: str | None = None,
) -> SealedLetter:
    """A signed letter for some recipients' eyes only: an explanation, a request for review, an answer."""
    data_key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
    ciphertext = AESGCM(data_key).encrypt(nonce, signed.to_bytes(), concerns.encode())
    keys = {
        name: _b64(_SUITE.encrypt(data_key, key, letter_info(concerns, name)))
        for name, key in recipients.items()
    }
    return SealedLetter(
        salt=os.urandom(16).hex(),
        concerns=concerns,
        reply_to=reply_to,
        ciphertext=_b64(nonce + ciphertext),
        wrapped_keys=keys,
    )


def open_letter(sealed: SealedLetter, recipient: str, key: X25519PrivateKey) -> SignedLetter:
    """The letter inside; verify it as any other. Raises `Refused` NOT_A_RECIPIENT, SEAL_BROKEN."""
    if recipient not in sealed.wrapped_keys:
        raise _no_recipient()
    try:
        wrapped = base64.b64decode(sealed.wrapped_keys[recipient], validate=True)
        data_key = _SUITE.decrypt(wrapped, key, letter_info(sealed.concerns, recipient))
        raw = base64.b64decode(sealed.ciphertext, validate=True)
        plain = AESGCM(data_key).decrypt(raw[:_NONCE], raw[_NONCE:], sealed.concerns.encode())
    except (InvalidTag, ValueError) as error:
        raise _broken() from error
    return SignedLetter.from_bytes(plain)


def _admitted(consent: Consent, kind: str, recipients: Mapping[str, X25519PublicKey], on: date) -> None:
    if consent.holder not in recipients:
        raise refuse(
            "HOLDER_MISSING",
            "신청인은 항상 제공받는 자여야 합니다.",
            "The applicant is always a recipient.",
            "recipients",
        )
    for name in recipients:
        if name != consent.holder:
            require(access_violations(consent, kind, name, on))


def _wrap(
    document_id: str, bound: str, data_key: bytes, recipients: Mapping[str, X25519PublicKey]
) -> dict[str, str]:
    return {
        name: _b64(_SUITE.encrypt(data_key, key, wrap_info(document_id, bound, name)))
        for name, key in recipients.items()
    }


def _unwrap(sealed: SealedDocument, bound: str, recipient: str, key: X25519PrivateKey) -> bytes:
    if recipient not in sealed.wrapped_keys:
        raise _no_recipient()
    try:
        wrapped = base64.b64decode(sealed.wrapped_keys[recipient], validate=True)
        return _SUITE.decrypt(wrapped, key, wrap_info(sealed.document_id, bound, recipient))
    except (InvalidTag, ValueError) as error:
        raise _broken() from error


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _no_recipient() -> Refused:
    return refuse(
        "NOT_A_RECIPIENT",
        "이 서류를 제공받는 자가 아닙니다.",
        "This was not sealed to that recipient.",
        "recipient",
    )


def _broken() -> Refused:
    return refuse(
        "SEAL_BROKEN",
        "봉함을 열 수 없습니다. 열쇠나 동의가 다르거나 변경된 서류입니다.",
        "The seal does not open: key or consent is another one, or something was altered.",
    )
