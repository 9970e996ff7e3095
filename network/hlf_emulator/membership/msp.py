"""Membership: from an MSP's definition to validated identities.

Follows Fabric's X.509 MSP (msp/mspimpl*.go): chains are judged one second after the certificate's
`not before`, so an expired certificate still satisfies policies; who must refuse it (endorser, orderer,
deliver) asks `MspIdentity.expired`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.x509.oid import NameOID
from fabric_protos.msp import identities_pb2, msp_config_pb2, msp_principal_pb2
from google.protobuf.message import DecodeError

from hlf_emulator.membership.pem import first_block

K = TypeVar("K")
V = TypeVar("V")

_ECDSA = ec.ECDSA(Prehashed(hashes.SHA256()))
# Half the order of each curve Fabric's ECDSA accepts (bccsp/utils/ecdsa.go).
_HALF_ORDERS = {
    "secp224r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D >> 1,
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 >> 1,
    "secp384r1": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16) >> 1,
    "secp521r1": int(
        "01" + "F" * 65 + "A51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16
    )
    >> 1,
}

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class MspError(Exception):
    """An identity, a signature or a principal was refused; the text is Fabric's."""


class Cache(Generic[K, V]):
    """A bounded cache, least recently used first out."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        self._entries[key] = value
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


class Verifier:
    """Signature verification that remembers what was valid, so that ten peers of one process pay once.

    The answer depends on key, message and signature alone, whoever asks.
    """

    def __init__(self, size: int = 10_000, *, ed25519: bool = True) -> None:
        """`ed25519`: whether such keys can be read at all."""
        self.ed25519 = ed25519
        # Signature -> (whose it is, SHA-256 of what it signs).
        self._known: Cache[bytes, tuple[bytes, bytes]] = Cache(size)
        # Certificates (DER) judged expired whatever they say: a fault that tests ask for.
        self.expired: set[bytes] = set()

    def vouch(self, spki: bytes, message: bytes, signature: bytes) -> None:
        """Record a signature that this process has just made itself."""
        self._known.put(signature, (spki, hashlib.sha256(message).digest()))

    def check(self, key: PublicKey, spki: bytes, message: bytes, signature: bytes) -> None:
        """Raise MspError unless the signature is valid: ECDSA over SHA-256 with a low S, or Ed25519."""
        fact = spki, hashlib.sha256(message).digest()
        if self._known.get(signature) == fact:
            return
        try:
            if isinstance(key, ed25519.Ed25519PublicKey):
                key.verify(signature, message)
            else:
                _check_low(key, signature)
                key.verify(signature, fact[1], _ECDSA)
        except InvalidSignature as fault:
            raise MspError("The signature is invalid") from fault
        self._known.put(signature, fact)


def _check_low(key: ec.EllipticCurvePublicKey, signature: bytes) -> None:
    try:
        _, s = decode_dss_signature(signature)
    except ValueError as fault:
        raise MspError(
            f"could not determine the validity of the signature: failed verifying: "
            f"Failed unmashalling signature [{fault}]"
        ) from fault
    half = _HALF_ORDERS.get(key.curve.name)
    if half is not None and s > half:
        raise MspError(
            "could not determine the validity of the signature: "
            f"Invalid S. Must be smaller than half the order [{s}][{half}]."
        )


class MspIdentity:
    """A certificate under its MSP. Obtained from `Msp.deserialize`, not yet validated."""

    def __init__(self, msp: Msp, certificate: x509.Certificate, pem: bytes) -> None:
        self.msp = msp
        self.msp_id = msp.msp_id
        self.certificate = certificate
        self.pem = pem
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        self.serialized = identities_pb2.SerializedIdentity(
            mspid=msp.msp_id, id_bytes=pem
        ).SerializeToString()
        public_key = certificate.public_key()
        self.public_key: PublicKey | None = public_key if isinstance(public_key, PublicKey) else None
        self.spki = public_key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.not_after: datetime = certificate.not_valid_after_utc
        self.has_issuer = False
        self._validated = False
        self._refusal: str | None = None
        self._certifiers: frozenset[bytes] = frozenset()
        self._principals: dict[tuple[int, bytes], str | None] = {}

    @property
    def organizational_units(self) -> list[str]:
        attributes = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        return [str(attribute.value) for attribute in attributes]

    def expired(self, now: datetime) -> bool:
        """Whether the certificate's `not after` has passed; `now` is aware, UTC."""
        return now > self.not_after or self.der in self.msp.verifier.expired

    def validate(self) -> None:
        """Chain, revocation and node OUs. Raises MspError; the answer is remembered."""
        if not self._validated:
            try:
                self._certifiers = self.msp.judge(self)
            except MspError as refusal:
                self._refusal = str(refusal)
            self._validated = True
        if self._refusal is not None:
            raise MspError(self._refusal)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a signature of `message`, as `Verifier.check` does. Raises MspError."""
        if self.public_key is None:
            raise MspError("could not determine the validity of the signature: unsupported key type")
        self.msp.verifier.check(self.public_key, self.spki, message, signature)

    def satisfies(self, principal: msp_principal_pb2.MSPPrincipal) -> bool:
        """Whether the identity is one that `principal` describes."""
        return self.refusal(principal) is None

    def refusal(self, principal: msp_principal_pb2.MSPPrincipal) -> str | None:
        """Why the identity does not satisfy `principal`; None when it does."""
        key = (principal.principal_classification, principal.principal)
        known = self._principals.get(key, "")
        if known == "":
            known = None
            try:
                self.msp.check_principal(self, principal)
            except (MspError, DecodeError) as refusal:
                known = str(refusal)
            self._principals[key] = known
        return known

    def certified_by(self, certifiers: bytes) -> bool:
        return certifiers in self._certifiers


class Msp:
    """One organization's membership rules, from `msp.MSPConfig`."""

    def __init__(
        self, config: msp_config_pb2.FabricMSPConfig, verifier: Verifier, *, ed25519_keys: bool = False
    ) -> None:
        """`ed25519_keys`: whether they count, as in MSPs of version 3 (channel capability V3_0)."""
        self.config = config
        self._ed25519_keys = ed25519_keys
        self.msp_id: str = config.name
        self.verifier = verifier
        self.roots = [_load(pem) for pem in config.root_certs]
        self.intermediates = [_load(pem) for pem in config.intermediate_certs]
        self.admins = {_der(_load(pem)) for pem in config.admins}
        self.tls_roots: list[bytes] = [*config.tls_root_certs, *config.tls_intermediate_certs]
        self._revocations = [_revocations(encoded) for encoded in config.revocation_list]
        self._units = [
            (unit.organizational_unit_identifier, bytes(unit.certificate))
            for unit in config.organizational_unit_identifiers
        ]
        node_ous = config.fabric_node_ous
        self.node_ous: dict[str, tuple[str, bytes]] = {}
        if node_ous.enable:
            for role, unit in (
                ("client", node_ous.client_ou_identifier),
                ("peer", node_ous.peer_ou_identifier),
                ("admin", node_ous.admin_ou_identifier),
                ("orderer", node_ous.orderer_ou_identifier),
            ):
                if unit.organizational_unit_identifier:
                    certifier = _der(_load(unit.certificate)) if unit.certificate else b""
                    self.node_ous[role] = (unit.organizational_unit_identifier, certifier)
        self._identities: Cache[bytes, MspIdentity] = Cache(5_000)

    @classmethod
    def from_message(
        cls, message: msp_config_pb2.MSPConfig, verifier: Verifier, *, ed25519_keys: bool = False
    ) -> Msp:
        config = msp_config_pb2.FabricMSPConfig.FromString(message.config)
        return cls(config, verifier, ed25519_keys=ed25519_keys)

    def identity(self, pem: bytes) -> MspIdentity:
        """Parse a PEM certificate; the same bytes give the same object. Raises MspError."""
        known = self._identities.get(pem)
        if known is None:
            der = first_block(pem)
            if der is None:
                raise MspError("could not decode the PEM structure")
            try:
                certificate = x509.load_der_x509_certificate(der)
                # What is read later only is read here too, so that nothing unreadable passes.
                _ = certificate.extensions, certificate.subject
                known = MspIdentity(self, certificate, pem)
            except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion) as fault:
                raise MspError(f"parseCertificate failed: {fault}") from fault
            self._identities.put(pem, known)
        return known

    def deserialize(self, serialized: bytes) -> MspIdentity:
        """Read a `SerializedIdentity` of this MSP. Raises MspError."""
        message = parse_identity(serialized)
        if message.mspid != self.msp_id:
            raise MspError(f"expected MSP ID {self.msp_id}, received {message.mspid}")
        return self.issued_identity(message.id_bytes)

    def issued_identity(self, pem: bytes) -> MspIdentity:
        """A certificate of one of this MSP's authorities, otherwise not validated yet.

        Fabric looks for the issuer before anything else, to bring an ECDSA signature into its low form
        (msp/mspimpl.go, sanitizeCert). Raises MspError.
        """
        identity = self.identity(pem)
        if isinstance(identity.public_key, ed25519.Ed25519PublicKey) and not self.verifier.ed25519:
            raise MspError("Certificate's public key type not recognized. Supported keys: [ECDSA, RSA]")
        if not identity.has_issuer and not _is_authority(identity.certificate):
            moment = identity.certificate.not_valid_before_utc + timedelta(seconds=1)
            authorities = [*self.roots, *self.intermediates]
            if not any(_issued(authority, identity.certificate, moment) for authority in authorities):
                raise MspError(
                    "the supplied identity is not valid: x509: certificate signed by unknown authority"
                )
        identity.has_issuer = True
        return identity

    def judge(self, identity: MspIdentity) -> frozenset[bytes]:
        """Validate and return the DER of the CA certificates on the chain. Raises MspError."""
        key = identity.public_key
        if key is None or (isinstance(key, ed25519.Ed25519PublicKey) and not self._ed25519_keys):
            name = "RSA" if key is None else "Ed25519"
            raise MspError(f"could not validate identity's public key algorithm: {name} is not supported")
        chain = self._chain(identity)
        self._check_revocation(identity.certificate, chain)
        certifiers = frozenset(_der(authority) for authority in chain)
        self._check_units(identity, certifiers)
        return certifiers

    def role(self, identity: MspIdentity, role: str) -> bool:
        """Whether a validated identity carries the node OU of `role` (client, peer, admin, orderer)."""
        unit = self.node_ous.get(role)
        if unit is None or unit[0] not in identity.organizational_units:
            return False
        return not unit[1] or identity.certified_by(unit[1])

    def check_principal(self, identity: MspIdentity, principal: msp_principal_pb2.MSPPrincipal) -> None:
        """Raise MspError unless `identity` satisfies `principal` (mspimpl.go:449-677)."""
        kind = principal.principal_classification
        if kind == msp_principal_pb2.MSPPrincipal.COMBINED:
            combined = msp_principal_pb2.CombinedPrincipal.FromString(principal.principal)
            if not combined.principals:
                raise MspError("No principals in CombinedPrincipal")
            for part in combined.principals:
                self.check_principal(identity, part)
        elif kind == msp_principal_pb2.MSPPrincipal.ROLE:
            self._check_role(identity, msp_principal_pb2.MSPRole.FromString(principal.principal))
        elif kind == msp_principal_pb2.MSPPrincipal.IDENTITY:
            named = parse_identity(principal.principal)
            if named.mspid != self.msp_id or self.identity(named.id_bytes).der != identity.der:
                raise MspError("The identities do not match")
            identity.validate()
        elif kind == msp_principal_pb2.MSPPrincipal.ORGANIZATION_UNIT:
            unit = msp_principal_pb2.OrganizationUnit.FromString(principal.principal)
            self._check_member(unit.msp_identifier)
            identity.validate()
            if unit.organizational_unit_identifier not in identity.organizational_units:
                raise MspError("The identities do not match")
        elif kind == msp_principal_pb2.MSPPrincipal.ANONYMITY:
            anonymity = msp_principal_pb2.MSPIdentityAnonymity.FromString(principal.principal)
            if anonymity.anonymity_type == msp_principal_pb2.MSPIdentityAnonymity.ANONYMOUS:
                raise MspError("Principal is anonymous, but X.509 MSP does not support anonymous identities")
        else:
            raise MspError(f"invalid principal type {kind}")

    def _check_member(self, msp_id: str) -> None:
        if msp_id != self.msp_id:
            raise MspError(
                f"the identity is a member of a different MSP (expected {msp_id}, got {self.msp_id})"
            )

    def _check_role(self, identity: MspIdentity, role: msp_principal_pb2.MSPRole) -> None:
        self._check_member(role.msp_identifier)
        name = msp_principal_pb2.MSPRole.MSPRoleType.Name(role.role)
        if role.role == msp_principal_pb2.MSPRole.MEMBER:
            identity.validate()
            return
        if role.role == msp_principal_pb2.MSPRole.ADMIN:
            if identity.der in self.admins:
                return
            if not self.node_ous:
                raise MspError("This identity is not an admin")
        try:
            identity.validate()
        except MspError as refusal:
            raise MspError(f"The identity is not valid under this MSP [{self.msp_id}]: {refusal}") from None
        if not self.role(identity, name.lower()):
            article = "an admin" if name == "ADMIN" else f"a [{name}]"
            raise MspError(
                f"The identity is not {article} under this MSP [{self.msp_id}]: "
                f"The identity does not contain OU [{name}], MSP: [{self.msp_id}]"
            )

    def _chain(self, identity: MspIdentity) -> list[x509.Certificate]:
        certificate = identity.certificate
        moment = certificate.not_valid_before_utc + timedelta(seconds=1)
        if _is_authority(certificate):
            raise MspError(
                "could not obtain certification chain: "
                "An X509 certificate with Basic Constraint: Certificate Authority equals true "
                "cannot be used as an identity"
            )
        chain: list[x509.Certificate] = []
        current = certificate
        while current not in self.roots:
            issuer = next(
                (
                    candidate
                    for candidate in [*self.roots, *self.intermediates]
                    if candidate not in chain and _issued(candidate, current, moment)
                ),
                None,
            )
            if issuer is None:
                raise MspError(
                    "could not obtain certification chain: the supplied identity is not valid: "
                    "x509: certificate signed by unknown authority"
                )
            chain.append(issuer)
            current = issuer
        return chain

    def _check_revocation(self, certificate: x509.Certificate, chain: Iterable[x509.Certificate]) -> None:
        current = certificate
        for authority in chain:
            if any(_revokes(revocations, authority, current) for revocations in self._revocations):
                raise MspError(
                    "could not validate identity against certification chain: "
                    "The certificate has been revoked"
                )
            current = authority

    def _check_units(self, identity: MspIdentity, certifiers: frozenset[bytes]) -> None:
        units = identity.organizational_units
        shown = " ".join(f"[{unit}]" for unit in units)
        prefix = "could not validate identity's OUs: "
        if self._units and not any(unit in units for unit, _ in self._units):
            raise MspError(
                f"{prefix}none of the identity's organizational units [{shown}] are in MSP {self.msp_id}"
            )
        if not self.node_ous:
            return
        known = dict(self.node_ous.values())
        matches = [unit for unit in units if unit in known]
        if any(known[unit] and known[unit] not in certifiers for unit in matches):
            raise MspError(f"{prefix}certifiersIdentifier does not match: {shown}, MSP: [{self.msp_id}]")
        if not matches:
            raise MspError(
                f"{prefix}the identity does not have an OU that resolves to client, peer, orderer, or admin "
                f"role. OUs: {shown}, MSP: [{self.msp_id}]"
            )
        if len(matches) > 1:
            raise MspError(
                f"{prefix}the identity must have a client, a peer, an orderer, or an admin OU role to be "
                f"valid, not a combination of them. OUs: {shown}, MSP: [{self.msp_id}]"
            )


