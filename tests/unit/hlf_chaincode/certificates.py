"""Certificates of an afternoon, and the files that hold them."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Pair(NamedTuple):
    """A certificate with its key, PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Issues certificates for 127.0.0.1."""

    def __init__(self, name: str = "ca") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.root = _pem(_builder(name, self._name, self._key, None, 1).sign(self._key, hashes.SHA256()))

    def issue(self, name: str, days: float = 1) -> Pair:
        """``days`` until it expires."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self._name, key, "127.0.0.1", days)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Pair(_pem(builder.sign(self._key, hashes.SHA256())), private)


def write(folder: Path, **contents: bytes) -> dict[str, str]:
    """The paths of files ``name.pem``."""
    paths = {}
    for name, content in contents.items():
        path = folder / f"{name}.pem"
        path.write_bytes(content)
        paths[name] = str(path)
    return paths


def _builder(name, issuer, key, address, days) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=address is None, path_length=None), critical=True)
    )
    if address is None:
        return builder
    names = [x509.IPAddress(ipaddress.ip_address(address))]
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
