"""The demonstration's report: what happened, step by step, signed so that a change can be found.

The file is JSON in one fixed layout::

    {runtime, fabric_version, started, seconds,
     steps: [{step, title, organization, channel, chaincode, function, transaction_id,
              block_number, validation_code, endorsers, seconds}],
     refused: [{attempt, where, code, message}],
     final, not_verified: [...],
     signature: {msp_id, certificate, digests: {path: hex}, value}}

An off-chain step has no transaction_id. ``digests`` holds a SHA-256 for every leaf, named by its path
(``steps[3].block_number``), the signer included, and ``value`` is an ECDSA signature over
the canonical JSON of ``digests``: a report changed anywhere is refused with the place that was changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm

from hlf.errors import IdentityError
from hlf.identity import SigningIdentity, verify

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story; times in seconds, names as on the channel."""

    step: int
    title: str
    organization: str
    seconds: float
    channel: str | None = None
    chaincode: str | None = None
    function: str | None = None
    transaction_id: str | None = None
    block_number: int | None = None
    validation_code: str | None = None
    endorsers: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """The step as the report holds it; an off-chain step is without the fields of a transaction."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if v is not None}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An attempt that was really sent, and the real answer."""

    attempt: str
    where: str
    code: str
    message: str


def render(report: Mapping[str, Any]) -> str:
    """The only text that a report may have on disk."""
    return json.dumps(report, ensure_ascii=False, indent=1) + "\n"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield every leaf's path with its JSON; an empty list or object is a leaf."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, json.dumps(value, ensure_ascii=False).encode()


def _digests(body: Mapping[str, Any]) -> dict[str, str]:
    return {
        path: hashlib.sha256(path.encode() + b"=" + leaf).hexdigest() for path, leaf in leaves(dict(body))
    }


def _signed_bytes(digests: Mapping[str, str]) -> bytes:
    return json.dumps(digests, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(body: Mapping[str, Any], signer: SigningIdentity) -> Json:
    """Return ``body`` with its signature."""
    signature = {"msp_id": signer.msp_id, "certificate": signer.certificate.decode()}
    digests = _digests({**body, "signature": signature})
    value = base64.b64encode(signer.sign(_signed_bytes(digests))).decode()
    return {**body, "signature": {**signature, "digests": digests, "value": value}}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the report that is not so: where, and what is there instead."""

    where: str
    message: str


def parse(text: str) -> tuple[Json, list[Finding]]:
    """Read a report; findings name the line at which the text is not a report's one rendering.

    Whatever is no report at all comes back empty, with at least one finding.
    """
    try:
        report = json.loads(text)
    except json.JSONDecodeError as error:
        return {}, [Finding(f"line {error.lineno}, column {error.colno}", f"not JSON: {error.msg}")]
    except (RecursionError, ValueError):  # ValueError: a number of thousands of digits
        return {}, [Finding("line 1", "not a report: no report is nested so deeply or has such numbers")]
    if not isinstance(report, dict) or not report:
        return {}, [Finding("line 1", "not a report: an object with its fields is expected")]
    expected = render(report)
    try:
        expected.encode()
    except UnicodeEncodeError as error:
        line = expected.count("\n", 0, error.start) + 1
        return {}, [Finding(f"line {line}", "not a report: half of a surrogate pair stands there")]
    if expected == text:
        return report, []
    for number, (is_there, should) in enumerate(zip(text.split("\n"), expected.split("\n"), strict=False), 1):
        if is_there != should:
            return report, [Finding(f"line {number}", f"is {is_there!r}, a report has {should!r}")]
    return report, [Finding("end of file", "the text goes on, or stops, where a report does not")]


def check_signature(report: Mapping[str, Any]) -> list[Finding]:
    """Compare every leaf with its signed digest and the digests with the signature."""
    signature = report.get("signature")
    if not isinstance(signature, dict) or not isinstance(signature.get("digests"), dict):
        return [Finding("signature", "missing")]
    findings = [
        Finding(f"signature.{name}", "is no part of a signature")
        for name in signature.keys() - {"msp_id", "certificate", "digests", "value"}
    ]
    signer = {key: signature.get(key) for key in ("msp_id", "certificate")}
    actual = _digests({**report, "signature": signer})
    signed: dict[str, str] = signature["digests"]
    findings += [
        Finding(
            path, "is not in the signed digests" if path not in signed else "differs from what was signed"
        )
        for path, value in actual.items()
        if signed.get(path) != value
    ]
    findings += [
        Finding(f"signature.digests.{path}", "names a value that is not in the report")
        for path in signed
        if path not in actual
    ]
    try:
        value = base64.b64decode(str(signature.get("value")), validate=True)
        if base64.b64encode(value).decode() != signature.get("value"):
            findings.append(Finding("signature.value", "is not the base64 of a signature"))
        certificate = str(signature.get("certificate")).encode()
        if not verify(certificate, _signed_bytes(signed), value):
            findings.append(Finding("signature.value", "does not verify over signature.digests"))
    except (binascii.Error, ValueError):
        findings.append(Finding("signature.value", "is not base64"))
    except (IdentityError, UnsupportedAlgorithm) as error:
        findings.append(Finding("signature.certificate", str(error)))
    return findings
