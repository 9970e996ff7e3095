"""Who called: the proposal's creator, its certificate and its Fabric CA attributes."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from fabric_protos.msp import identities_pb2

from .lazy import lazy

if TYPE_CHECKING:
    from cryptography import x509

# Fabric CA puts {"attrs": {name: value}} into this certificate extension.
ATTRIBUTES_OID = "1.2.3.4.5.6.7.8.1"

# The order and names in which Go prints a subject; what is not listed, Go drops.
_NAME_ORDER = (
    ("2.5.4.6", "C"),
    ("2.5.4.8", "ST"),
    ("2.5.4.7", "L"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
)
_ROLES = ("client", "peer", "admin", "orderer")


class ClientIdentity:
    """The caller of a transaction, from the proposal's signature header (msp.SerializedIdentity)."""

    def __init__(self, creator: bytes) -> None:
        self.serialized = creator
        parsed = identities_pb2.SerializedIdentity.FromString(creator)
        self.msp_id: str = parsed.mspid
        self.certificate_pem: bytes = parsed.id_bytes

    @lazy
    def certificate(self) -> x509.Certificate:
        """The caller's certificate, parsed."""
        # Imported here: a server that never looks at a certificate starts without loading cryptography.
        from cryptography import x509

        return x509.load_pem_x509_certificate(self.certificate_pem)

    @lazy
    def id(self) -> str:
        """``base64("x509::{subject}::{issuer}")``, equal to what Go's client identity library gives."""
        text = f"x509::{_distinguished(self.certificate.subject)}::{_distinguished(self.certificate.issuer)}"
        return base64.b64encode(text.encode()).decode()

    @lazy
    def organizational_units(self) -> tuple[str, ...]:
        """The subject's OU values, in the certificate's order."""
        return tuple(
            str(attribute.value)
            for attribute in self.certificate.subject
            if attribute.oid.dotted_string == "2.5.4.11"
        )

    @lazy
    def role(self) -> str:
        """The NodeOU role: client, peer, admin or orderer; empty when the certificate names none."""
        return next((unit for unit in self.organizational_units if unit in _ROLES), "")

    @lazy
    def attributes(self) -> dict[str, str]:
        """All Fabric CA attributes of the certificate."""
        for extension in self.certificate.extensions:
            if extension.oid.dotted_string == ATTRIBUTES_OID:
                value = getattr(extension.value, "value", b"")
                return {str(k): str(v) for k, v in json.loads(value).get("attrs", {}).items()}
        return {}

    def attribute(self, name: str) -> str | None:
        """One Fabric CA attribute, or None."""
        return self.attributes.get(name)

    def __repr__(self) -> str:
        return f"ClientIdentity(msp_id={self.msp_id!r})"


def _distinguished(name: x509.Name) -> str:
    values: dict[str, list[str]] = {}
    for attribute in name:
        values.setdefault(attribute.oid.dotted_string, []).append(str(attribute.value))
    for single in ("2.5.4.3", "2.5.4.5"):
        values[single] = values.get(single, [])[-1:]
    parts = [
        "+".join(f"{label}={_escaped(value)}" for value in values[oid])
        for oid, label in _NAME_ORDER
        if values.get(oid)
    ]
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    out = []
    last = len(value) - 1
    for index, character in enumerate(value):
        edge = (index == 0 and character in " #") or (index == last and character == " ")
        out.append("\\" + character if edge or character in ',+"\\<>;' else character)
    return "".join(out)
