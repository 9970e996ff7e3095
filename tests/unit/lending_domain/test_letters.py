"""Letters: what verifies, and every way in which one must not."""

import base64
from datetime import timedelta

import pytest
from pydantic import ValidationError

from lending_domain.letters import Letter, LetterKind, SignedLetter, sign_letter, verify_letter
from lending_domain.violations import Refused, Violations

from .authorities import NOW, Authority, Signer

SEOUL, BANK = Authority("ca.foundation-seoul"), Authority("ca.bank-a")
ANCHORS = {"foundation-seoul": [SEOUL.pem], "bank-a": [BANK.pem]}
OFFICER = SEOUL.signer(attributes={"role": "officer"})


def letter(**changes: object) -> Letter:
    fields: dict[str, object] = {
        "kind": LetterKind.GUARANTEE,
        "id": "letter-1",
        "issuer": "foundation-seoul",
        "addressee": "bank-a",
        "subject": "guarantee-1",
        "channel": "guarantee",
        "transaction_id": "ab" * 32,
        "issued_at": NOW,
        "expires_at": NOW + timedelta(days=60),
        "body": {"principal_krw": 50_000_000, "coverage": "85", "용도": "운전자금"},
        "nonce": "0f" * 16,
    }
    return Letter.model_validate(fields | changes)


def signed(signer: Signer = OFFICER, **changes: object) -> SignedLetter:
    return sign_letter(letter(**changes), signer.sign, signer.certificate)


def codes(found: Violations) -> list[str]:
    return [one.code for one in found]


def verify(
    one: SignedLetter, addressee: str | None = "bank-a", days: int = 1, **options: object
) -> list[str]:
    return codes(verify_letter(one, ANCHORS, NOW + timedelta(days), addressee, **options))  # type: ignore[arg-type]


def test_a_good_letter_survives_its_bytes() -> None:
    one = SignedLetter.from_bytes(signed().to_bytes())
    assert one == SignedLetter.from_bytes(one.to_bytes().decode())
    assert (
        verify(one, kind=LetterKind.GUARANTEE, issuer="foundation-seoul", attributes={"role": "officer"})
        == []
    )
    assert verify(one, addressee=None) == []


def test_anyone_may_hold_a_rate_notice_only() -> None:
    notice = signed(kind=LetterKind.RATE_NOTICE, addressee="*")
    assert verify(notice, addressee="bank-b") == []
    with pytest.raises(ValidationError, match="anyone"):
        letter(addressee="*")


def test_wrong_addressee_kind_issuer() -> None:
    assert verify(signed(), addressee="bank-b") == ["LETTER_ADDRESSEE"]
    assert verify(signed(), kind=LetterKind.RELEASE) == ["LETTER_KIND"]
    assert verify(signed(), issuer="semas") == ["LETTER_ISSUER"]


def test_times() -> None:
    assert verify(signed(), days=60) == ["LETTER_EXPIRED"]
    assert verify(signed(), days=-1) == ["LETTER_NOT_YET_VALID"]
    late = signed(SEOUL.signer(days=10))
    assert verify(late, days=11) == ["LETTER_CERTIFICATE_EXPIRED"]


def test_signed_under_another_organizations_authority() -> None:
    assert verify(signed(BANK.signer(attributes={"role": "officer"}))) == ["LETTER_UNTRUSTED_SIGNER"]
    assert verify(signed(issuer="bank-a")) == ["LETTER_UNTRUSTED_SIGNER"]
    assert verify(signed(issuer="unknown")) == ["LETTER_UNTRUSTED_SIGNER"]


def test_an_authority_of_the_same_name_is_another_one() -> None:
    impostor = Authority("ca.foundation-seoul")
    assert verify(signed(impostor.signer())) == ["LETTER_UNTRUSTED_SIGNER"]
    not_a_ca = Authority("leaf", ca=False)
    found = verify_letter(signed(not_a_ca.signer()), {"foundation-seoul": [not_a_ca.pem]}, NOW, "bank-a")
    assert codes(found) == ["LETTER_UNTRUSTED_SIGNER"]


def test_every_altered_field_is_found() -> None:
    good = signed()
    changes: list[dict[str, object]] = [
        {"body": {**good.letter.body, "principal_krw": 50_000_001}},
        {"subject": "guarantee-2"},
        {"id": "letter-2"},
        {"expires_at": NOW + timedelta(days=61)},
        {"transaction_id": "ac" * 32},
        {"nonce": "0e" * 16},
        {"note_en": "void"},
    ]
    for change in changes:
        forged = good.model_copy(update={"letter": good.letter.model_copy(update=change)})
        assert verify(forged) == ["LETTER_SIGNATURE"], change


def test_a_forged_signature() -> None:
    good = signed()
    other = sign_letter(letter(), SEOUL.signer().sign, good.certificate)
    assert verify(other) == ["LETTER_SIGNATURE"]
    for text in ("", "not base64", base64.b64encode(b"\x30\x00").decode()):
        assert verify(good.model_copy(update={"signature": text})) == ["LETTER_SIGNATURE"]
    assert verify(good.model_copy(update={"certificate": "none"})) == ["LETTER_CERTIFICATE"]


def test_roles() -> None:
    assert verify(signed(SEOUL.signer("peer"))) == ["LETTER_SIGNER_ROLE"]
    assert verify(signed(SEOUL.signer("admin"))) == []
    assert verify(signed(SEOUL.signer()), attributes={"role": "officer"}) == ["LETTER_SIGNER_ROLE"]
    wrong = SEOUL.signer(attributes={"role": "evaluator"})
    assert verify(signed(wrong), attributes={"role": "officer"}) == ["LETTER_SIGNER_ROLE"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"letter": 1.5}',
        b"[" * 100_000,
        b'{"a": 1, "a": 2}',
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        SignedLetter.from_bytes(data)
    assert refusal.value.code == "LETTER_MALFORMED"


def test_unknown_fields_are_refused() -> None:
    text = signed().to_bytes().decode()
    with pytest.raises(Refused):
        SignedLetter.from_bytes(text.replace('{"certificate"', '{"approved":true,"certificate"', 1))


def test_a_letter_needs_its_entropy_and_a_period() -> None:
    with pytest.raises(ValidationError, match="nonce"):
        letter(nonce="00")
    with pytest.raises(ValidationError, match="expires"):
        letter(expires_at=NOW)
    with pytest.raises((ValidationError, TypeError)):
        letter(body={"rate": 1.5})
