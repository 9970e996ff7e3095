"""Identities (an MSP id and a certificate) and the keys that sign for them."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from fabric_protos.msp.identities_pb2 import SerializedIdentity

from hlf.errors import IdentityError

if TYPE_CHECKING:
    from cryptography import x509

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Signer = Callable[[bytes], "bytes | Awaitable[bytes]"]
"""Signs a whole message (not its digest); an awaitable answer needs AsyncGateway."""

# A peer hashes by its MSP's signature hash family, SHA2 meaning SHA-256 on every curve
# (msp/identities.go, Verify); SHA-384 is for peers whose MSP says so.
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha3-256": hashes.SHA3_256,
    "sha3-384": hashes.SHA3_384,
}
_ORDERS = {
    "secp256r1": int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16),
    "secp384r1": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
}


def digest(message: bytes, algorithm: str = "sha256") -> bytes:
    """Hash ``message``: "sha256", "sha384", "sha3-256", "sha3-384", or "none" for the message itself."""
    if algorithm == "none":
        return message
    if algorithm not in _HASHES:
        raise IdentityError(f"unknown hash {algorithm!r}", hint=f"one of {', '.join(_HASHES)}, none")
    return hashlib.new(algorithm.replace("sha3-", "sha3_"), message).digest()


@dataclass(frozen=True)
class Identity:
    """Who a message claims to come from (msp.SerializedIdentity).

    ``certificate`` is an X.509 certificate in PEM; for an MSP of another type, the credentials that it reads.
    """

    msp_id: str
    certificate: bytes = field(repr=False)

    @cached_property
    def _serialized(self) -> bytes:
        return SerializedIdentity(mspid=self.msp_id, id_bytes=self.certificate).SerializeToString()

    def serialized(self) -> bytes:
        """Return the bytes of msp.SerializedIdentity, as they stand in a creator field."""
        return self._serialized

    @classmethod
    def from_serialized(cls, creator: bytes) -> Identity:
        """Read a creator field; IdentityError if it is not a SerializedIdentity."""
        try:
            message = SerializedIdentity.FromString(creator)
        except Exception as error:  # protobuf's DecodeError class differs between its implementations
            raise IdentityError("the creator is not a serialized identity") from error
        return cls(message.mspid, message.id_bytes)


def low_s(signature: bytes, curve: str) -> bytes:
    """Return the DER signature with s in the lower half of the curve's order: peers refuse the other one."""
    order = _ORDERS[curve]
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, order - s) if s > order // 2 else signature