class MspManager:
    """All MSPs of a channel."""

    def __init__(self, msps: Iterable[Msp]) -> None:
        self.msps: dict[str, Msp] = {msp.msp_id: msp for msp in msps}
        self._identities: Cache[bytes, MspIdentity] = Cache(10_000)

    def deserialize(self, serialized: bytes) -> MspIdentity:
        """Find the MSP and read the identity, without validating it. Raises MspError."""
        known = self._identities.get(serialized)
        if known is None:
            message = parse_identity(serialized)
            msp = self.msps.get(message.mspid)
            if msp is None:
                raise MspError(f"MSP {message.mspid} is not defined on channel")
            known = msp.issued_identity(message.id_bytes)
            self._identities.put(serialized, known)
        return known

    def validated(self, serialized: bytes) -> MspIdentity:
        """Deserialize and validate. Raises MspError."""
        identity = self.deserialize(serialized)
        identity.validate()
        return identity


def parse_identity(serialized: bytes) -> identities_pb2.SerializedIdentity:
    """Decode a `SerializedIdentity`. Raises MspError."""
    try:
        return identities_pb2.SerializedIdentity.FromString(serialized)
    except DecodeError as fault:
        raise MspError(f"could not deserialize a SerializedIdentity: {fault}") from fault


def _load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(bytes(pem))


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _issued(issuer: x509.Certificate, certificate: x509.Certificate, moment: datetime) -> bool:
    if not issuer.not_valid_before_utc <= moment <= issuer.not_valid_after_utc:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _revocations(encoded: bytes) -> x509.CertificateRevocationList:
    if encoded.lstrip().startswith(b"-----"):
        return x509.load_pem_x509_crl(encoded)
    return x509.load_der_x509_crl(encoded)


def _revokes(
    revocations: x509.CertificateRevocationList, authority: x509.Certificate, certificate: x509.Certificate
) -> bool:
    """Whether the authority's own list names the certificate; dates in it do not matter."""
    if revocations.get_revoked_certificate_by_serial_number(certificate.serial_number) is None:
        return False
    try:
        subject = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        named = revocations.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return False
    key = authority.public_key()
    if named.key_identifier != subject or not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    return revocations.is_signature_valid(key)
