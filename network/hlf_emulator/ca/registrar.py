"""Register, and a Fabric CA's identities (lib/serverregister.go, lib/serveridentities.go of fabric-ca)."""

import secrets
import string
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from hlf_emulator.ca import requests as ca_requests
from hlf_emulator.ca.attributes import may_give
from hlf_emulator.ca.call import Call
from hlf_emulator.ca.errors import (
    ADD_IDENTITY,
    DUPLICATE_IDENTITY,
    MAX_ENROLLMENTS,
    MODIFY_IDENTITY,
    REMOVE_IDENTITY,
    CaError,
    not_found,
    unauthorized,
    unexpected,
)
from hlf_emulator.ca.identity import (
    AFFILIATION,
    ENROLLMENT_ID,
    ROLES,
    TYPE,
    Attribute,
    Identity,
    SecretTooLongError,
    hash_secret,
)
from hlf_emulator.ca.revocation import Streamed
from hlf_emulator.go.json import encode

_SECRET = 12  # letters of a secret that the CA makes up
_ZERO = -2  # what a change asks for to have no more enrollments, since 0 changes nothing


def register(call: Call) -> dict[str, str]:
    """POST register."""
    call.require_ca()
    body = call.read(ca_requests.REGISTER)
    call.authenticate()
    _identity, secret = _register(call, body)
    return {"secret": secret}


def add_identity(call: Call) -> dict[str, Any]:
    """POST identities."""
    call.adds = True
    body = call.read(ca_requests.ADD_IDENTITY)
    if not body["id"]:
        raise CaError(400, ADD_IDENTITY, "Missing 'ID' in request to add a new identity")
    try:
        identity, secret = _register(call, body)
    except CaError as error:
        raise error.within(f"Failed to add identity '{body['id']}'") from error
    return _response(identity, call.ca_name(), secret)


def _register(call: Call, body: Mapping[str, Any]) -> tuple[Identity, str]:
    registrar = call.caller
    name = body["id"]
    affiliation = {"": registrar.affiliation, ".": ""}.get(body["affiliation"], body["affiliation"])
    kind = body["type"] or registrar.type
    given = ca_requests.attributes(body["attrs"])
    if not registrar.registers(kind) or not registrar.within(affiliation):
        raise unauthorized()
    if affiliation and not call.store.has_affiliation(affiliation):
        raise unauthorized()
    if not may_give(registrar, given, None):
        raise unauthorized()
    secret = body["secret"] or "".join(secrets.choice(string.ascii_letters) for _ in range(_SECRET))
    limit = allowed_enrollments(body["max_enrollments"], call.authority.max_enrollments)
    if call.store.identity(name) is not None:
        raise CaError(409, DUPLICATE_IDENTITY, f"Identity '{name}' is already registered")
    try:
        hashed = hash_secret(secret)
    except SecretTooLongError as error:
        raise unexpected(f"Registration of '{name}' failed: Failed to hash password: {error}") from error
    own = (
        Attribute(ENROLLMENT_ID, name, ecert=True),
        Attribute(TYPE, kind, ecert=True),
        Attribute(AFFILIATION, affiliation, ecert=True),
    )
    identity = Identity(name, kind, affiliation, (*given, *own), limit, hashed)
    call.store.put(identity)
    call.location = f"/api/v1/identities/{quote(name, safe='$&+=:@')}"
    return identity, secret


def allowed_enrollments(wanted: int, limit: int) -> int:
    """How often a secret serves, 0 asking for what the CA allows. Raises CaError (lib/util.go)."""
    if wanted < -1:
        raise _refused_limit(
            f"Max enrollment in registration request may not be less than -1, but was {wanted}"
        )
    if wanted == 0 or limit == -1:
        return wanted or limit
    if wanted == -1:
        raise _refused_limit("Registration for infinite enrollments is not allowed")
    if wanted > limit:
        raise _refused_limit(
            f"Requested enrollments ({wanted}) exceeds maximum allowable enrollments ({limit})"
        )
    return wanted


