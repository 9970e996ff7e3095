"""Keys of the duplicate-support check: HMACs that only the foundations can compute.

A business number has ten digits, so any unkeyed hash of it is found in minutes. The key is the foundations'
shared secret; entries stay pseudonymous personal data, since a member could invert them: so keys rotate.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

from lending_domain.canonical import canonical
from lending_domain.values import Value
from lending_domain.violations import refuse

Subject = Literal["firm", "representative"]
_CHECK_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)


class DuplicateKey(Value):
    """One entry's key in the index: whose, under which version of the shared secret, the HMAC in hex."""

    subject: Subject
    version: int
    key: str


def business_number(text: str) -> str:
    """The ten digits of a business registration number, its check digit verified.

    Raises `Refused` BUSINESS_NUMBER_INVALID without repeating the number.
    """
    digits = text.replace("-", "").strip()
    if len(digits) == 10 and digits.isascii() and digits.isdigit():
        numbers = [int(one) for one in digits]
        total = sum(a * b for a, b in zip(numbers[:9], _CHECK_WEIGHTS, strict=True)) + numbers[8] * 5 // 10
        if (10 - total % 10) % 10 == numbers[9]:
            return digits
    raise refuse(
        "BUSINESS_NUMBER_INVALID",
        "사업자등록번호가 올바르지 않습니다.",
        "The business registration number is not valid.",
        "business_number",
    )


def duplicate_key(secret: bytes, version: int, subject: Subject, identifier: str) -> DuplicateKey:
    """The index key of one firm (by business number) or representative (by linking value).

    secret: at least 32 bytes shared by the foundations. ValueError when shorter.
    """
    if len(secret) < 32:
        raise ValueError("the duplicate check's key needs at least 256 bits")
    name = business_number(identifier) if subject == "firm" else identifier
    message = canonical({"identifier": name, "subject": subject, "version": version})
    return DuplicateKey(
        subject=subject, version=version, key=hmac.new(secret, message, hashlib.sha256).hexdigest()
    )


def duplicate_keys(secrets: Mapping[int, bytes], firm: str, representative: str) -> tuple[DuplicateKey, ...]:
    """Every key to look up: firm and representative under each version still in force, newest first."""
    return tuple(
        duplicate_key(secrets[version], version, subject, identifier)
        for version in sorted(secrets, reverse=True)
        for subject, identifier in _subjects(firm, representative)
    )


def _subjects(firm: str, representative: str) -> tuple[tuple[Subject, str], tuple[Subject, str]]:
    return (("firm", firm), ("representative", representative))
