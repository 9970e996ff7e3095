"""Signers that no wallet holds: nodes, certificates that ran out, and people of nowhere.

A case names them as it names others, `organization/user`: `node/peer0.org-a` is a node's own identity,
`expired/org-a` a client of org-a whose certificate ran out a minute ago, `nowhere/anybody` a client of an
organization that no channel knows, `impostor/org-a` one who calls himself a member of org-a with a
certificate of another authority, `orderer/org-a` the administrator of org-a's orderers, who have an MSP id of
their own, `newcomer/user` and `newcomer/admin` people of an organization that joins a channel.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hlf.identity import SigningIdentity
from hlf_network.crypto import Authority, Credential
from hlf_network.layout import Layout
from tests.conformance import certificates

KINDS = frozenset({"made", "node", "expired", "nowhere", "impostor", "orderer", "newcomer"})


def stranger(layout: Layout, kind: str, name: str) -> SigningIdentity:
    """The signer that `kind/name` stands for."""
    if kind == "made":
        return certificates.made(layout, name)
    if kind == "node":
        node = layout.node(name)
        folder = layout.paths.node(node) / "msp"
        return SigningIdentity.from_pem(
            node.msp_id,
            (folder / "signcerts" / "cert.pem").read_bytes(),
            (folder / "keystore" / "key.pem").read_bytes(),
        )
    if kind == "orderer":
        authority = known_authority(layout.paths.ca_certificate(name).parent)
        credential = authority.identity("admin", "admin", name, "KR")
        msp_id = layout.orderers(name)[0].msp_id
        return SigningIdentity.from_pem(msp_id, credential.certificate, credential.key)
    if kind == "newcomer":
        credential = newcomer(layout.paths.state / "newcomer").identity(
            name, "admin" if name == "admin" else "client", kind, "KR"
        )
        return SigningIdentity.from_pem(kind, credential.certificate, credential.key)
    if kind == "expired":
        credential = expired_client(layout.paths.ca_certificate(name).parent, name)
        return SigningIdentity.from_pem(name, credential.certificate, credential.key)
    msp_id = name if kind == "impostor" else "nowhere"
    credential = fresh_authority(msp_id).identity("anybody", "client", msp_id, "KR")
    return SigningIdentity.from_pem(msp_id, credential.certificate, credential.key)


def fresh_authority(organization: str) -> Authority:
    """A certificate authority that no network knows yet."""
    now = datetime.datetime.now(datetime.UTC)
    return Authority.create(f"ca.{organization}", organization, "KR", now)


def newcomer(folder: Path) -> Authority:
    """The authority of the organization `newcomer`, made in `folder` the first time."""
    if not folder.exists():
        fresh_authority("newcomer").credential.write(folder)
    return known_authority(folder)


def known_authority(folder: Path) -> Authority:
    """An organization's own authority; its folder holds cert.pem and key.pem."""
    certificate = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Authority(certificate, key, datetime.datetime.now(datetime.UTC))


def expired_client(authority: Path, organization: str) -> Credential:
    """A client's certificate, good while it lasted: the authority's folder holds cert.pem and key.pem."""
    issuer = x509.load_pem_x509_certificate((authority / "cert.pem").read_bytes())
    issuer_key = serialization.load_pem_private_key((authority / "key.pem").read_bytes(), None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "client"),
            x509.NameAttribute(NameOID.COMMON_NAME, "late"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Not before its authority: Fabric checks the chain as of the certificate's first second.
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now - datetime.timedelta(minutes=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Credential(certificate.public_bytes(serialization.Encoding.PEM), private)
