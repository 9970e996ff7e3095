"""Revoke, revocation lists, and the list of certificates.

lib/serverrevoke.go, lib/servergencrl.go and lib/servercertificates.go of fabric-ca.
"""

import base64
import datetime
import re
from typing import Any

from hlf_emulator.ca import requests as ca_requests
from hlf_emulator.ca.call import Authority, Call
from hlf_emulator.ca.errors import (
    ALREADY_REVOKED,
    CERTIFICATE_NOT_FOUND,
    EXPIRED_AFTER,
    GET_CERTIFICATES,
    MISSING_REVOKE_ARGUMENTS,
    REVOKED_AFTER,
    REVOKED_IDENTITY_NOT_FOUND,
    WRONG_OWNER,
    CaError,
    unauthorized,
    unexpected,
)
from hlf_emulator.ca.identity import GEN_CRL, REVOKER, ROLES
from hlf_emulator.ca.store import Certificate, Period
from hlf_emulator.go.json import encode
from hlf_emulator.go.values import GoValueError, parse_duration, parse_time

_LIFE = datetime.timedelta(hours=24)  # of a revocation list
# RFC 5280, as golang.org/x/crypto/ocsp numbers them.
_REASONS = {
    "keycompromise": 1,
    "cacompromise": 2,
    "affiliationchanged": 3,
    "superseded": 4,
    "cessationofoperation": 5,
    "certificatehold": 6,
    "removefromcrl": 8,
    "privilegewithdrawn": 9,
    "aacompromise": 10,
}


class Streamed(str):
    """A result that Fabric CA writes piece by piece, and so without the line's end of its encoder."""


def revoke(call: Call) -> dict[str, Any]:
    """POST revoke: one certificate, or an identity with all of its."""
    body = call.read(ca_requests.REVOKE)
    call.authenticate()
    reason = _REASONS.get(body["reason"], 0)
    serial, aki = _plain(body["serial"]), _plain(body["aki"])
    if serial and aki:
        revoked = [_revoke_certificate(call, serial, aki, body["id"], reason)]
    elif body["id"]:
        revoked = _revoke_identity(call, body["id"], reason)
    else:
        raise CaError(
            400,
            MISSING_REVOKE_ARGUMENTS,
            "Either Name or Serial and AKI are required for a revoke request",
        )
    listed = ""
    if body["gencrl"] and revoked:
        listed = _revocation_list(call.authority, Period(), Period())
    return {
        "RevokedCerts": [{"Serial": each.serial, "AKI": each.aki} for each in revoked] or None,
        "CRL": listed,
    }


def _revoke_certificate(call: Call, serial: str, aki: str, owner: str, reason: int) -> Certificate:
    which = f"Certificate with serial {serial} and AKI {aki}"
    certificate = call.store.certificate(serial, aki)
    if certificate is None:
        raise CaError(
            404,
            CERTIFICATE_NOT_FOUND,
            f"{which} was not found: Failed to get Certificate: sql: no rows in result set",
        )
    _require_revoker(call, certificate.owner)
    if certificate.revoked_at is not None:
        raise CaError(404, ALREADY_REVOKED, f"{which} was already revoked")
    if owner and owner != certificate.owner:
        raise CaError(400, WRONG_OWNER, f"{which} is not owned by {owner}")
    identity = call.store.identity(certificate.owner)
    if identity is None:
        raise _no_such_identity(certificate.owner)
    own = call.certificate
    if own is None or (serial, aki) != (own.serial, own.aki):
        call.require_manages(identity)
    call.store.revoke(certificate, reason)
    return certificate


def _revoke_identity(call: Call, name: str, reason: int) -> list[Certificate]:
    _require_revoker(call, name)
    identity = call.store.identity(name)
    if identity is None:
        raise _no_such_identity(name)
    if identity.name != call.caller.name:
        call.require_manages(identity)
    return call.store.revoke_identity(identity, reason)


def _require_revoker(call: Call, name: str) -> None:
    if call.caller.name != name:
        call.require_power(REVOKER)


def _no_such_identity(name: str) -> CaError:
    return CaError(
        404,
        REVOKED_IDENTITY_NOT_FOUND,
        f"Identity {name} was not found: Failed to get User: sql: no rows in result set",
    )


