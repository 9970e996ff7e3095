"""Callers of a test: an organization, a role and attributes, made into a real certificate."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fabric_protos.msp import identities_pb2

from ..identity import ATTRIBUTES_OID

_FROM = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_UNTIL = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Caller:
    """Who calls. With ``certificate_pem`` that certificate is used; otherwise one is made."""

    msp_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    role: str = "client"
    name: str = "user"
    certificate_pem: bytes | None = None


class Certificates:
    """Makes and remembers one certificate a caller, and one CA an organization."""

    def __init__(self) -> None:
        self._authorities: dict[str, tuple[x509.Name, ec.EllipticCurvePrivateKey]] = {}
        self._made: dict[tuple[str, ...], bytes] = {}

    def serialized(self, caller: Caller) -> bytes:
        """The caller as msp.SerializedIdentity."""
        pem = caller.certificate_pem or self._certificate(caller)
        return identities_pb2.SerializedIdentity(mspid=caller.msp_id, id_bytes=pem).SerializeToString()

    def _certificate(self, caller: Caller) -> bytes:
        attributes = json.dumps({"attrs": dict(caller.attributes)}, sort_keys=True)
        known = (caller.msp_id, caller.role, caller.name, attributes)
        if known not in self._made:
            self._made[known] = self._make(caller, attributes)
        return self._made[known]

    def _make(self, caller: Caller, attributes: str) -> bytes:
        if caller.msp_id not in self._authorities:
            name = x509.Name(
                [
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, caller.msp_id),
                    x509.NameAttribute(NameOID.COMMON_NAME, f"ca.{caller.msp_id}"),
                ]
            )
            self._authorities[caller.msp_id] = (name, ec.generate_private_key(ec.SECP256R1()))
        issuer, issuer_key = self._authorities[caller.msp_id]
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, caller.name)]
        if caller.role:
            subject.insert(0, x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, caller.role))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(issuer)
            .public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_FROM)
            .not_valid_after(_UNTIL)
        )
        if caller.attributes:
            oid = x509.ObjectIdentifier(ATTRIBUTES_OID)
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, attributes.encode()), False)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
