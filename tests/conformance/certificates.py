"""Identities that an organization's authority signs and no sound registrar would issue.

A case names them `made/ORGANIZATION:VARIANT`; the variants are the entries of `_VARIANTS`. Each is made once
for a network and kept beside its state, so that one who signs twice is the same.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID

from hlf.identity import Identity, Signer, SigningIdentity
from hlf_network.layout import Layout

_ORDERS = {
    "secp256r1": int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16),
    "secp384r1": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
    "secp521r1": int(
        "01" + "F" * 65 + "A51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16
    ),
}
_DAY = datetime.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def made(layout: Layout, name: str) -> SigningIdentity:
    """The signer that `made/NAME` stands for."""
    organization, _, variant = name.partition(":")
    return _VARIANTS[variant](layout, organization, variant)


def _issued(
    units: tuple[str, ...] = ("client",),
    key: Callable[[], Key] = lambda: ec.generate_private_key(ec.SECP256R1()),
    start: datetime.timedelta = -datetime.timedelta(minutes=5),
    end: datetime.timedelta = _DAY,
) -> Callable[[Layout, str, str], SigningIdentity]:
    def make(layout: Layout, organization: str, variant: str) -> SigningIdentity:
        folder = layout.paths.run / "made" / organization / variant
        if not folder.is_dir():
            _issue(layout, organization, folder, units, key(), start, end)
        private = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
        assert isinstance(private, Key)
        identity = Identity(organization, (folder / "cert.pem").read_bytes())
        return SigningIdentity(identity, _signer(private))

    return make


def _issue(
    layout: Layout,
    organization: str,
    folder: Path,
    units: tuple[str, ...],
    key: Key,
    start: datetime.timedelta,
    end: datetime.timedelta,
) -> None:
    certificate, issuer_key = _authority(layout, organization)
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            *(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units),
            x509.NameAttribute(NameOID.COMMON_NAME, folder.name),
        ]
    )
    issued = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    folder.mkdir(parents=True)
    (folder / "cert.pem").write_bytes(issued.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _authority(layout: Layout, organization: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    path = layout.paths.ca_certificate(organization)
    key = serialization.load_pem_private_key(path.with_name("key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate(path.read_bytes()), key


def _signer(key: Key) -> Signer:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    if isinstance(key, rsa.RSAPrivateKey):
        return lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    order = _ORDERS[key.curve.name]
    return lambda message: _with_s(key.sign(message, ec.ECDSA(hashes.SHA256())), order, high=False)


def _with_s(signature: bytes, order: int, *, high: bool) -> bytes:
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, order - s) if (s > order // 2) != high else signature


def _the_authority(layout: Layout, organization: str, variant: str) -> SigningIdentity:
    _, key = _authority(layout, organization)
    certificate = layout.paths.ca_certificate(organization).read_bytes()
    return SigningIdentity(Identity(organization, certificate), _signer(key))


def _high_s(layout: Layout, organization: str, variant: str) -> SigningIdentity:
    whole = _issued()(layout, organization, variant)
    key = (layout.paths.run / "made" / organization / variant / "key.pem").read_bytes()
    private = serialization.load_pem_private_key(key, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    order = _ORDERS[private.curve.name]
    return SigningIdentity(
        whole.identity,
        lambda message: _with_s(private.sign(message, ec.ECDSA(hashes.SHA256())), order, high=True),
    )


def _with(
    certificate: Callable[[bytes], bytes] = lambda pem: pem,
    msp_id: str = "",
    signature: Callable[[bytes], bytes] | None = None,
) -> Callable[[Layout, str, str], SigningIdentity]:
    """A sound identity with another certificate, MSP id or signature in its place."""

    def make(layout: Layout, organization: str, variant: str) -> SigningIdentity:
        whole = _issued()(layout, organization, variant)
        identity = Identity(msp_id or organization, certificate(whole.certificate))
        return SigningIdentity(identity, signature or whole.sign)

    return make


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


_VARIANTS: Mapping[str, Callable[[Layout, str, str], SigningIdentity]] = {
    "sound": _issued(),
    "not-yet": _issued(start=_DAY, end=2 * _DAY),
    "expired": _issued(end=-datetime.timedelta(minutes=1)),
    "no-unit": _issued(units=()),
    "guest": _issued(units=("guest",)),
    "two-units": _issued(units=("client", "peer")),
    "unit-and-guest": _issued(units=("guest", "client")),
    "peer": _issued(units=("peer",)),
    "admin": _issued(units=("admin",)),
    "orderer": _issued(units=("orderer",)),
    "authority": _the_authority,
    "high-s": _high_s,
    "p384": _issued(key=lambda: ec.generate_private_key(ec.SECP384R1())),
    "p521": _issued(key=lambda: ec.generate_private_key(ec.SECP521R1())),
    "ed25519": _issued(key=ed25519.Ed25519PrivateKey.generate),
    "rsa": _issued(key=lambda: rsa.generate_private_key(65537, 2048)),
    "no-pem": _with(certificate=lambda _: b"no certificate"),
    "der": _with(certificate=_der),
    "ill-pem": _with(certificate=lambda _: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    "key-pem": _with(certificate=lambda pem: pem.replace(b"CERTIFICATE", b"PUBLIC KEY")),
    "two-pems": _with(certificate=lambda pem: pem + pem),
    "no-certificate": _with(certificate=lambda _: b""),
    "other-msp": _with(msp_id="org-b"),
    "no-signature": _with(signature=lambda _: b""),
    "ill-signature": _with(signature=lambda _: b"signature"),
    "zero-signature": _with(signature=lambda _: encode_dss_signature(0, 0)),
}
