"""A certificate signing request, and what a Fabric CA says of one that it does not take. Pure."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import NameOID

from hlf_emulator.ca.errors import BAD_CSR, CSR_VALUES, CaError, unexpected
from hlf_emulator.go.json import encode

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*\n(.*?)\n?-----END \1-----", re.DOTALL)
_ARMOURS = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}
_LIMITS: Mapping[x509.ObjectIdentifier, tuple[str, str, int]] = {
    NameOID.COMMON_NAME: ("CN", "The CN", 64),
    NameOID.SERIAL_NUMBER: ("SerialNumber", "The serial number", 64),
    NameOID.ORGANIZATIONAL_UNIT_NAME: ("OU", "The organizational unit name", 64),
    NameOID.ORGANIZATION_NAME: ("O", "The organization name", 64),
    NameOID.COUNTRY_NAME: ("C", "The country name", 2),
    NameOID.LOCALITY_NAME: ("L", "The locality name", 128),
    NameOID.STATE_OR_PROVINCE_NAME: ("ST", "The state name", 128),
}
_SINGLE = {"CN", "SerialNumber"}
_GO_FIELD = (
    "{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> "
    "stringType:0 timeType:0 set:false omitEmpty:false}"
)


def signing_failure(code: int, message: str) -> CaError:
    """What the signer within Fabric CA, cfssl, refuses: its own code and text, as JSON in the text."""
    return unexpected("Certificate signing failure: " + encode({"code": code, "message": message}))


@dataclass(frozen=True)
class SigningRequest:
    """A request that could be read."""

    csr: x509.CertificateSigningRequest

    @cached_property
    def names(self) -> Mapping[str, Sequence[str]]:
        """The subject, by abbreviation; of several common names and serial numbers the last, as in Go."""
        found: dict[str, list[str]] = {}
        for attribute in self.csr.subject:
            if attribute.oid in _LIMITS:
                found.setdefault(_LIMITS[attribute.oid][0], []).append(_text(attribute))
        return {name: texts[-1:] if name in _SINGLE else texts for name, texts in found.items()}

    @property
    def name(self) -> str:
        """The common name."""
        return next(iter(self.names.get("CN", ())), "")

    @property
    def key(self) -> Any:
        """The public key."""
        return self.csr.public_key()

    @property
    def authority(self) -> bool:
        """Whether it asks for a CA's certificate."""
        try:
            return self.csr.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            return False

    @property
    def alternative_names(self) -> Sequence[x509.GeneralName]:
        """The subject's other names."""
        try:
            return list(self.csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            return []

    def check_lengths(self) -> None:
        """Raises CaError for the first name that is too long (RFC 5280)."""
        for attribute in self.csr.subject:
            if attribute.oid not in _LIMITS:
                continue
            _name, title, limit = _LIMITS[attribute.oid]
            text = _text(attribute)
            if len(text.encode()) > limit:
                raise CaError(
                    400,
                    CSR_VALUES,
                    f"CSR input validation failed: {title} '{text}' exceeds the maximum "
                    f"character limit of {limit}",
                )

    def check_signature(self) -> None:
        """Raises CaError unless the key in it signed it."""
        if not self.csr.is_signature_valid:
            kind = {rsa.RSAPublicKey: "crypto/rsa: verification error"}
            text = next((words for known, words in kind.items() if isinstance(self.key, known)), None)
            curve = "Ed25519" if isinstance(self.key, ed25519.Ed25519PublicKey) else "ECDSA"
            raise signing_failure(9300, text or f"x509: {curve} verification failure")


def _text(attribute: x509.NameAttribute[str | bytes]) -> str:
    value = attribute.value
    return value if isinstance(value, str) else value.decode(errors="replace")


def read(text: str) -> SigningRequest:
    """The request in PEM. Raises CaError."""
    found = _PEM.search(text)
    if found is None:
        raise CaError(400, BAD_CSR, "CSR Decode failed")
    try:
        content = base64.b64decode("".join(found[2].split()), validate=True)
    except ValueError as error:
        raise CaError(400, BAD_CSR, "CSR Decode failed") from error
    if found[1] not in _ARMOURS:
        raise unexpected(encode({"code": 9300, "message": "not a certificate or csr"}))
    try:
        request = SigningRequest(x509.load_der_x509_csr(content))
        # What is read only when it is asked for shall fail here or not at all.
        _ = (request.names, request.key, request.authority, request.alternative_names)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise unexpected(_problem(content)) from error
    return request


def _problem(content: bytes) -> str:
    """Go's words for content that is no request, as far as its outermost tag and length tell."""
    if not content:
        return "asn1: syntax error: sequence truncated"
    if len(content) < 2:
        return "asn1: syntax error: truncated tag or length"
    tag, length, start = content[0], content[1], 2
    if length > 0x80:
        start += length & 0x7F
        length = int.from_bytes(content[2:start])
    if tag != 0x30:
        return (
            f"asn1: structure error: tags don't match (16 vs {{class:{tag >> 6} tag:{tag & 0x1F} "
            f"length:{length} isCompound:{'true' if tag & 0x20 else 'false'}}}) {_GO_FIELD} "
            "certificateRequest @2"
        )
    if start + length > len(content):
        return "asn1: syntax error: data truncated"
    if start + length < len(content):
        return "asn1: syntax error: trailing data"
    if not length:
        return "asn1: syntax error: sequence truncated"
    return "asn1: structure error: malformed certificate request"
