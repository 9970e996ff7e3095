"""Signed letters: the only thing that crosses from one channel to the next.

A letter is canonical JSON signed with its issuer's certificate after the transaction that it speaks of has
committed. The receiver trusts nothing but the anchors recorded for the issuing organization, by name: a
letter of one organization signed under another's CA is refused. Single use is the contract's to keep, by the
letter's id. Electronic documents under the Framework Act on Electronic Documents and Transactions; signatures
under the Digital Signature Act.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import AwareDatetime, Field, ValidationError, model_validator

from lending_domain.canonical import Json, canonical, digest, parse
from lending_domain.values import Identifier, Nonce, Organization, Value
from lending_domain.violations import Violation, Violations, refuse

_LABEL = b"dure letter 1\n"
ANYONE = "*"
"""Addressee of a letter meant for whoever holds it: rate notices, sealing keys."""

LEGAL_NOTE_KO = "이 문서는 전자문서 및 전자거래 기본법의 전자문서이며, 전자서명법에 따른 전자서명이 있습니다."
LEGAL_NOTE_EN = (
    "An electronic document under the Framework Act on Electronic Documents and Transactions, "
    "signed under the Digital Signature Act."
)


class LetterKind(StrEnum):
    """What a letter says."""

    CONFIRMATION = "confirmation"  # 정책자금 확인서: semas to the foundation
    EVIDENCE = "evidence"  # an issuer's receipt of one document; semas's list of what it hands on
    GUARANTEE = "guarantee"  # 신용보증서: foundation to the bank
    RATE_NOTICE = "rate-notice"  # mss: the quarter's policy base rate
    REVOCATION = "revocation"  # a consent was revoked
    EXPLANATION = "explanation"  # of an automated evaluation, sealed to the applicant
    REVIEW_REQUEST = "review-request"  # explanation, a person's review, correction
    REVIEW_EXTENSION = "review-extension"  # why the answer takes longer, and until when
    REVIEW_ANSWER = "review-answer"
    RELEASE = "release"  # the bank: the loan is closed, the duplicate-support entry may go
    ACCIDENT_NOTICE = "accident-notice"  # 사고통지: bank to the foundation
    SUBROGATION = "subrogation"  # 대위변제: foundation to the bank
    KEY = "key"  # a sealing key, signed by its owner


_OPEN = frozenset({LetterKind.RATE_NOTICE, LetterKind.KEY})


class LetterBody(Value):
    """What a letter of one kind says; `LETTER` is the kind."""

    LETTER: ClassVar[LetterKind]


class Letter(Value):
    """What is signed.

    subject: id of the record it speaks of. channel, transaction_id: where that was committed, for auditors
    (no contract can look there). issued_at: judged together with the certificates by the verifier's time.
    body: what the kind says, JSON without fractions. nonce: at least 128 random bits.
    """

    schema_version: int = Field(default=1, ge=1, le=1)
    kind: LetterKind
    id: Identifier
    issuer: Organization
    addressee: str = Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9.-]{0,62})$")
    subject: Identifier
    channel: str = ""
    transaction_id: str = ""
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    body: dict[str, Any]
    nonce: Nonce
    note_ko: str = LEGAL_NOTE_KO
    note_en: str = LEGAL_NOTE_EN

    @model_validator(mode="after")
    def _consistent(self) -> "Letter":
        if self.expires_at <= self.issued_at:
            raise ValueError("a letter expires after it is issued")
        if self.addressee == ANYONE and self.kind not in _OPEN:
            raise ValueError("only a rate notice or a key may be addressed to anyone")
        canonical(self.body)
        return self

    def message(self) -> bytes:
        """The bytes that are signed."""
        return _LABEL + canonical(self)


class SignedLetter(Value):
    """A letter, its signer's certificate (PEM) and the ECDSA-SHA256 signature (DER, base64)."""

    letter: Letter
    certificate: str
    signature: str

    def to_bytes(self) -> bytes:
        """Canonical JSON, what is stored, sent and printed."""
        return canonical(self)

    @classmethod
    def from_bytes(cls, data: bytes | str) -> "SignedLetter":
        """The letter in `data`. `Refused` LETTER_MALFORMED when it is none."""
        try:
            value: Json = parse(data)
            return cls.model_validate(value)
        except (ValueError, TypeError, RecursionError, ValidationError) as error:
            raise refuse(
                "LETTER_MALFORMED", "문서의 형식이 올바르지 않습니다.", "This is not a well-formed letter."
            ) from error

    @property
    def digest(self) -> str:
        """SHA-256 of the signed part, in hex; the nonce in it keeps it from being guessed."""
        return digest(self.letter)