def _refused_limit(text: str) -> CaError:
    return CaError(400, MAX_ENROLLMENTS, text)


def identities(call: Call) -> Streamed:
    """GET identities: those that the caller manages."""
    if not call.require_registrar():
        raise unauthorized()
    caller = call.caller
    found = call.store.identities(caller.affiliation, caller.attribute(ROLES) or "")
    listed = ",".join(encode(describe(each, each.attributes)) for each in found)
    return Streamed(f'{{"identities":[{listed}], "caname":"{call.ca_name()}"}}')


def identity(call: Call) -> dict[str, Any]:
    """GET identities/ID."""
    found = _managed(call)
    return {**describe(found), "caname": call.ca_name()}


def change_identity(call: Call) -> dict[str, Any]:
    """PUT identities/ID."""
    found = _managed(call)
    body = call.read(ca_requests.MODIFY_IDENTITY)
    affiliation = body["affiliation"]
    if affiliation not in {"", "."} and not call.store.has_affiliation(affiliation):
        raise CaError(400, MODIFY_IDENTITY, f"Affiliation '{affiliation}' is not supported")
    if affiliation:
        call.require_within(affiliation)
    if body["type"] and not call.caller.registers(body["type"]):
        raise unauthorized()
    given = ca_requests.attributes(body["attrs"])
    if not may_give(call.caller, given, found):
        raise unauthorized()
    changed = _changed(found, body, given)
    call.store.put(changed)
    return _response(changed, call.ca_name(), body["secret"])


def _changed(found: Identity, body: Mapping[str, Any], given: tuple[Attribute, ...]) -> Identity:
    changed = found
    if body["secret"]:
        try:
            changed = replace(changed, secret=hash_secret(body["secret"]), attempts=0)
        except SecretTooLongError as error:
            raise unexpected(f"Failed to hash password: {error}") from error
    if body["max_enrollments"]:
        limit = 0 if body["max_enrollments"] == _ZERO else body["max_enrollments"]
        changed = replace(changed, max_enrollments=limit)
    if body["affiliation"]:
        affiliation = "" if body["affiliation"] == "." else body["affiliation"]
        changed = replace(changed, affiliation=affiliation)
        given += (Attribute(AFFILIATION, affiliation, ecert=True),)
    if body["type"]:
        changed = replace(changed, type=body["type"])
        given += (Attribute(TYPE, body["type"], ecert=True),)
    return changed.changed(given)


def remove_identity(call: Call) -> dict[str, Any]:
    """DELETE identities/ID, where the CA allows it."""
    if not call.authority.removal:
        raise CaError(403, REMOVE_IDENTITY, "Identity removal is disabled")
    if call.variable == call.caller.name and not call.flag("force"):
        raise CaError(403, REMOVE_IDENTITY, "Need to use 'force' option to delete your own identity")
    call.flag("force")
    found = _managed(call)
    call.store.remove(found.name)
    return _response(found, call.ca_name(), "")


def _managed(call: Call) -> Identity:
    found = call.store.identity(call.variable)
    if found is None:
        raise not_found("User")
    call.require_manages(found)
    return found


def describe(identity: Identity, attributes: tuple[Attribute, ...] | None = None) -> dict[str, Any]:
    """An identity as lists show it; ``attributes`` as they are kept, else one of each name."""
    shown = identity.distinct if attributes is None else attributes
    return {
        "id": identity.name,
        "type": identity.type,
        "affiliation": identity.affiliation,
        "attrs": [each.to_json() for each in shown] or None,
        "max_enrollments": identity.max_enrollments,
    }


def _response(identity: Identity, ca_name: str, secret: str) -> dict[str, Any]:
    """What a change answers with: what is empty is left out."""
    shown = {**describe(identity), "secret": secret, "caname": ca_name}
    return {name: value for name, value in shown.items() if value or name in {"id", "affiliation"}}
