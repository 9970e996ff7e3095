"""What a certificate and a revocation list of a Fabric CA are like, as plain data without what is random."""

from __future__ import annotations

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from tests.conformance.ca_client import key_identifier

_ORDER = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)
_ATTRIBUTES = "1.2.3.4.5.6.7.8.1"
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


def certificate_shape(certificate: bytes, issuer: bytes) -> dict[str, Any]:
    """Subject, validity, key and extensions in their order; `issuer` is the CA's certificate."""
    cert = x509.load_pem_x509_certificate(certificate)
    authority = x509.load_pem_x509_certificate(issuer)
    cert.verify_directly_issued_by(authority)
    return {
        "version": cert.version.name,
        "subject": [sorted(_attribute(each) for each in name) for name in cert.subject.rdns],
        "serial number": "at most 20 bytes" if cert.serial_number.bit_length() < 160 else "too long",
        "signature": f"{cert.signature_algorithm_oid._name}, {_low(cert.signature)}",
        "not before": _since(cert, authority),
        "not after": _until(cert),
        "key": _key(cert.public_key()),
        "extensions": [_extension(each, cert, authority) for each in cert.extensions],
    }


def revocation_shape(crl: bytes, issuer: bytes) -> dict[str, Any]:
    """Times, serial numbers and extensions of a list; `issuer` is the CA's certificate."""
    revoked = x509.load_pem_x509_crl(crl)
    authority = x509.load_pem_x509_certificate(issuer)
    assert revoked.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    assert revoked.next_update_utc is not None
    first = crl.split(b"\n", 1)[0].decode()
    return {
        "armour": first,
        "issuer": "the CA" if revoked.issuer == authority.subject else revoked.issuer.rfc4514_string(),
        "signature": f"{revoked.signature_algorithm_oid._name}, {_low(revoked.signature)}",
        "hours": (revoked.next_update_utc - revoked.last_update_utc).total_seconds() / 3600,
        "extensions": [
            f"{each.oid.dotted_string}{' critical' if each.critical else ''}" for each in revoked.extensions
        ],
        "entries": [f"{each.serial_number:x}" for each in revoked],
        "entry extensions": sorted({item.oid.dotted_string for each in revoked for item in each.extensions}),
    }


def common_name(certificate: bytes) -> str:
    """The subject's."""
    subject = x509.load_pem_x509_certificate(certificate).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _attribute(attribute: x509.NameAttribute[Any]) -> str:
    return f"{attribute.rfc4514_attribute_name}={attribute.value}"


def _low(signature: bytes) -> str:
    return "low s" if decode_dss_signature(signature)[1] <= _ORDER // 2 else "high s"


def _since(cert: x509.Certificate, authority: x509.Certificate) -> str:
    if cert.not_valid_before_utc == authority.not_valid_before_utc:
        return "as the CA's"
    passed = datetime.datetime.now(datetime.UTC) - cert.not_valid_before_utc
    return f"{round(passed.total_seconds() / 60)} minutes ago"


def _until(cert: x509.Certificate) -> str:
    left = cert.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    end = "on a whole minute" if cert.not_valid_after_utc.second == 0 else "to the second"
    return f"in {round(left.total_seconds() / 3600)} hours, {end}"


def _key(key: Any) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa {key.key_size}"
    return "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else type(key).__name__


def _extension(
    extension: x509.Extension[x509.ExtensionType], cert: x509.Certificate, authority: x509.Certificate
) -> str:
    name = extension.oid._name
    if extension.oid.dotted_string == _ATTRIBUTES:
        name = "attributes"
    return f"{name}{' (critical)' if extension.critical else ''}: {_value(extension.value, cert, authority)}"


def _value(value: x509.ExtensionType, cert: x509.Certificate, authority: x509.Certificate) -> str:
    match value:
        case x509.KeyUsage():
            return ", ".join(usage for usage in _USAGES if getattr(value, usage))
        case x509.ExtendedKeyUsage():
            return ", ".join(usage._name for usage in value)
        case x509.BasicConstraints():
            return f"ca={value.ca} path_length={value.path_length}"
        case x509.SubjectKeyIdentifier():
            return "SHA-1 of the key" if value.digest == key_identifier(cert) else "another"
        case x509.AuthorityKeyIdentifier():
            own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            return "the CA's" if value.key_identifier == own else "another"
        case x509.SubjectAlternativeName():
            return ", ".join(f"{type(name).__name__} {name.value}" for name in value)
        case x509.CRLDistributionPoints():
            return ", ".join(name.value for point in value for name in point.full_name or ())
        case x509.UnrecognizedExtension():
            return value.value.decode(errors="backslashreplace")
    return "unknown"
