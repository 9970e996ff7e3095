"""Who calls a Fabric CA: the token that signs a request, and name and secret. Pure.

A token is ``base64(certificate).base64(signature)`` over method, path, body and certificate
(util/util.go of fabric-ca, VerifyToken; 1.5 takes the form before 1.4 only when it is told to).
"""

import base64

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hlf_emulator.ca.errors import CaError, unauthenticated, unexpected


def is_idemix(token: str) -> bool:
    """Whether it is of the other kind: ``idemix.version.name.signature``."""
    return token.startswith("idemix.") and token.count(".") == 3


def basic(header: str) -> tuple[str, str]:
    """Name and secret of an Authorization header. Raises CaError where they are not there."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        raise unauthenticated()
    try:
        name, colon, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError as error:
        raise unauthenticated() from error
    if not colon:
        raise unauthenticated()
    return name, secret


def signer(token: str, method: str, uri: str, body: bytes) -> x509.Certificate:
    """The certificate whose key signed the request; who issued it is not looked at. Raises CaError."""
    parts = token.split(".")
    if len(parts) != 2:
        raise unauthenticated()
    try:
        certificate = x509.load_pem_x509_certificate(base64.b64decode(parts[0], validate=True))
        signature = base64.b64decode(parts[1], validate=True)
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not _low(signature, key):
            raise unauthenticated()
        signed = ".".join((method, _encode(uri.encode()), _encode(body), parts[0]))
        key.verify(signature, signed.encode(), ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise unauthenticated() from error
    return certificate


def idemix_refusal(token: str) -> CaError:
    """Nobody here has Idemix credentials (lib/server/idemix/issuer.go, VerifyToken)."""
    parts = token.split(".")
    if parts[1] != "1":
        return unexpected("Invalid version found in the Idemix token. Version must be 1")
    return unexpected(f"Enrollment ID '{parts[2]}' does not have any Idemix credentials")


def _low(signature: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Fabric's crypto provider refuses a signature with a high s."""
    return decode_dss_signature(signature)[1] <= key.curve.group_order // 2


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
