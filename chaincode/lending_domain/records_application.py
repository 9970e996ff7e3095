"""The application for a policy fund and SEMAS's review of it: the private sides."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from lending_domain.funds import FirmProfile
from lending_domain.letters import SignedLetter
from lending_domain.money import PositiveWon, Won
from lending_domain.records import RecordId, Salted
from lending_domain.values import Flag, Identifier, Organization, Value


class Firm(Value):
    """Who applies. representative_link: the issuer-attested linking value, never a registration number."""

    name: str = Field(min_length=1)
    business_number: str = Field(min_length=10, max_length=12)
    representative: str = Field(min_length=1)
    representative_link: str = Field(min_length=16)


class DocumentReference(Value):
    """A document of the exchange that supports the application, with its issuer's receipt."""

    kind: str
    document_id: RecordId
    receipt: SignedLetter


class ApplicationForm(Salted):
    """What the applicant asks for. loan_type: agency (through a bank, with a guarantee) or direct (by SEMAS).

    foundation: the one of the business address; none for a direct loan.
    """

    holder: Identifier
    firm: Firm
    profile: FirmProfile
    fund: str
    amount_krw: PositiveWon
    loan_type: Literal["agency", "direct"] = "agency"
    foundation: Organization | None = None
    plan: str = ""
    consent_id: RecordId
    documents: tuple[DocumentReference, ...] = ()


class ReviewDecision(Salted):
    """SEMAS's answer. valid_until: how long the confirmation letter may be presented."""

    approved: Flag
    amount_krw: Won
    reasons: tuple[str, ...] = ()
    valid_until: date
