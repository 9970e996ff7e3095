"""X.509 certificates as letters and charters are held to them."""

from __future__ import annotations

import json
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

_ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")


def load_certificate(pem: str) -> x509.Certificate:
    """A certificate whose key can be read too. Raises ValueError."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        certificate.public_key()
    except (TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise ValueError("the certificate is unreadable") from error
    return certificate


def organizational_units(certificate: x509.Certificate) -> set[str]:
    """The organizational units of its subject, which are Fabric's roles."""
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return {str(unit.value) for unit in units}


def certificate_attributes(certificate: x509.Certificate) -> dict[str, str]:
    """The attributes that Fabric CA's extension of a certificate carries; empty without it."""
    try:
        extension = certificate.extensions.get_extension_for_oid(_ATTRIBUTES).value
    except (x509.ExtensionNotFound, ValueError):
        return {}
    if not isinstance(extension, x509.UnrecognizedExtension):
        return {}
    try:
        attributes = json.loads(extension.value).get("attrs", {})
    except (ValueError, AttributeError):
        return {}
    if not isinstance(attributes, dict):
        return {}
    return {str(name): str(value) for name, value in attributes.items()}


def issued_under(anchor_pem: bytes | str, certificate: x509.Certificate, at: datetime) -> bool:
    """Whether the anchor, a CA's certificate valid then, has issued the certificate, which is no CA's."""
    pem = anchor_pem.encode() if isinstance(anchor_pem, str) else anchor_pem
    try:
        anchor = x509.load_pem_x509_certificate(pem)
        if not is_authority(anchor):
            return False
        if not anchor.not_valid_before_utc <= at <= anchor.not_valid_after_utc:
            return False
        certificate.verify_directly_issued_by(anchor)
        return not is_authority(certificate)
    except (ValueError, TypeError, InvalidSignature, x509.InvalidVersion):
        return False


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether the certificate is a CA's."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
