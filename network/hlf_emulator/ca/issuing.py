"""Certificates and revocation lists as a Fabric CA makes them (serverenroll.go, cfssl's signer). Pure."""

import contextlib
import datetime
import ipaddress
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hlf_emulator.ca.csr import SigningRequest, signing_failure
from hlf_emulator.ca.store import Certificate

ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_URI = re.compile(r"/|[A-Za-z][A-Za-z0-9+.-]*:")
_MINUTE = datetime.timedelta(minutes=1)
# In the order in which the names stand in a certificate.
_NAMES = (
    ("C", NameOID.COUNTRY_NAME),
    ("ST", NameOID.STATE_OR_PROVINCE_NAME),
    ("L", NameOID.LOCALITY_NAME),
    ("O", NameOID.ORGANIZATION_NAME),
    ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("CN", NameOID.COMMON_NAME),
    ("SerialNumber", NameOID.SERIAL_NUMBER),
)
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


_Signed = TypeVar("_Signed", x509.Certificate, x509.CertificateRevocationList)


@dataclass(frozen=True)
class Profile:
    """What certificates of one kind are for, and how long they live."""

    usages: frozenset[str]
    extended: tuple[x509.ObjectIdentifier, ...]
    life: datetime.timedelta
    authority: bool = False


PROFILES: Mapping[str, Profile] = {
    "": Profile(frozenset({"digital_signature"}), (), datetime.timedelta(hours=8760)),
    "ca": Profile(
        frozenset({"key_cert_sign", "crl_sign"}), (), datetime.timedelta(hours=43800), authority=True
    ),
    "tls": Profile(
        frozenset({"digital_signature", "key_encipherment", "key_agreement"}),
        (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
        datetime.timedelta(hours=8760),
    ),
}


class Issuer:
    """A CA's certificate and key."""

    def __init__(self, certificate: bytes, key: bytes) -> None:
        """PEM. Raises ValueError for what is no P-256 key pair."""
        self.chain = certificate
        self._certificate = x509.load_pem_x509_certificate(certificate)
        private = serialization.load_pem_private_key(key, None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError("a CA's key must be an elliptic curve's")
        self._key = private
        self._identifier = self._certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value

    @property
    def key_identifier(self) -> str:
        """The CA's key identifier as the registry keeps it: hexadecimal without leading zeros."""
        return self._identifier.digest.hex().lstrip("0")

    def issued(self, certificate: x509.Certificate, now: datetime.datetime) -> bool:
        """Whether the certificate is this CA's, and of age."""
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return False
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True

    def issue(
        self,
        request: SigningRequest,
        wanted: Mapping[str, Any],
        units: Iterable[str],
        attributes: bytes | None,
        now: datetime.datetime,
    ) -> Certificate:
        """A certificate for what ``request`` asks and the body ``wanted`` adds, of these units."""
        profile = PROFILES[wanted["profile"]]
        request.check_signature()
        if request.authority and not profile.authority:
            raise signing_failure(5300, "Policy violation request")
        names = _subject(request.names, wanted["subject"] or {}, units)
        start, end = self._validity(profile, wanted["NotBefore"], now)
        extensions = [
            *_profile_extensions(profile),
            (x509.SubjectKeyIdentifier.from_public_key(request.key), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier), False),
            *_alternative_names(request, wanted["hosts"], profile),
            *_address(wanted["crl_override"]),
            *_own_extensions(wanted["extensions"], attributes),
        ]

        def builder() -> x509.CertificateBuilder:
            result = x509.CertificateBuilder(
                issuer_name=self._certificate.subject,
                subject_name=names,
                public_key=request.key,
                serial_number=secrets.randbits(159) or 1,
                not_valid_before=start,
                not_valid_after=end,
            )
            for extension, critical in extensions:
                result = result.add_extension(extension, critical)
            return result

        made = self._low(lambda: builder().sign(self._key, hashes.SHA256()))
        return Certificate(
            owner=request.name,
            serial=f"{made.serial_number:x}",
            aki=self.key_identifier,
            pem=made.public_bytes(serialization.Encoding.PEM).decode(),
            expiry=made.not_valid_after_utc,
        )

    def revocation_list(
        self, revoked: Sequence[Certificate], now: datetime.datetime, life: datetime.timedelta
    ) -> bytes:
        """A revocation list, PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now)
            .next_update(now + life)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier), False
            )
        )
        for certificate in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(
                    int(certificate.serial, 16), certificate.revoked_at or now
                ).build()
            )
        made = self._low(lambda: builder.sign(self._key, hashes.SHA256()))
        return made.public_bytes(serialization.Encoding.PEM)

    def _validity(
        self, profile: Profile, start: datetime.datetime | None, now: datetime.datetime
    ) -> tuple[datetime.datetime, datetime.datetime]:
        """Never outside the CA's own, and from its beginning unless a later time is asked for."""
        own = self._certificate
        whole = (now + _MINUTE / 2).replace(second=0, microsecond=0)
        first = own.not_valid_before_utc
        return max(first, start or first), min(own.not_valid_after_utc, whole + profile.life)

    def _low(self, make: Callable[[], _Signed]) -> _Signed:
        """Signed until s is low, as Fabric's crypto provider does."""
        while True:
            made = make()
            if decode_dss_signature(made.signature)[1] <= self._key.curve.group_order // 2:
                return made


def _subject(
    requested: Mapping[str, Sequence[str]], beside: Mapping[str, Any], units: Iterable[str]
) -> x509.Name:
    """What stands beside the request, then what is in it; organizational units are the CA's to give."""
    given: dict[str, list[str]] = {name: [] for name, _oid in _NAMES}
    for entry in beside.get("names") or ():
        for name in ("C", "ST", "L", "O"):
            given[name] += [entry[name]] if entry[name] else []
    given["OU"] = [unit for unit in units if unit]
    given["CN"] = [beside["CN"]] if beside.get("CN") else []
    given["SerialNumber"] = [beside["SerialNumber"]] if beside.get("SerialNumber") else []
    try:
        return x509.Name(
            [
                x509.RelativeDistinguishedName([x509.NameAttribute(oid, each) for each in values])
                for name, oid in _NAMES
                if (values := tuple(dict.fromkeys(given[name] or requested.get(name, ()))))
            ]
        )
    except ValueError as error:
        raise signing_failure(1000, str(error)) from error


def _profile_extensions(profile: Profile) -> list[tuple[x509.ExtensionType, bool]]:
    usage = x509.KeyUsage(**{name: name in profile.usages for name in _USAGES})
    made: list[tuple[x509.ExtensionType, bool]] = [(usage, True)]
    if profile.extended:
        made.append((x509.ExtendedKeyUsage(profile.extended), False))
    constraints = x509.BasicConstraints(ca=profile.authority, path_length=0 if profile.authority else None)
    return [*made, (constraints, True)]


def _alternative_names(
    request: SigningRequest, hosts: Sequence[str] | None, profile: Profile
) -> list[tuple[x509.ExtensionType, bool]]:
    """The body's hosts, or the request's where the body has none; by kind, as Go writes them."""
    kinds: dict[type, list[x509.GeneralName]] = {
        kind: [] for kind in (x509.DNSName, x509.RFC822Name, x509.IPAddress, x509.UniformResourceIdentifier)
    }
    try:
        for name in request.alternative_names if hosts is None else [_general_name(host) for host in hosts]:
            kinds.setdefault(type(name), []).append(name)
    except ValueError as error:
        raise signing_failure(1000, str(error)) from error
    if profile.authority:
        # cfssl drops the names of a CA, and forgets its addresses.
        kinds = {x509.IPAddress: kinds[x509.IPAddress]}
    names = [name for each in kinds.values() for name in each]
    return [(x509.SubjectAlternativeName(names), False)] if names else []


def _general_name(host: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(host))
    _require_ia5(host)
    if _MAIL.fullmatch(host):
        return x509.RFC822Name(host)
    return x509.UniformResourceIdentifier(host) if _URI.match(host) else x509.DNSName(host)


def _require_ia5(text: str) -> None:
    if not text.isascii():
        raise signing_failure(1000, f'x509: "{text}" cannot be encoded as an IA5String')


def _address(crl: str) -> list[tuple[x509.ExtensionType, bool]]:
    if not crl:
        return []
    _require_ia5(crl)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
    return [(x509.CRLDistributionPoints([point]), False)]


def _own_extensions(
    requested: Sequence[Mapping[str, Any]] | None, attributes: bytes | None
) -> list[tuple[x509.ExtensionType, bool]]:
    """The extension of attributes, the only one that a request may bring; its own then goes first."""
    for extension in requested or ():
        if extension["id"] != ATTRIBUTES.dotted_string:
            raise signing_failure(1300, "Invalid certificate request")
        text = extension["value"]
        wrong = re.search("[^0-9a-fA-F]", text)
        if wrong is not None:
            shown = f"U+{ord(wrong[0]):04X} '{wrong[0]}'"
            raise signing_failure(1300, f"encoding/hex: invalid byte: {shown}")
        if len(text) % 2:
            raise signing_failure(1300, "encoding/hex: odd length hex string")
        attributes = bytes.fromhex(text)
        break
    return [] if attributes is None else [(x509.UnrecognizedExtension(ATTRIBUTES, attributes), False)]
