"""One Fabric CA over bare HTTPS, and the identities enrolled at it; tokens and requests made by hand."""

from __future__ import annotations

import base64
import datetime
import hashlib
import http.client
import json
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID

_ORDER = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)
_NAMES = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "SN": NameOID.SERIAL_NUMBER,
    "CN": NameOID.COMMON_NAME,
}
FORGERIES = ("stranger", "unrecorded", "expired")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Enrolled:
    """An enrolment certificate and its key, and the secret it was enrolled with."""

    certificate: bytes
    key: ec.EllipticCurvePrivateKey

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate)

    @property
    def serial(self) -> str:
        """As fabric-ca writes it: hexadecimal, no leading zeros."""
        return f"{self.parsed.serial_number:x}"

    @property
    def aki(self) -> str:
        extension = self.parsed.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        return (extension.value.key_identifier or b"").hex().lstrip("0")


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Authority:
    """`administrator` is the secret of `admin`; `enrolled` those who have enrolled, by name."""

    def __init__(
        self, port: int, tls_root: bytes, certificate: bytes, key: bytes, administrator: str
    ) -> None:
        self.certificate = certificate
        self._key = serialization.load_pem_private_key(key, None)
        context = ssl.create_default_context(cadata=tls_root.decode())
        self._connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
        self._administrator = administrator
        self.enrolled: dict[str, Enrolled] = {}

    def forget(self) -> None:
        """Nobody but `admin` is enrolled: what another case did is none of this one's."""
        self.enrolled = {name: kept for name, kept in self.enrolled.items() if name == "admin"}

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One request; http.client.RemoteDisconnected where the CA closes the connection instead."""
        try:
            self._connection.request(method, path, body or None, dict(headers))
            answer = self._connection.getresponse()
            given = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, given, answer.read())
        except http.client.HTTPException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def caller(self, name: str) -> Enrolled:
        """An enrolled identity; `admin` is enrolled when first asked for."""
        if name == "admin" and name not in self.enrolled:
            self.enroll(name, self._administrator)
        return self.enrolled[name]

    def forged(self, kind: str) -> Enrolled:
        """A certificate for `admin` that is not of the CA's doing: a stranger's, or signed with its key."""
        own = x509.load_pem_x509_certificate(self.certificate)
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")])
        signer = ec.generate_private_key(ec.SECP256R1()) if kind == "stranger" else self._key
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        identifier = own.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        made = (
            x509.CertificateBuilder(own.subject, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(own.not_valid_before_utc)
            .not_valid_after(own.not_valid_before_utc + day / 1440 if kind == "expired" else now + day)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False)
            .sign(signer, hashes.SHA256())
        )
        return Enrolled(made.public_bytes(serialization.Encoding.PEM), key)

    def enroll(self, name: str, secret: str) -> None:
        """Enroll with a new key; AssertionError if the CA refuses."""
        key = ec.generate_private_key(ec.SECP256R1())
        body = json.dumps({"certificate_request": signing_request(key, {"CN": name})}).encode()
        reply = self.request("POST", "/api/v1/enroll", body, {"Authorization": basic(name, secret)})
        assert reply.status == 201, f"enrolling {name}: {reply.status} {reply.body!r}"
        certificate = base64.b64decode(json.loads(reply.body)["result"]["Cert"])
        self.enrolled[name] = Enrolled(certificate, key)


def basic(name: str, secret: str) -> str:
    """An Authorization header for enroll."""
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def token(caller: Enrolled, method: str, uri: str, body: bytes, kind: str = "") -> str:
    """The Authorization header of every other call; `kind`: old (before Fabric CA 1.4) or with a high s."""
    certificate = base64.b64encode(caller.certificate).decode()
    content = base64.b64encode(body).decode()
    signed = f"{content}.{certificate}"
    if kind != "old":
        signed = f"{method}.{base64.b64encode(uri.encode()).decode()}.{signed}"
    return f"{certificate}.{base64.b64encode(sign(caller.key, signed.encode(), kind == 'high s')).decode()}"


def sign(key: ec.EllipticCurvePrivateKey, message: bytes, high: bool = False) -> bytes:
    """ECDSA over SHA-256 with a low s, the only kind that Fabric's crypto provider takes."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return encode_dss_signature(r, max(s, _ORDER - s) if high else min(s, _ORDER - s))


def signing_request(key: Key, subject: Mapping[str, Any], request: Mapping[str, Any] | None = None) -> str:
    """A PKCS#10 request in PEM. `subject`: abbreviation -> text or list; `request`: a case's word."""
    wanted = request or {}
    with warnings.catch_warnings():
        # Names that are too long are what some cases ask about.
        warnings.simplefilter("ignore")
        attributes = [
            x509.NameAttribute(_NAMES[name], text, _validate=False)
            for name, texts in subject.items()
            for text in (texts if isinstance(texts, list) else [texts])
        ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if "hosts" in wanted:
        names: list[x509.GeneralName] = [x509.DNSName(host) for host in wanted["hosts"]]
        names += [x509.RFC822Name(address) for address in wanted.get("mail", ())]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if "authority" in wanted:
        constraints = x509.BasicConstraints(ca=wanted["authority"], path_length=None)
        builder = builder.add_extension(constraints, critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = builder.sign(key, algorithm)
    content = bytearray(made.public_bytes(serialization.Encoding.DER))
    if wanted.get("tamper") == "signature":
        content[-1] ^= 1
    elif wanted.get("tamper") == "more":
        content += b"more"
    elif wanted.get("tamper") == "content":
        content = bytearray(b"not a request")
    armour = wanted.get("armour", "CERTIFICATE REQUEST")
    text = base64.encodebytes(bytes(content)).decode()
    return f"-----BEGIN {armour}-----\n{text}-----END {armour}-----\n"


def new_key(kind: str) -> Key:
    """A private key: p256, p384, p521, rsa (2048 bits) or ed25519."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}[kind]())


def key_identifier(certificate: x509.Certificate) -> bytes:
    """SHA-1 of the public key's bits, which fabric-ca makes the subject key identifier."""
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a PEM certificate's text."""
    return hashlib.sha256(certificate).hexdigest()