class SigningIdentity:
    """An identity and what signs for it: a private key, or any callable (KMS, HSM, Vault).

    ``hash`` names the hash of ECDSA signatures; peers expect "sha256" unless their MSP's configuration says
    otherwise. Ed25519 (Fabric 3) signs the message itself. A callable is given the message and hashes it;
    ``hash`` then says what ``digest()`` of a step is to be.
    """

    def __init__(self, identity: Identity, private_key: PrivateKey | Signer, *, hash: str = "sha256") -> None:
        self.identity = identity
        self._key = private_key
        if isinstance(private_key, ec.EllipticCurvePrivateKey):
            if private_key.curve.name not in _ORDERS:
                raise IdentityError(
                    f"curve {private_key.curve.name} is not supported", hint="use P-256 or P-384"
                )
            if hash not in _HASHES:
                raise IdentityError(f"unknown hash {hash!r}", hint=f"one of {', '.join(_HASHES)}")
            # Of a digest: hashlib makes one several times faster than the signature's own hashing would.
            self._algorithm = ec.ECDSA(Prehashed(_HASHES[hash]()))
        elif isinstance(private_key, ed25519.Ed25519PrivateKey):
            hash = "none"
        elif hash not in _HASHES and hash != "none":
            raise IdentityError(f"unknown hash {hash!r}", hint=f"one of {', '.join(_HASHES)}, none")
        self.hash = hash

    @classmethod
    def from_pem(
        cls, msp_id: str, certificate_pem: bytes, key_pem: bytes, password: bytes | None = None
    ) -> SigningIdentity:
        """Make one from a certificate and a PKCS#8 (or SEC1) key; IdentityError if they do not match."""
        try:
            key = serialization.load_pem_private_key(key_pem, password)
        except (ValueError, TypeError) as error:
            raise IdentityError(
                "the private key cannot be read", hint="PEM is expected, and the password if it is encrypted"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise IdentityError("the private key is neither ECDSA nor Ed25519")
        if load_certificate(certificate_pem).public_key() != key.public_key():
            raise IdentityError("certificate and private key do not belong together")
        return cls(Identity(msp_id, certificate_pem), key)

    @classmethod
    def from_msp_folder(
        cls, msp_id: str, folder: str | Path, password: bytes | None = None
    ) -> SigningIdentity:
        """Make one from a user's ``msp`` folder, as cryptogen and fabric-ca-client write it.

        The certificate is the file in ``signcerts``, the key the one in ``keystore``. IdentityError: there is
        none, or there are several.
        """
        certificate, key = (_only_file(Path(folder) / name) for name in ("signcerts", "keystore"))
        return cls.from_pem(msp_id, certificate, key, password)

    @property
    def msp_id(self) -> str:
        """The MSP id of the member this identity belongs to."""
        return self.identity.msp_id

    @property
    def certificate(self) -> bytes:
        """The certificate, PEM."""
        return self.identity.certificate

    @property
    def private_key(self) -> PrivateKey | None:
        """The key, or None where a callable signs."""
        key = self._key
        return key if isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) else None

    def serialized(self) -> bytes:
        """Return the bytes of msp.SerializedIdentity."""
        return self.identity.serialized()

    def sign(self, message: bytes) -> bytes:
        """Sign a message: ECDSA as DER with low s, or Ed25519."""
        signature = self.sign_any(message)
        if not isinstance(signature, bytes):
            if inspect.iscoroutine(signature):
                signature.close()
            raise IdentityError("this identity signs asynchronously", hint="use hlf.AsyncGateway")
        return signature

    def sign_any(self, message: bytes) -> bytes | Awaitable[bytes]:
        """Sign a message; the answer of an asynchronous signer is still to be awaited."""
        key = self._key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return low_s(key.sign(digest(message, self.hash), self._algorithm), key.curve.name)
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(message)
        return key(message)

    def sign_digest(self, value: bytes) -> bytes:
        """Sign what ``digest()`` of a step returned elsewhere (offline signing)."""
        key = self._key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return low_s(key.sign(value, self._algorithm), key.curve.name)
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(value)
        raise IdentityError("only a private key signs digests here")

    def __repr__(self) -> str:
        return f"SigningIdentity(msp_id={self.msp_id!r})"


def _only_file(folder: Path) -> bytes:
    try:
        files = [path.read_bytes() for path in folder.iterdir() if path.is_file()]
        if len(set(files)) == 1:  # a certificate may stand there under two names
            return files[0]
    except OSError as error:
        raise IdentityError(f"{folder} cannot be read: {error.strerror}") from error
    raise IdentityError(f"{folder} holds {len(files)} files where one is expected")


def load_certificate(certificate_pem: bytes) -> x509.Certificate:
    """Parse a PEM certificate; IdentityError if it is none."""
    from cryptography import x509  # not at the top: it is a fifth of what importing hlf would cost

    try:
        return x509.load_pem_x509_certificate(certificate_pem)
    except (ValueError, x509.InvalidVersion) as error:
        raise IdentityError("the certificate cannot be read", hint="PEM is expected") from error


def verify(certificate_pem: bytes, message: bytes, signature: bytes, *, hash: str = "sha256") -> bool:
    """Whether ``signature`` over ``message`` was made by the certificate's key (low s for ECDSA)."""
    return verify_key(load_certificate(certificate_pem).public_key(), message, signature, hash=hash)


def verify_key(public_key: object, message: bytes, signature: bytes, *, hash: str = "sha256") -> bool:
    """Whether ``signature`` over ``message`` was made by ``public_key`` (a parsed key)."""
    try:
        if isinstance(public_key, ec.EllipticCurvePublicKey):
            order = _ORDERS.get(public_key.curve.name)
            if order is None or decode_dss_signature(signature)[1] > order // 2:
                return False
            public_key.verify(signature, message, ec.ECDSA(_HASHES[hash]()))
        elif isinstance(public_key, ed25519.Ed25519PublicKey):
            public_key.verify(signature, message)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True
