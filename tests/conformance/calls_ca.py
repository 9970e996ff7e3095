"""Fabric CA's REST API: one call of a case, and its answer as plain data."""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.conformance.ca_client import FORGERIES, Authority, Enrolled, basic, new_key, signing_request, token
from tests.conformance.ca_shapes import certificate_shape, common_name, revocation_shape
from tests.conformance.calls import Access, Answer, Case

# What each call is: method and path under /api/v1/; {id} and {name} are the case's.
_ENDPOINTS: Mapping[str, tuple[str, str]] = {
    "CA cainfo": ("GET", "cainfo"),
    "CA enroll": ("POST", "enroll"),
    "CA reenroll": ("POST", "reenroll"),
    "CA register": ("POST", "register"),
    "CA revoke": ("POST", "revoke"),
    "CA gencrl": ("POST", "gencrl"),
    "CA idemix/credential": ("POST", "idemix/credential"),
    "CA idemix/cri": ("POST", "idemix/cri"),
    "CA GET identities": ("GET", "identities"),
    "CA POST identities": ("POST", "identities"),
    "CA GET identity": ("GET", "identities/{id}"),
    "CA PUT identity": ("PUT", "identities/{id}"),
    "CA DELETE identity": ("DELETE", "identities/{id}"),
    "CA GET affiliations": ("GET", "affiliations"),
    "CA POST affiliations": ("POST", "affiliations"),
    "CA GET affiliation": ("GET", "affiliations/{id}"),
    "CA PUT affiliation": ("PUT", "affiliations/{id}"),
    "CA DELETE affiliation": ("DELETE", "affiliations/{id}"),
    "CA certificates": ("GET", "certificates"),
    "CA any path": ("GET", ""),
}
# Lists that answer 200 until the first POST to their path, refused or not, and 201 ever after.
_GROWING = {"CA GET identities", "CA GET affiliations"}
_REFERENCE = re.compile(r"<(serial|aki) of ([^>]+)>")
_KEY = re.compile(r"k[0-9a-f]{12}")
_ALWAYS = {"org1", "org2"}


def perform(access: Access, case: Case) -> Answer:
    """Do what a case stands on (`given`), make its call."""
    authority = authority_of(access, case.get("at", "ca.org-a"))
    authority.forget()
    if case["rpc"] in _GROWING:
        _call(authority, {"rpc": case["rpc"], "method": "POST", "as": "admin"})
    for step in case.get("given", []):
        _given(authority, step)
    return _call(authority, case)


def authority_of(access: Access, name: str) -> Authority:
    """The Fabric CA of that node name, connected once."""
    if name not in access.authorities:
        layout = access.network.layout
        node = layout.node(name)
        certificate = layout.paths.ca_certificate(node.organization)
        access.authorities[name] = Authority(
            node.published,
            layout.paths.tls_ca_certificate(node.organization).read_bytes(),
            certificate.read_bytes(),
            certificate.with_name("key.pem").read_bytes(),
            layout.paths.ca_registrar(node.organization).read_text(),
        )
    return access.authorities[name]


def _given(authority: Authority, step: Case) -> None:
    """`register` (and enroll, unless `enroll: false`) or any call, which must succeed."""
    if "register" not in step:
        for _ in range(step.get("times", 1)):
            answer = _call(authority, step)
        assert answer["status"] in step.get("expect", [200, 201]), f"{step} answered {answer}"
        return
    name = step["register"]
    attributes = [
        {"name": key, "value": str(value).partition(":ecert")[0], "ecert": str(value).endswith(":ecert")}
        for key, value in step.get("attrs", {}).items()
    ]
    asked = {"id": name, "secret": "secret", "affiliation": "", "attrs": attributes}
    asked |= {key: step[key] for key in ("type", "affiliation", "max_enrollments") if key in step}
    answer = _call(authority, {"rpc": "CA register", "as": step.get("as", "admin"), "body": asked})
    assert answer["status"] == 201, f"registering {name}: {answer}"
    if step.get("enroll", True):
        authority.enroll(name, "secret")


def _call(authority: Authority, case: Case) -> Answer:
    method, path = _ENDPOINTS[case["rpc"]]
    method = case.get("method", method)
    uri = case.get("path") or f"/api/v1/{path.format(id=case.get('id', ''))}"
    if "query" in case:
        uri += "?" + _referred(authority, str(case["query"]))
    key = new_key(case.get("csr", {}).get("key", "p256"))
    body = _body(authority, case, key)
    headers = {"Content-Type": "application/json"}
    authorization = _authorization(authority, case, method, uri, body)
    if authorization is not None:
        headers["Authorization"] = authorization
    try:
        reply = authority.request(method, uri, body, headers)
    except http.client.RemoteDisconnected as error:
        return {"error": str(error)}
    answer: Answer = {"status": reply.status}
    if case.get("raw"):
        shown = ("content-type", "transfer-encoding", "content-length", "connection", "location")
        answer["headers"] = {name: reply.headers[name] for name in shown if name in reply.headers}
        answer["text"] = reply.body.decode()
        return answer
    if reply.headers.get("content-type") != "application/json":
        return {**answer, "text": reply.body.decode()}
    content = json.loads(reply.body)
    said = [f"{each['code']} {each['message']}" for each in content["errors"]]
    errors = [text.replace(body.decode(), "{what was sent}") if body else text for text in said]
    assert content["success"] is not bool(errors)
    assert content["messages"] == []
    if errors:
        answer["errors"] = errors
    if content["result"] != "":
        found = _KEY.search(json.dumps(case))
        shown = _result(authority, content["result"], body, found[0] if found else "")
        answer["result"] = _own_entries(_plain(authority, shown))
    return _plain(authority, answer)


