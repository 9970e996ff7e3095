"""One request to a Fabric CA: who calls, what the body says (lib/serverrequestcontext.go of fabric-ca)."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from cryptography.x509.oid import NameOID

from hlf_emulator.ca import requests as ca_requests
from hlf_emulator.ca import tokens as ca_tokens
from hlf_emulator.ca.errors import (
    EMPTY_BODY,
    INVALID_BOOLEAN,
    NO_AUTHORIZATION,
    NO_SUCH_CA,
    PASSWORD_ATTEMPTS,
    REMOVE_AFFILIATION,
    CaError,
    unauthenticated,
    unauthorized,
)
from hlf_emulator.ca.identity import REVOKED, ROLES, Identity, secret_matches
from hlf_emulator.ca.issuing import Issuer
from hlf_emulator.ca.store import Certificate, Store
from hlf_emulator.go.json import Struct
from hlf_emulator.go.values import GoValueError, parse_bool
from hlf_emulator.ports.rest import Request

_ATTEMPTS = 10  # wrong secrets until an identity needs a new one


@dataclass(frozen=True)
class Authority:
    """A CA: its name, what it allows, its keys, its registry, its clock (aware, UTC)."""

    name: str
    removal: bool
    max_enrollments: int
    issuer: Issuer
    store: Store
    now: Callable[[], datetime.datetime]


class Call:
    """A request and what becomes known of it on the way; ``location`` goes into the answer's header.

    ``adds``: something was to be added to a list, whether or not it was.
    """

    def __init__(self, authority: Authority, request: Request, variable: str) -> None:
        self.authority = authority
        self.store = authority.store
        self.method = request.method
        self.variable = variable
        self.location = ""
        self.adds = False
        self.certificate: Certificate | None = None
        self._request = request
        self._caller: Identity | None = None

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query's parameters, of several the first."""
        found = parse_qs(self._request.query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    @property
    def caller(self) -> Identity:
        """Who has been authenticated."""
        if self._caller is None:
            raise unauthenticated()
        return self._caller

    def ca_name(self) -> str:
        """The CA that is meant: by the query, by the body, or this one. Raises CaError."""
        if self.query.get("ca"):
            return self.query["ca"]
        body = self._request.body
        named = ca_requests.parse(body, ca_requests.CA_NAME)["caname"] if body else ""
        return str(named or self.authority.name)

    def require_ca(self) -> None:
        """Raises CaError when another CA is meant."""
        name = self.ca_name()
        if name != self.authority.name:
            raise CaError(404, NO_SUCH_CA, f"CA '{name}' does not exist")

    def read(self, struct: Struct) -> dict[str, Any]:
        """The body. Raises CaError when it is empty or not of that shape."""
        if not self._request.body:
            raise CaError(400, EMPTY_BODY, "Empty request body")
        return ca_requests.parse(self._request.body, struct)

    def flag(self, name: str) -> bool:
        """A parameter of the query that is true or false. Raises CaError."""
        text = self.query.get(name, "")
        try:
            return bool(text) and parse_bool(text.lower())
        except GoValueError as error:
            raise CaError(
                400,
                REMOVE_AFFILIATION,
                f"Failed to correctly parse value of '{name}' query parameter: {error}",
            ) from error

    # -- who calls

    @property
    def by_secret(self) -> bool:
        """Whether the header has name and secret rather than a token."""
        return self._request.headers.get("authorization", "").lower().startswith("basic ")

    def authenticate_by_secret(self) -> None:
        """Name and secret, for enroll. Raises CaError."""
        name, secret = ca_tokens.basic(self._authorization())
        self.require_ca()
        identity = self.store.identity(name)
        if identity is None:
            raise unauthenticated()
        if identity.attempts == _ATTEMPTS:
            raise CaError(
                401,
                PASSWORD_ATTEMPTS,
                f"Incorrect password entered {_ATTEMPTS} times, max incorrect password limit of {_ATTEMPTS} "
                "reached",
            )
        if not secret_matches(secret, identity.secret):
            self.store.put(replace(identity, attempts=identity.attempts + 1))
            raise unauthenticated()
        limit, allowed = identity.max_enrollments, self.authority.max_enrollments
        if limit == 0 or identity.state == REVOKED:
            raise unauthenticated()
        if allowed != -1 and (limit > allowed or limit == -1):
            limit = allowed
        if limit != -1 and identity.state >= limit:
            raise unauthenticated()
        if identity.attempts:
            self.store.put(replace(identity, attempts=0))
        self._caller = replace(identity, attempts=0)

    def authenticate(self) -> None:
        """A token by a certificate of this CA that is not revoked, of an identity that is there."""
        header = self._authorization()
        self.require_ca()
        if ca_tokens.is_idemix(header):
            raise ca_tokens.idemix_refusal(header)
        request = self._request
        uri = f"{request.path}?{request.query}" if request.query else request.path
        certificate = ca_tokens.signer(header, request.method, uri, request.body)
        if not self.authority.issuer.issued(certificate, self.authority.now()):
            raise unauthenticated()
        recorded = self.store.certificate(
            f"{certificate.serial_number:x}", self.authority.issuer.key_identifier
        )
        if recorded is None or recorded.revoked_at is not None:
            raise unauthenticated()
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        identity = self.store.identity(str(names[0].value)) if names else None
        if identity is None:
            raise unauthenticated()
        self.certificate = recorded
        self._caller = identity

    def _authorization(self) -> str:
        header = self._request.headers.get("authorization", "")
        if not header:
            raise CaError(401, NO_AUTHORIZATION, "No authorization header")
        return header

    # -- what the caller may do

    def require_within(self, affiliation: str) -> None:
        """Raises CaError unless the affiliation is the caller's or below it."""
        if not self.caller.within(affiliation):
            raise unauthorized()

    def require_manages(self, other: Identity) -> None:
        """Raises CaError unless the caller may see and change the other."""
        if not self.caller.manages(other):
            raise unauthorized()

    def require_power(self, name: str) -> None:
        """Raises CaError unless the caller has the attribute, and it is true."""
        if not self.caller.has(name):
            raise unauthorized()

    def require_role(self, name: str) -> None:
        """The same, but for an attribute that is neither true nor false, which is a bad request."""
        text = self.caller.attribute(name)
        if text is None:
            raise unauthorized()
        try:
            if not parse_bool(text):
                raise unauthorized()
        except GoValueError as error:
            raise CaError(
                400, INVALID_BOOLEAN, f"Failed to get boolean value of '{name}': '{error}'"
            ) from error

    def require_registrar(self) -> bool:
        """Whether the caller has roles to give. Raises CaError when it lacks even the attribute."""
        roles = self.caller.attribute(ROLES)
        if roles is None:
            raise unauthorized()
        return roles != ""
