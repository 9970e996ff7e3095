"""What an organization is, told by its MSP id."""

from __future__ import annotations

from enum import StrEnum

from lending_domain.funds import catalogue


class Kind(StrEnum):
    """The kinds of organizations."""

    APPLICANTS = "applicants"
    SEMAS = "semas"
    MSS = "mss"
    ISSUER = "issuer"
    FOUNDATION = "foundation"
    BANK = "bank"
    OTHER = "other"


def kind_of(msp_id: str) -> Kind:
    """The kind of an organization; OTHER for one that has no part in lending."""
    if msp_id in (Kind.APPLICANTS, Kind.SEMAS, Kind.MSS):
        return Kind(msp_id)
    if msp_id.startswith("foundation-"):
        return Kind.FOUNDATION
    if msp_id.startswith("bank-"):
        return Kind.BANK
    if any(document.issuer == msp_id for document in catalogue().documents.values()):
        return Kind.ISSUER
    return Kind.OTHER
