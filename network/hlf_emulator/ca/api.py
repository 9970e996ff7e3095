"""A Fabric CA's REST API: paths, methods, the envelope of every answer (lib/serverendpoint.go)."""

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from hlf_emulator.ca import affiliations as ca_affiliations
from hlf_emulator.ca import enrollment as ca_enrollment
from hlf_emulator.ca import registrar as ca_registrar
from hlf_emulator.ca import revocation as ca_revocation
from hlf_emulator.ca.call import Authority, Call
from hlf_emulator.ca.errors import METHOD_NOT_ALLOWED, READING_BODY, CaError, NoAnswer, unexpected
from hlf_emulator.ca.identity import AFFILIATION_MANAGER
from hlf_emulator.ca.revocation import Streamed
from hlf_emulator.go.json import encode
from hlf_emulator.ports.rest import Request, Response

_PREFIX = "/api/v1/"
Action = Callable[[Call], Any]


@dataclass(frozen=True)
class _Endpoint:
    """Methods and what they do; ``created``: success is 201."""

    actions: Mapping[str, Action]
    created: bool = False


def _idemix(call: Call) -> Any:
    """Refused to those whom Fabric CA would refuse too, then for want of Idemix."""
    call.require_ca()
    if call.by_secret:
        call.authenticate_by_secret()
    else:
        call.authenticate()
    raise unexpected("Issuer is not initialized")


def _authenticated(action: Action) -> Action:
    def act(call: Call) -> Any:
        call.authenticate()
        return action(call)

    return act


def _managing(action: Action) -> Action:
    def act(call: Call) -> Any:
        call.authenticate()
        call.require_role(AFFILIATION_MANAGER)
        return action(call)

    return act


_ENDPOINTS: Mapping[str, _Endpoint] = {
    "cainfo": _Endpoint(dict.fromkeys(("GET", "POST", "HEAD"), ca_enrollment.ca_info)),
    "register": _Endpoint({"POST": ca_registrar.register}, created=True),
    "enroll": _Endpoint({"POST": ca_enrollment.enroll}, created=True),
    "reenroll": _Endpoint({"POST": ca_enrollment.reenroll}, created=True),
    "idemix/credential": _Endpoint({"POST": _idemix}, created=True),
    "idemix/cri": _Endpoint({"POST": _idemix}, created=True),
    "revoke": _Endpoint({"POST": ca_revocation.revoke}),
    "gencrl": _Endpoint({"POST": ca_revocation.generate_list}),
    "certificates": _Endpoint(dict.fromkeys(("GET", "DELETE"), ca_revocation.certificates)),
    "identities": _Endpoint(
        {
            "GET": _authenticated(ca_registrar.identities),
            "POST": _authenticated(ca_registrar.add_identity),
        }
    ),
    "identities/*": _Endpoint(
        {
            "GET": _authenticated(ca_registrar.identity),
            "PUT": _authenticated(ca_registrar.change_identity),
            "DELETE": _authenticated(ca_registrar.remove_identity),
        }
    ),
    "affiliations": _Endpoint(
        {"GET": _managing(ca_affiliations.affiliations), "POST": _managing(ca_affiliations.add_affiliation)}
    ),
    "affiliations/*": _Endpoint(
        {
            "GET": _managing(ca_affiliations.affiliation),
            "PUT": _managing(ca_affiliations.rename_affiliation),
            "DELETE": _managing(ca_affiliations.remove_affiliation),
        }
    ),
}
_VARIABLE = re.compile(r"(identities|affiliations)/([^/]+)")


class CaApi:
    """The API of one CA."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        # Where a POST to a list has come as far as its body. Fabric CA then answers 201 to GET for good.
        self._posted: set[str] = set()

    async def handle(self, request: Request) -> Response:
        """Answer one request. Raises ConnectionAbortedError where Fabric CA closes the connection."""
        found = _find(request.path)
        if found is None:
            headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
            return Response(404, b"404 page not found\n", headers)
        name, variable = found
        call = Call(self._authority, request, variable)
        endpoint = _ENDPOINTS[name]
        try:
            if request.too_large:
                raise CaError(500, READING_BODY, "Failed reading request body: http: request body too large")
            action = endpoint.actions.get(call.method)
            if action is None:
                raise CaError(405, METHOD_NOT_ALLOWED, f"Method {call.method} is not allowed")
            result = action(call)
        except CaError as error:
            return _envelope(request, error.status, None, error)
        except NoAnswer as error:
            raise ConnectionAbortedError from error
        except sqlite3.OperationalError as error:
            # A full disk, or the fault of that name: nothing was changed.
            return _envelope(request, 500, None, unexpected(f"database or disk is full: {error}"))
        finally:
            if call.adds:
                self._posted.add(name)
        status = 201 if endpoint.created or name in self._posted else 200
        return _envelope(request, status, result, None, call.location)


def _find(path: str) -> tuple[str, str] | None:
    """An endpoint's name and the name that its path ends with; the prefix may be left out."""
    plain = unquote(path)
    plain = plain.removeprefix(_PREFIX if plain.startswith(_PREFIX) else "/")
    found = _VARIABLE.fullmatch(plain)
    if found is not None:
        return f"{found[1]}/*", found[2]
    return (plain, "") if plain in _ENDPOINTS else None


def _envelope(
    request: Request, status: int, result: Any, error: CaError | None, location: str = ""
) -> Response:
    if request.method == "HEAD":
        return Response(status, b"", {"Connection": "Keep-Alive", "Content-Length": "0"})
    written = '""'
    if isinstance(result, Streamed):
        written = result
    elif error is None:
        written = encode(result) + "\n"
    refused = ""
    if error is not None:
        refused = encode({"code": error.code, "message": error.message}) + "\n"
    success = "true" if error is None else "false"
    text = f'{{"result":{written},"errors":[{refused}],"messages":[],"success":{success}}}'
    headers = {"Connection": "Keep-Alive", "Content-Type": "application/json"}
    if location:
        headers["Location"] = location
    return Response(status, text.encode(errors="replace"), headers, chunked=True)
