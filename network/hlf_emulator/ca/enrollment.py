"""Who a CA is, enroll and reenroll (lib/serverinfo.go, lib/serverenroll.go of fabric-ca)."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hlf_emulator.ca import csr as ca_csr
from hlf_emulator.ca import requests as ca_requests
from hlf_emulator.ca.call import Authority, Call
from hlf_emulator.ca.errors import COMMON_NAME, CaError, unexpected
from hlf_emulator.ca.identity import INTERMEDIATE_CA, Identity
from hlf_emulator.ca.issuing import PROFILES
from hlf_emulator.go.json import encode

VERSION = "v1.5.21"


def information(authority: Authority, version: str = "") -> dict[str, str]:
    """Name and certificate. A real CA names Idemix keys too, which the emulator does not have."""
    return {
        "CAName": authority.name,
        "CAChain": base64.b64encode(authority.issuer.chain).decode(),
        "IssuerPublicKey": "",
        "IssuerRevocationPublicKey": "",
        "Version": version,
    }


def ca_info(call: Call) -> dict[str, str]:
    """GET or POST cainfo."""
    call.require_ca()
    return information(call.authority, VERSION)


def enroll(call: Call) -> dict[str, Any]:
    """POST enroll, by name and secret."""
    call.authenticate_by_secret()
    answer = _issue(call)
    enrolled = call.caller
    call.store.put(replace(enrolled, state=enrolled.state + 1))
    return answer


def reenroll(call: Call) -> dict[str, Any]:
    """POST reenroll, by token."""
    call.authenticate()
    return _issue(call)


def _issue(call: Call) -> dict[str, Any]:
    body = call.read(ca_requests.ENROLL)
    call.require_ca()
    caller = call.caller
    request = ca_csr.read(body["certificate_request"])
    subject = body["subject"]
    if request.name != caller.name or (subject is not None and subject["CN"] != caller.name):
        raise CaError(403, COMMON_NAME, "The CSR subject common name must equal the enrollment ID")
    profile = PROFILES.get(body["profile"])
    if profile is None:
        raise unexpected(f"Invalid profile: '{body['profile']}'")
    if profile.authority or request.authority:
        call.require_power(INTERMEDIATE_CA)
    request.check_lengths()
    attributes = _attributes(caller, body["attr_reqs"])
    units = (caller.type, *caller.affiliation.split("."))
    certificate = call.authority.issuer.issue(request, body, units, attributes, call.authority.now())
    call.store.record(certificate)
    return {
        "Cert": base64.b64encode(certificate.pem.encode()).decode(),
        "ServerInfo": information(call.authority),
    }


def _attributes(caller: Identity, requested: Sequence[dict[str, Any]] | None) -> bytes | None:
    """The extension's content; None where there is nothing to tell and nothing was asked for."""
    if requested is None:
        found = {each.name: each.value for each in caller.distinct if each.ecert}
        if not found:
            return None
    else:
        found = {}
        missing = []
        for each in requested:
            value = caller.attribute(each["name"])
            if value is not None:
                found[each["name"]] = value
            elif not each["optional"]:
                missing.append(each["name"])
        if missing:
            raise unexpected(
                "Failed to find requested attributes: The following required attributes are missing: "
                f"[{' '.join(missing)}]"
            )
    return encode({"attrs": dict(sorted(found.items()))}).encode()
