"""Certificate authorities and signers for tests, with Fabric's organizational units and attributes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime(2024, 3, 1, 9, tzinfo=UTC)
_ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")


@dataclass(frozen=True)
class Signer:
    """A certificate (PEM) and what signs with its key."""

    certificate: str
    sign: Callable[[bytes], bytes]


class Authority:
    """One organization's CA, valid for ten years around NOW."""

    def __init__(self, name: str, *, ca: bool = True) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._certificate(self._name, self._key.public_key(), 3650, ca=ca, attributes=None)
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()

    def signer(
        self, role: str = "client", attributes: dict[str, str] | None = None, days: int = 365
    ) -> Signer:
        """A leaf of this CA in the organizational unit `role`, valid `days` either side of NOW."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "officer"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
            ]
        )
        certificate = self._certificate(subject, key.public_key(), days, ca=False, attributes=attributes)
        return Signer(
            certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
            sign=lambda message: key.sign(message, ec.ECDSA(hashes.SHA256())),
        )

    def _certificate(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        days: int,
        *,
        ca: bool,
        attributes: dict[str, str] | None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days))
            .not_valid_after(NOW + timedelta(days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if attributes is not None:
            value = json.dumps({"attrs": attributes}).encode()
            builder = builder.add_extension(x509.UnrecognizedExtension(_ATTRIBUTES, value), critical=False)
        return builder.sign(self._key, hashes.SHA256())
