"""A CA's pure parts: who may give attributes, what a request says, Go's words for what is none."""

from __future__ import annotations

import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hlf_emulator.ca import csr as ca_csr
from hlf_emulator.ca.attributes import may_give
from hlf_emulator.ca.errors import CaError
from hlf_emulator.ca.identity import Attribute, Identity, hash_secret, merge, secret_matches
from hlf_emulator.ca.registrar import allowed_enrollments
from hlf_emulator.go.json import INT, TEXT, GoJsonError, Struct, decode, encode
from hlf_emulator.go.json_scan import scan
from hlf_emulator.go.values import GoValueError, parse_bool, parse_duration, parse_time
from tests.conformance.ca_client import signing_request


def _identity(**attributes: str) -> Identity:
    given = tuple(Attribute(name.replace("_", "."), value) for name, value in attributes.items())
    return Identity("one", "client", "org1", given, -1, b"")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "unexpected end of JSON input"),
        (b" \n{}\t", None),
        (b'{"a":[1,-0,2.5e-7,"\\u00e9",null,true,false,{}],"b":{}}', None),
        (b'{"a":1', "unexpected end of JSON input"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b"[}", "invalid character '}' looking for beginning of value"),
        (b'{"a":1]', "invalid character ']' after object key:value pair"),
        (b"tru", "unexpected end of JSON input"),
        (b"trux", "invalid character 'x' in literal true (expecting 'e')"),
        (b'"\n"', "invalid character '\\n' in string literal"),
        (b"+1", "invalid character '+' looking for beginning of value"),
        (b"1x", "invalid character 'x' after top-level value"),
        (b"[" * 20000, "exceeded max depth"),
    ],
)
def test_scan_speaks_as_go_does(text: bytes, problem: str | None) -> None:
    assert scan(text) == problem


def test_fields_are_read_as_go_reads_them() -> None:
    struct = Struct("Body", {"name": TEXT, "count": INT})
    assert decode(b'{"NAME":"x","other":[1],"count":null}', struct, "lib") == {"name": "x", "count": 0}
    assert decode(b'{"name":"\\ud800"}', struct, "lib")["name"] == "\ufffd"
    with pytest.raises(GoJsonError, match=r"cannot unmarshal number 1e3 into Go struct field Body\.count"):
        decode(b'{"count":1e3}', struct, "lib")
    with pytest.raises(GoJsonError, match="exceeded max depth"):
        decode(b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", struct, "lib")


def test_letters_of_html_are_escaped() -> None:
    assert encode({"a": "<은행>&\u2028"}) == '{"a":"\\u003c은행\\u003e\\u0026\\u2028"}'


def test_times_are_those_of_rfc_3339() -> None:
    moment = parse_time("2026-11-24T09:00:00.5+09:00")
    assert moment == datetime.datetime(2026, 11, 24, 0, 0, 0, 500_000, datetime.UTC)
    with pytest.raises(GoValueError, match="hour out of range"):
        parse_time("2026-11-24T24:00:00Z")


def test_durations_and_truths() -> None:
    assert parse_duration("-1h30m0.5s") == -datetime.timedelta(hours=1, minutes=30, seconds=0.5)
    assert parse_duration("+0") == datetime.timedelta(0)
    with pytest.raises(GoValueError, match="invalid duration"):
        parse_duration("--1h")
    assert parse_bool("T") is True
    assert parse_bool("0") is False
    with pytest.raises(GoValueError, match="invalid syntax"):
        parse_bool("yes")


def test_secrets_match_their_hash_alone() -> None:
    hashed = hash_secret("비밀")
    assert secret_matches("비밀", hashed)
    assert not secret_matches("비밀 ", hashed)
    assert hash_secret("비밀") != hashed


def test_attributes_are_changed_and_removed() -> None:
    before = (Attribute("a", "1", ecert=True), Attribute("b", "2"))
    changes = (Attribute("a", ""), Attribute("b", "3", ecert=True), Attribute("c", "4"), Attribute("d", ""))
    assert merge(before, changes) == (Attribute("b", "3", ecert=True), Attribute("c", "4"))


@pytest.mark.parametrize(
    ("identity", "affiliation", "within"),
    [("", "org9.x", True), ("org1", "org1", True), ("org1", "org1.a", True), ("org1", "org10", False)],
)
def test_affiliations_contain_what_is_below_them(identity: str, affiliation: str, within: bool) -> None:
    assert Identity("one", "client", identity, (), -1, b"").within(affiliation) is within


def test_a_registrar_gives_what_it_may_and_has() -> None:
    registrar = _identity(hf_Registrar_Attributes="role,hf.Revoker,hf.GenCRL", hf_Revoker="true")
    assert may_give(registrar, [Attribute("role", "x"), Attribute("hf.Revoker", "false")], None)
    assert not may_give(registrar, [Attribute("hf.GenCRL", "true")], None)
    assert not may_give(registrar, [Attribute("branch", "x")], None)
    assert not may_give(_identity(), [Attribute("role", "x")], None)
    assert may_give(_identity(), [], None)


@pytest.mark.parametrize(
    ("wanted", "limit", "allowed"), [(0, -1, -1), (-1, -1, -1), (7, -1, 7), (0, 5, 5), (5, 5, 5)]
)
def test_enrollments_are_those_that_the_ca_allows(wanted: int, limit: int, allowed: int) -> None:
    assert allowed_enrollments(wanted, limit) == allowed


@pytest.mark.parametrize(("wanted", "limit"), [(-2, -1), (-1, 5), (6, 5)])
def test_enrollments_beyond_are_refused(wanted: int, limit: int) -> None:
    with pytest.raises(CaError) as refused:
        allowed_enrollments(wanted, limit)
    assert (refused.value.status, refused.value.code) == (400, 82)


def test_a_request_is_found_in_the_text_around_it() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = signing_request(key, {"CN": ["one", "two"], "O": "org"}, {"hosts": ["localhost"]})
    request = ca_csr.read(f"Subject: whoever\n{text}more")
    assert request.name == "two"
    assert request.names["O"] == ["org"]
    assert [str(name.value) for name in request.alternative_names] == ["localhost"]
    assert not request.authority
    request.check_signature()