def _plain(number: str) -> str:
    return number.lower().lstrip("0").replace(":", "")


def generate_list(call: Call) -> dict[str, str]:
    """POST gencrl."""
    body = call.read(ca_requests.GEN_CRL)
    call.authenticate()
    call.require_power(GEN_CRL)
    revocation = Period(body["revokedafter"], body["revokedbefore"])
    expiry = Period(body["expireafter"], body["expirebefore"])
    if _backwards(revocation):
        raise CaError(400, REVOKED_AFTER, _backwards_text("revokedafter", "revokedbefore"))
    if _backwards(expiry):
        raise CaError(400, EXPIRED_AFTER, _backwards_text("expireafter", "expirebefore"))
    return {"CRL": _revocation_list(call.authority, expiry, revocation)}


def _revocation_list(authority: Authority, expiry: Period, revocation: Period) -> str:
    revoked = authority.store.revoked(expiry, revocation)
    return base64.b64encode(authority.issuer.revocation_list(revoked, authority.now(), _LIFE)).decode()


def _backwards(period: Period) -> bool:
    return period.start is not None and period.end is not None and period.start > period.end


def _backwards_text(after: str, before: str) -> str:
    return f"Invalid '{after}' value. It must not be a timestamp greater than '{before}'"


def certificates(call: Call) -> Streamed:
    """GET certificates; DELETE is there and does nothing."""
    call.authenticate()
    if call.caller.attribute(ROLES) is None and not call.caller.has(REVOKER):
        raise unauthorized()
    if call.method == "DELETE":
        raise unexpected("DELETE Not Implemented")
    now = call.authority.now()
    revoked = Period(*(_moment(call, f"revoked_{end}", now) for end in ("start", "end")))
    expired = Period(*(_moment(call, f"expired_{end}", now) for end in ("start", "end")))
    try:
        not_revoked, not_expired = call.flag("notrevoked"), call.flag("notexpired")
    except CaError as error:
        raise _invalid(error.message) from error
    if not_expired and expired != Period():
        raise _invalid("Can't specify expiration time filter and the 'notexpired' filter")
    if not_revoked and revoked != Period():
        raise _invalid("Can't specify revocation time filter and the 'notrevoked' filter")
    equal = {name: call.query[name] for name in ("id", "serial", "aki") if call.query.get(name)}
    for name in {"serial", "aki"} & equal.keys():
        equal[name] = equal[name].lower().lstrip("0")
    found = call.store.certificates(
        call.caller.affiliation,
        equal,
        Period(now) if not_expired else expired,
        revoked,
        not_revoked=not_revoked,
    )
    listed = ",".join(encode({"PEM": each.pem}) for each in found)
    return Streamed(f'{{"certs":[{listed}], "caname":"{call.query.get("ca", "")}"}}')


def _moment(call: Call, name: str, now: datetime.datetime) -> datetime.datetime | None:
    """A time, a date or a time from now such as ``-30d`` (lib/server/certificaterequest)."""
    text = call.query.get(name, "")
    try:
        return _time(text, now) if text else None
    except GoValueError as error:
        shown = name.replace("_start", "_begin")
        raise _invalid(f"Invalid '{shown}' value: {error}") from error


def _time(text: str, now: datetime.datetime) -> datetime.datetime:
    if text[0] in "+-":
        text = text.lower()
        if text.endswith("y"):
            raise GoValueError(f"Invalid time format, year (y) is not supported, please check: {text}")
        if text.endswith("d"):
            days = re.search(r"\d+", text)
            if days is None:
                raise GoValueError(
                    f"Invalid time format, integer values required for duration, please check: {text}"
                )
            text = f"{text[0]}{24 * int(days[0])}h"
        try:
            return now + parse_duration(text)
        except GoValueError as error:
            raise GoValueError(f"Failed to parse duration: {error}") from error
        except OverflowError as error:
            raise GoValueError(f'Failed to parse duration: time: invalid duration "{text}"') from error
    try:
        return parse_time(text if "T" in text else f"{text}T00:00:00Z")
    except GoValueError as error:
        raise GoValueError(f"Failed to parse time based on RFC3339: {error}") from error


def _invalid(text: str) -> CaError:
    return CaError(400, GET_CERTIFICATES, f"Invalid Request: {text}")
