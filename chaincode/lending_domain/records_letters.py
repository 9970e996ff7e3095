"""What each kind of letter says: the bodies that contracts read."""

from __future__ import annotations

from datetime import date

from lending_domain.funds import FirmProfile
from lending_domain.letters import LetterBody, LetterKind
from lending_domain.money import Percent, PositiveWon
from lending_domain.records import RecordId
from lending_domain.records_application import Firm
from lending_domain.values import Hex256, Identifier, Quarter, Value


class ReceiptBody(LetterBody):
    """An issuer's receipt (kind evidence, subject document_id): whose document, and its salted commitment.

    holder: who gave the consent; a receipt proves nothing for anyone else.
    """

    LETTER = LetterKind.EVIDENCE
    holder: Identifier
    consent_id: RecordId
    document_kind: str
    commitment: Hex256


class ListedDocument(Value):
    """One document in SEMAS's list."""

    document_id: RecordId
    kind: str
    commitment: Hex256


class EvidenceBody(LetterBody):
    """SEMAS's list of documents for a foundation (kind evidence, subject bundle_id)."""

    LETTER = LetterKind.EVIDENCE
    consent_id: RecordId
    documents: tuple[ListedDocument, ...]


class RevocationBody(LetterBody):
    """A consent was revoked (kind revocation, subject consent_id)."""

    LETTER = LetterKind.REVOCATION
    revoked_on: date


class ConfirmationBody(LetterBody):
    """정책자금 확인서 (kind confirmation, subject application_id)."""

    LETTER = LetterKind.CONFIRMATION
    holder: Identifier
    fund: str
    amount_krw: PositiveWon
    firm: Firm
    profile: FirmProfile
    valid_until: date


class GuaranteeBody(LetterBody):
    """신용보증서 (kind guarantee, subject guarantee_id). coverage in per cent of the claim."""

    LETTER = LetterKind.GUARANTEE
    referral_id: RecordId
    holder: Identifier
    fund: str
    principal_krw: PositiveWon
    coverage: Percent
    guaranteed_krw: PositiveWon
    valid_until: date


class RateNoticeBody(LetterBody):
    """mss's base rate (kind rate-notice, subject the quarter), per cent a year."""

    LETTER = LetterKind.RATE_NOTICE
    quarter: Quarter
    base_rate: Percent


class SubrogationBody(LetterBody):
    """대위변제 (kind subrogation, subject guarantee_id): what the foundation paid, and on which day."""

    LETTER = LetterKind.SUBROGATION
    loan_id: RecordId
    amount_krw: PositiveWon
    paid_on: date


class ReleaseBody(LetterBody):
    """The loan is closed (kind release, subject loan_id): the duplicate-support entry may go."""

    LETTER = LetterKind.RELEASE
    referral_id: RecordId
    guarantee_id: RecordId
    closed_on: date
