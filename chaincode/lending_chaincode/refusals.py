"""Refusals: a condition that does not hold, and what the rules' own refusals mean to a caller."""

from __future__ import annotations

import re

from hlf_chaincode import ContractError, DecodeError
from lending_domain import violations
from lending_domain.violations import Refused

_ID = re.compile(r"[0-9a-f]{32}")

refuse_all = violations.require
"""Refuse where a rule found violations; the caller is told of all."""


def require(condition: bool, code: str, message: str) -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise ContractError(code, message)


def require_id(value: str, name: str) -> str:
    """An id of 128 random bits in hexadecimal; ids are private keys too, so they must not be guessable."""
    require(bool(_ID.fullmatch(value)), "BAD_ARGUMENT", f"{name} must be 32 lower-case hexadecimal digits")
    return value


def refusal_of(error: Exception) -> ContractError | None:
    """The refusal that a rule's, or a stored value in another form, means; None for any other error."""
    if isinstance(error, Refused):
        first = error.violations[0]
        found = [
            {"code": one.code, "field": one.field, "ko": one.ko, "en": one.en} for one in error.violations
        ]
        return ContractError(first.code, first.en, violations=found)
    if isinstance(error, DecodeError):
        return ContractError("BAD_RECORD", "the stored value has another form")
    return None