def sign_letter(
    letter: Letter, signer: Callable[[bytes], bytes], certificate_pem: bytes | str
) -> SignedLetter:
    """`letter` signed. signer: message -> DER signature by ECDSA over the message's SHA-256."""
    pem = certificate_pem.decode() if isinstance(certificate_pem, bytes) else certificate_pem
    signature = base64.b64encode(signer(letter.message())).decode()
    return SignedLetter(letter=letter, certificate=pem, signature=signature)


def verify_letter(
    signed: SignedLetter,
    trust_anchors: Mapping[str, Sequence[bytes | str]],
    at: datetime,
    addressee: str | None,
    *,
    kind: LetterKind | None = None,
    issuer: str | None = None,
    roles: Sequence[str] = ("client", "admin"),
    attributes: Mapping[str, str] | None = None,
) -> Violations:
    """Everything that is wrong with the letter; empty when it may be relied upon.

    trust_anchors: organization -> CA certificates (PEM). at: aware time at which letter and certificates are
    judged. addressee: the receiving organization; None for a third party who only verifies. kind, issuer:
    what the receiver expects. roles: organizational units (Fabric NodeOUs) of which the signer needs one.
    attributes: name -> value that the signer's certificate must carry (Fabric CA's extension).
    """
    letter = signed.letter
    found: list[Violation] = []
    if kind is not None and letter.kind is not kind:
        found.append(
            _wrong("LETTER_KIND", "문서의 종류가 다릅니다.", "This is a letter of another kind.", "kind")
        )
    if issuer is not None and letter.issuer != issuer:
        found.append(
            _wrong("LETTER_ISSUER", "발급기관이 다릅니다.", "The letter is by another institution.", "issuer")
        )
    if addressee is not None and letter.addressee not in {addressee, ANYONE}:
        found.append(
            _wrong(
                "LETTER_ADDRESSEE",
                "수신기관이 다른 문서입니다.",
                "The letter is addressed to another institution.",
                "addressee",
            )
        )
    if at >= letter.expires_at:
        found.append(
            _wrong("LETTER_EXPIRED", "유효기간이 지난 문서입니다.", "The letter has expired.", "expires_at")
        )
    if at < letter.issued_at:
        found.append(
            _wrong(
                "LETTER_NOT_YET_VALID",
                "발급일시가 아직 되지 않은 문서입니다.",
                "The letter is dated later than now.",
                "issued_at",
            )
        )
    found.extend(_signature_violations(signed, trust_anchors, at, roles, attributes or {}))
    return tuple(found)


def _signature_violations(
    signed: SignedLetter,
    trust_anchors: Mapping[str, Sequence[bytes | str]],
    at: datetime,
    roles: Sequence[str],
    attributes: Mapping[str, str],
) -> list[Violation]:
    # Not at the top: X.509 is a twentieth of what a contract takes to start.
    from lending_domain import certificates

    try:
        certificate = certificates.load_certificate(signed.certificate)
    except ValueError:
        return [
            _wrong(
                "LETTER_CERTIFICATE",
                "인증서를 읽을 수 없습니다.",
                "The certificate is unreadable.",
                "certificate",
            )
        ]
    found: list[Violation] = []
    if not _verifies(certificate.public_key(), signed):
        found.append(
            _wrong(
                "LETTER_SIGNATURE",
                "전자서명이 문서와 맞지 않습니다. 위조되었거나 변경된 문서입니다.",
                "The signature does not fit the letter: it was forged or altered.",
                "signature",
            )
        )
    anchors = trust_anchors.get(signed.letter.issuer, ())
    if not any(certificates.issued_under(anchor, certificate, at) for anchor in anchors):
        found.append(
            _wrong(
                "LETTER_UNTRUSTED_SIGNER",
                "서명한 인증서가 발급기관의 인증기관에서 나온 것이 아닙니다.",
                "The signing certificate was not issued by a CA recorded for the letter's issuer.",
                "certificate",
            )
        )
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        found.append(
            _wrong(
                "LETTER_CERTIFICATE_EXPIRED",
                "서명한 인증서의 유효기간이 아닙니다.",
                "The signing certificate is not valid at this time.",
                "certificate",
            )
        )
    units = certificates.organizational_units(certificate)
    held = certificates.certificate_attributes(certificate)
    if not units & set(roles) or any(held.get(name) != value for name, value in attributes.items()):
        found.append(
            _wrong(
                "LETTER_SIGNER_ROLE",
                "서명자에게 이 문서를 발급할 권한이 없습니다.",
                "The signer's role does not entitle to this letter.",
                "certificate",
            )
        )
    return found


def _verifies(public_key: object, signed: SignedLetter) -> bool:
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        return False
    try:
        signature = base64.b64decode(signed.signature, validate=True)
        public_key.verify(signature, signed.letter.message(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _wrong(code: str, ko: str, en: str, field: str) -> Violation:
    return Violation(code=code, ko=ko, en=en, field=field)
