"""PEM material for TLS, checked before anything listens or dials: a peer only sees that it cannot connect."""

from __future__ import annotations

import base64
import binascii
import datetime
import re
from dataclasses import dataclass
from pathlib import Path

_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s([^-:]+)-----END")

Named = tuple[str, bytes]
"""PEM and what to call it in an error: the setting and the file."""


class TlsError(Exception):
    """Names the setting and the file."""


@dataclass(frozen=True)
class ServerTls:
    """PEM material. With ``client_ca`` the peer must show a certificate of that authority."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None = None

    def __repr__(self) -> str:
        return f"ServerTls(mutual={self.client_ca is not None})"

    @classmethod
    def checked(cls, certificate: Named, key: Named, client_ca: Named | None) -> ServerTls:
        """TlsError where a file is not what it should be, or the two do not belong together."""
        private = check_pair(certificate, key)
        if client_ca is not None:
            check_certificates(client_ca)
        return cls(certificate[1], private, None if client_ca is None else client_ca[1])


@dataclass(frozen=True)
class ClientTls:
    """PEM material for dialing a peer: whom to trust, and what to show (a peer demands it)."""

    root: bytes
    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "ClientTls()"

    @classmethod
    def checked(cls, root: Named, certificate: Named, key: Named) -> ClientTls:
        """TlsError where a file is not what it should be, or certificate and key do not belong together."""
        check_certificates(root)
        return cls(root[1], certificate[1], check_pair(certificate, key))


def read_pem(path: Path, where: str, *, encoded: bool = False) -> bytes:
    """A file's bytes, out of Base64 where ``encoded``; TlsError begins with ``where``."""
    try:
        content = path.read_bytes()
        return base64.b64decode(content, validate=False) if encoded else content
    except OSError as error:
        raise TlsError(f"{where}: {error.strerror}") from error
    except binascii.Error as error:
        raise TlsError(f"{where}: not Base64") from error


def check_certificates(pem: Named) -> None:
    """TlsError unless there is at least one certificate."""
    # Here, since a server without TLS needs none of it.
    from cryptography import x509

    try:
        x509.load_pem_x509_certificates(pem[1])
    except ValueError as error:
        raise TlsError(f"{pem[0]}: no certificate in PEM") from error


def check_pair(certificate: Named, key: Named) -> bytes:
    """The key as PKCS#8 in PEM; TlsError unless the certificate is in force and the key is its own."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    check_certificates(certificate)
    leaf = x509.load_pem_x509_certificates(certificate[1])[0]
    try:
        # The block's bytes say what key it is, not its title: Fabric's peer (common/crypto/tlsgen) titles
        # PKCS#8 as EC PRIVATE KEY, which Go reads and gRPC does not.
        private = serialization.load_der_private_key(_block(key[1]), password=None)
    except (ValueError, TypeError) as error:
        raise TlsError(f"{key[0]}: no private key in PEM, without a password") from error
    if private.public_key() != leaf.public_key():
        raise TlsError(f"{key[0]}: not the key of the certificate in {certificate[0]}")
    if leaf.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise TlsError(f"{certificate[0]}: expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _block(pem: bytes) -> bytes:
    """The bytes of the first private key in PEM; ValueError where there is none."""
    found = _PRIVATE_KEY.search(pem)
    if found is None:
        raise ValueError("no private key")
    return base64.b64decode(found[1])