def _body(authority: Authority, case: Case, key: Any) -> bytes:
    if "text" in case:
        return str(case["text"]).encode()
    content = dict(case.get("body", {}))
    if "csr" in case or case["rpc"] in {"CA enroll", "CA reenroll"}:
        wanted = case.get("csr", {})
        name = case["basic"][0] if "basic" in case else case.get("as", "nobody")
        subject = {"CN": name, **wanted.get("subject", {})}
        content.setdefault("certificate_request", signing_request(key, subject, wanted))
    if not content and case.get("body") is None:
        return b""
    return _referred(authority, json.dumps(content)).encode()


def _authorization(authority: Authority, case: Case, method: str, uri: str, body: bytes) -> str | None:
    if "authorization" in case:
        return str(case["authorization"])
    if "basic" in case:
        return basic(*case["basic"])
    if "as" not in case:
        return None
    tamper = case.get("token", "")
    caller = authority.forged(tamper) if tamper in FORGERIES else authority.caller(case["as"])
    if tamper == "body":
        return token(caller, method, uri, body + b" ")
    if tamper == "method":
        return token(caller, "GET" if method == "POST" else "POST", uri, body)
    if tamper == "uri":
        return token(caller, method, uri + "x", body)
    if tamper == "key":
        stranger = new_key("p256")
        return token(Enrolled(caller.certificate, stranger), method, uri, body)  # type: ignore[arg-type]
    certificate = base64.b64encode(b"nobody" if tamper == "no certificate" else caller.certificate).decode()
    if tamper in {"no certificate", "no signature"}:
        return certificate + ".c2lnbmF0dXJl"
    return token(caller, method, uri, body, kind=tamper)


def _referred(authority: Authority, text: str) -> str:
    return _REFERENCE.sub(lambda found: getattr(authority.caller(found[2]), found[1]), text)


def _plain(authority: Authority, value: Any) -> Any:
    """Serial numbers and key identifiers as whose they are; what is random in what order, sorted."""
    if isinstance(value, dict):
        return {name: _plain(authority, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(authority, item) for item in value]
    if isinstance(value, str):
        for name, enrolled in authority.enrolled.items():
            value = value.replace(enrolled.serial, f"<serial of {name}>")
        for name in authority.enrolled:
            value = value.replace(authority.enrolled[name].aki, "<aki>")
    return value


def _own_entries(result: Any) -> Any:
    """A revocation list without what other cases had revoked."""
    if isinstance(result, dict) and isinstance(result.get("CRL"), dict):
        entries = result["CRL"]["entries"]
        result["CRL"]["entries"] = sorted(each for each in entries if each.startswith("<"))
    return result


def _result(authority: Authority, result: Any, body: bytes, own: str) -> Any:
    if not isinstance(result, dict):
        return result
    shown = dict(result)
    asked = json.loads(body) if body else {}
    for name in ("secret", "Secret"):
        if name in shown:
            shown[name] = _secret(shown[name], asked.get("secret", ""))
    if "Cert" in shown:
        shown["Cert"] = certificate_shape(base64.b64decode(shown["Cert"]), authority.certificate)
        shown["ServerInfo"] = _server(authority, shown["ServerInfo"])
    if "CAChain" in shown:
        shown = _server(authority, shown)
    if shown.get("CRL"):
        shown["CRL"] = revocation_shape(base64.b64decode(shown["CRL"]), authority.certificate)
    if "RevokedCerts" in shown:
        shown["RevokedCerts"] = sorted(shown["RevokedCerts"] or [], key=lambda each: each["Serial"])
    if "attrs" in shown:
        shown["attrs"] = _sorted(shown["attrs"])
    if "identities" in shown:
        shown["identities"] = [_identity(each) for each in shown["identities"] if own in each["id"]]
    if "affiliations" in shown:
        shown["affiliations"] = _affiliations(shown["affiliations"], own)
    if "certs" in shown:
        names = sorted(_certificate(each) for each in shown["certs"])
        shown["certs"] = [name for name in names if own in name]
    return shown


def _secret(given: str, asked: str) -> str:
    if given == asked:
        return given
    return f"{len(given)} letters" if given.isalpha() else given


def _server(authority: Authority, information: Mapping[str, Any]) -> Answer:
    shown = dict(information)
    chain = base64.b64decode(shown["CAChain"])
    shown["CAChain"] = "the CA's certificate" if chain == authority.certificate else chain.decode()
    # Idemix, which the emulator does not have.
    for name in ("IssuerPublicKey", "IssuerRevocationPublicKey"):
        shown.pop(name, None)
    return shown


def _identity(identity: Mapping[str, Any]) -> Answer:
    return {**identity, "attrs": _sorted(identity["attrs"])}


def _sorted(attributes: list[Mapping[str, Any]] | None) -> list[Mapping[str, Any]] | None:
    return sorted(attributes, key=lambda each: str(each["name"])) if attributes else attributes


def _affiliations(found: list[dict[str, Any]], own: str) -> list[dict[str, Any]]:
    """Those every CA starts with and this case's own."""
    shown = []
    for each in sorted(found, key=lambda one: str(one["name"])):
        root = each["name"].partition(".")[0]
        if root in _ALWAYS or own in root:
            below = {**each}
            if "affiliations" in each:
                below["affiliations"] = _affiliations(each["affiliations"], own)
            if "identities" in each:
                below["identities"] = [_identity(member) for member in each["identities"]]
            shown.append(below)
    return shown


def _certificate(entry: Mapping[str, str]) -> str:
    return common_name(next(iter(entry.values())).encode())


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = dict.fromkeys(_ENDPOINTS, perform)
