"""Certificates of a Fabric network, made in Python: authorities, NodeOU identities, TLS certificates.

Signatures have a low s: Fabric's MSP rewrites a certificate with a high one before it compares identities,
so that its bytes would differ from those in a channel's consenter mapping.
"""

import datetime
import ipaddress
import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Fabric CA's attribute extension: JSON {"attrs": {...}} (fabric-ca, lib/attrmgr).
ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")
_ORDER = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)
_AUTHORITY_LIFE = datetime.timedelta(days=15 * 365)
_LIFE = datetime.timedelta(days=3 * 365)
# Machines' clocks differ by a little; an authority must be valid before what it signs.
_BACKDATED = datetime.timedelta(minutes=10)


@dataclass(frozen=True)
class Credential:
    """A certificate and its private key, both PEM (the key PKCS#8, unencrypted)."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path) -> None:
        """Write `cert.pem` and, readable by its owner only, `key.pem`."""
        write_public(folder / "cert.pem", self.certificate)
        write_secret(folder / "key.pem", self.key)


def write_public(path: Path, content: bytes) -> None:
    """Write a file that anybody may read, creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_secret(path: Path, content: bytes) -> None:
    """Write a file with mode 0600, in a folder with 0700, never readable by others on the way."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


class Authority:
    """A self-signed certificate authority of one organization, P-256."""

    def __init__(
        self,
        certificate: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        now: datetime.datetime,
        luck: random.Random | None = None,
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._now = now
        self._luck = luck

    @classmethod
    def create(
        cls,
        name: str,
        organization: str,
        country: str,
        now: datetime.datetime,
        luck: random.Random | None = None,
    ) -> "Authority":
        """A new authority called `name`, valid from a little before `now` (aware, UTC).

        `luck` is for tests that want the same keys again: whoever knows its seed knows every key.
        """
        key = _key(luck)
        subject = _subject(name, organization, country)
        certificate = _sign(
            lambda: (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(subject)
                .public_key(key.public_key())
                .serial_number(_serial_number(luck))
                .not_valid_before(now - 2 * _BACKDATED)
                .not_valid_after(now + _AUTHORITY_LIFE)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_usage(signs_certificates=True), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            ),
            key,
            luck,
        )
        return cls(certificate, key, now, luck)

    @property
    def certificate(self) -> bytes:
        """The authority's certificate, PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def credential(self) -> Credential:
        return Credential(self.certificate, _pem(self._key))

    def identity(
        self,
        name: str,
        role: str,
        organization: str,
        country: str,
        attributes: Mapping[str, str] | None = None,
    ) -> Credential:
        """A signing certificate: `name` as common name, `role` (client, admin, peer, orderer) as NodeOU."""
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, country),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        extensions: list[tuple[x509.ExtensionType, bool]] = []
        if attributes:
            text = json.dumps({"attrs": dict(attributes)}, sort_keys=True, separators=(",", ":"))
            extensions.append((x509.UnrecognizedExtension(ATTRIBUTES, text.encode()), False))
        return self._issue(subject, extensions)

    def tls(self, name: str, organization: str, country: str, hosts: Sequence[str] = ()) -> Credential:
        """A TLS certificate for server and client use; `hosts` are DNS names and IP addresses."""
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                False,
            )
        ]
        if hosts:
            extensions.append((x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False))
        return self._issue(_subject(name, organization, country), extensions)

    def _issue(self, subject: x509.Name, extensions: Sequence[tuple[x509.ExtensionType, bool]]) -> Credential:
        key = _key(self._luck)

        def builder() -> x509.CertificateBuilder:
            result = (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(self._certificate.subject)
                .public_key(key.public_key())
                .serial_number(_serial_number(self._luck))
                .not_valid_before(self._now - _BACKDATED)
                .not_valid_after(self._now + _LIFE)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(_usage(signs_certificates=False), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
                )
            )
            for extension, critical in extensions:
                result = result.add_extension(extension, critical)
            return result

        certificate = _sign(builder, self._key, self._luck)
        return Credential(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))


def _key(luck: random.Random | None) -> ec.EllipticCurvePrivateKey:
    if luck is None:
        return ec.generate_private_key(ec.SECP256R1())
    return ec.derive_private_key(luck.randrange(1, _ORDER), ec.SECP256R1())


def _serial_number(luck: random.Random | None) -> int:
    return x509.random_serial_number() if luck is None else luck.getrandbits(159)


def _sign(
    builder: Callable[[], x509.CertificateBuilder],
    key: ec.EllipticCurvePrivateKey,
    luck: random.Random | None,
) -> x509.Certificate:
    while True:
        certificate = builder().sign(key, hashes.SHA256(), ecdsa_deterministic=None if luck is None else True)
        if decode_dss_signature(certificate.signature)[1] <= _ORDER // 2:
            return certificate


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _subject(name: str, organization: str, country: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
