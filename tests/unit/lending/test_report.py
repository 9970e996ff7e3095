"""A report changed by one character anywhere is refused, with the place."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from hlf.identity import Identity, SigningIdentity
from lending.report import Step, check_signature, parse, render, sign


def _signer() -> SigningIdentity:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "auditor")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return SigningIdentity(Identity("semas", certificate.public_bytes(Encoding.PEM)), key)


BODY = {
    "runtime": "emulator",
    "seconds": 1.5,
    "steps": [
        Step(1, "guidance", "applicants", 0.1).to_json(),
        Step(
            2,
            "consent",
            "applicants",
            0.2,
            "application",
            "document-exchange",
            "consent",
            "ab" * 32,
            7,
            "VALID",
            ("a", "b"),
        ).to_json(),
    ],
    "refused": [],
    "final": {"상태": "closed", "none": None},
}
TEXT = render(sign(BODY, _signer()))


def test_an_untouched_report_is_accepted() -> None:
    report, findings = parse(TEXT)
    assert findings == []
    assert check_signature(report) == []


@pytest.mark.parametrize(
    "text", ["", "[]\n", "{}\n", "[" * 100_000, '{"a": ' + "1" * 5_000 + "}", '{\n "a": "\\ud800"\n}\n']
)
def test_what_is_no_report_is_never_accepted(text: str) -> None:
    report, findings = parse(text)
    assert report == {}
    assert [finding.where.startswith("line ") for finding in findings] == [True]


def test_an_off_chain_step_has_no_transaction() -> None:
    assert "transaction_id" not in BODY["steps"][0]  # type: ignore[operator,index]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"block_number": 7', '"block_number": 8', "steps[1].block_number"),
        ('"상태": "closed"', '"상태": "closeb"', "final.상태"),
        ('"refused": []', '"refused": {}', "refused"),
        ('"msp_id": "semas",', '"msp_id": "semas",\n  "note": "genuine",', "signature.note"),
        ("\n", "\r\n", "line 1"),
    ],
)
def test_the_changed_place_is_named(old: str, new: str, where: str) -> None:
    assert old in TEXT
    report, findings = parse(TEXT.replace(old, new))
    assert [f.where for f in findings + check_signature(report)] == [where]


@settings(max_examples=300)
@given(st.integers(0, len(TEXT) - 1), st.sampled_from('0aZ "{,\n\r가'))
def test_no_single_character_can_change(position: int, character: str) -> None:
    if TEXT[position] == character:
        return
    report, findings = parse(TEXT[:position] + character + TEXT[position + 1 :])
    findings += check_signature(report) if report else []
    assert findings
    assert all(f.where for f in findings)
