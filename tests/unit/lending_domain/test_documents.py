"""Documents: the simulated issuers, the seal and its receipt, and the sample applicants."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from lending.credit import compute, reproduces
from lending.documents import (
    IssuerSimulator,
    open_letter,
    open_sealed,
    public_key_from_text,
    public_key_text,
    receipt_signer,
    rewrap,
    seal,
    seal_letter,
    verify_receipt,
)
from lending.documents.applicants import load_applicant, threshold_for
from lending_domain.canonical import canonical
from lending_domain.documents import DocumentContent, has_resident_number
from lending_domain.form import form_violations, screen
from lending_domain.funds import application_violations, catalogue
from lending_domain.model import model2
from lending_domain.records_documents import ADDRESS_FOUNDATION, Consent, SealedDocument
from lending_domain.score import evaluate
from lending_domain.violations import Refused

from .authorities import NOW, Authority

DATA = Path(__file__).parents[2] / "data"
FILES = ["demo-applicant.yaml", "demo-applicant-2.yaml"]
HOLDER = "h" * 32
DOCUMENT, CONSENT = "d" * 32, "c" * 32
ON = date(2024, 3, 1)
KEYS = {name: X25519PrivateKey.generate() for name in (HOLDER, "semas", "foundation-seoul", "bank-a")}
NTS = Authority("ca.nts")


def public(*names: str) -> Mapping[str, object]:
    return {name: KEYS[name].public_key() for name in names}


def consent(**changes: object) -> Consent:
    fields: dict[str, object] = {
        "salt": "5a" * 32,
        "holder": HOLDER,
        "items": ("proof_of_sales",),
        "recipients": ("semas", ADDRESS_FOUNDATION),
        "purpose": "정책자금 신청",
        "retention_years": 5,
        "given_on": ON,
        "expires_on": ON + timedelta(days=90),
        "refusal": "거부할 수 있으며, 이 경우 서류를 직접 제출합니다.",
    }
    return Consent.model_validate(fields | changes)


def content() -> DocumentContent:
    subject = load_applicant(DATA / FILES[0]).subject
    return IssuerSimulator("nts").fetch("proof_of_sales", subject, DOCUMENT, ON)


def sealed(*names: str, given: Consent | None = None, on: date = ON) -> SealedDocument:
    officer = NTS.signer()
    sign = receipt_signer("nts", officer.sign, officer.certificate, at=NOW)
    return seal(content(), CONSENT, given or consent(), public(*names), on=on, sign=sign)  # type: ignore[arg-type]


def refusal(call: object, *args: object, **options: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as caught:
        call(*args, **options)
    return caught.value.code


@pytest.mark.parametrize("organization", ["mois", "nts", "moel"])
@pytest.mark.parametrize("file", FILES)
def test_issuers_make_every_kind(organization: str, file: str) -> None:
    subject, issuer = load_applicant(DATA / file).subject, IssuerSimulator(organization)
    assert issuer.kinds()
    for kind in issuer.kinds():
        made = issuer.fetch(kind, subject, DOCUMENT, ON)
        assert made == issuer.fetch(kind, subject, DOCUMENT, ON)
        assert base64.b64decode(made.pdf).startswith(b"%PDF-")
        assert not has_resident_number(canonical(made.fields).decode())
        assert not any(member in canonical(made).decode() for member in subject.household)


def test_an_issuer_issues_its_own_kinds_only() -> None:
    subject = load_applicant(DATA / FILES[0]).subject
    assert (
        refusal(IssuerSimulator("mois").fetch, "proof_of_sales", subject, DOCUMENT, ON) == "NOT_ISSUED_HERE"
    )
    assert refusal(IssuerSimulator("mois").fetch, "nothing", subject, DOCUMENT, ON) == "DOCUMENT_UNKNOWN"
    total = [kind for name in ("mois", "nts", "moel") for kind in IssuerSimulator(name).kinds()]
    assert sorted(total) == sorted(catalogue().documents)


def test_seal_open_and_hand_on() -> None:
    made = sealed(HOLDER, "semas")
    for name in (HOLDER, "semas"):
        opened, salt = open_sealed(made, consent(), name, KEYS[name])
        assert opened == content()
        assert len(salt) == 32
    body, wrong = verify_receipt(made.receipt, {"nts": [NTS.pem]}, NOW, issuer="nts", document_id=DOCUMENT)
    assert wrong == ()
    assert body is not None
    assert (body.consent_id, body.document_kind) == (CONSENT, "proof_of_sales")
    handed = rewrap(made, consent(), ("semas", KEYS["semas"]), public(HOLDER, "foundation-seoul"), on=ON)  # type: ignore[arg-type]
    assert set(handed.wrapped_keys) == {HOLDER, "foundation-seoul"}
    assert (handed.ciphertext, handed.receipt) == (made.ciphertext, made.receipt)
    assert handed.salt != made.salt
    assert open_sealed(handed, consent(), "foundation-seoul", KEYS["foundation-seoul"])[0] == content()
    assert refusal(open_sealed, handed, consent(), "semas", KEYS["semas"]) == "NOT_A_RECIPIENT"


def test_nobody_else_opens_it() -> None:
    made = sealed(HOLDER, "semas")
    assert refusal(open_sealed, made, consent(), "bank-a", KEYS["bank-a"]) == "NOT_A_RECIPIENT"
    assert refusal(open_sealed, made, consent(), "semas", KEYS["bank-a"]) == "SEAL_BROKEN"
    moved = made.model_copy(update={"wrapped_keys": {"semas": made.wrapped_keys[HOLDER]}})
    assert refusal(open_sealed, moved, consent(), "semas", KEYS[HOLDER]) == "SEAL_BROKEN"
    assert refusal(open_sealed, made, consent(salt="5b" * 32), "semas", KEYS["semas"]) == "SEAL_BROKEN"
    other = made.model_copy(update={"document_id": "e" * 32})
    assert refusal(open_sealed, other, consent(), "semas", KEYS["semas"]) == "SEAL_BROKEN"
    raw = bytearray(base64.b64decode(made.ciphertext))
    raw[40] ^= 1
    altered = made.model_copy(update={"ciphertext": base64.b64encode(bytes(raw)).decode()})
    assert refusal(open_sealed, altered, consent(), "semas", KEYS["semas"]) == "SEAL_BROKEN"
    swapped = made.model_copy(update={"receipt": sealed(HOLDER, "semas").receipt})
    assert refusal(open_sealed, swapped, consent(), "semas", KEYS["semas"]) == "COMMITMENT_MISMATCH"


def test_the_seal_keeps_to_the_consent() -> None:
    assert refusal(sealed, "semas") == "HOLDER_MISSING"
    assert refusal(sealed, HOLDER, "bank-a") == "NOT_IN_CONSENT"
    assert (
        refusal(sealed, HOLDER, "semas", given=consent(items=("resident_certificate",))) == "NOT_IN_CONSENT"
    )
    assert refusal(sealed, HOLDER, "semas", on=ON + timedelta(days=91)) == "CONSENT_EXPIRED"
    made = sealed(HOLDER, "semas")
    to_bank = public(HOLDER, "bank-a")
    assert refusal(rewrap, made, consent(), ("semas", KEYS["semas"]), to_bank, on=ON) == "NOT_IN_CONSENT"


def test_no_plaintext_and_no_bare_hash_in_a_sealed_document() -> None:
    text = sealed(HOLDER, "semas").model_dump_json()
    clear = canonical(content())
    for value in ("35000000", "예시상회", hashlib.sha256(clear).hexdigest()):
        assert value not in text


def test_a_resident_number_is_never_sealed() -> None:
    bad = content().model_copy(update={"fields": {"번호": "900101" + "-" + "2" * 7}})
    officer = NTS.signer()
    sign = receipt_signer("nts", officer.sign, officer.certificate, at=NOW)
    keys = public(HOLDER, "semas")
    assert refusal(seal, bad, CONSENT, consent(), keys, on=ON, sign=sign) == "RESIDENT_NUMBER"


def test_forged_receipts() -> None:
    receipt = sealed(HOLDER, "semas").receipt
    anchors = {"nts": [NTS.pem], "mois": [Authority("ca.mois").pem]}

    def codes(**options: object) -> list[str]:
        arguments: dict[str, object] = {"issuer": "nts", "document_id": DOCUMENT} | options
        _, found = verify_receipt(receipt, anchors, NOW, **arguments)  # type: ignore[arg-type]
        return [one.code for one in found]

    assert codes() == []
    assert codes(issuer="mois") == ["LETTER_ISSUER"]
    assert codes(document_id="e" * 32) == ["RECEIPT_SUBJECT"]
    body = receipt.letter.body | {"commitment": "0" * 64}
    letter = receipt.letter.model_copy(update={"body": body})
    receipt = receipt.model_copy(update={"letter": letter})
    assert codes() == ["LETTER_SIGNATURE"]


def test_sealed_letters_and_keys_as_text() -> None:
    receipt = sealed(HOLDER, "semas").receipt
    made = seal_letter(receipt, DOCUMENT, public(HOLDER))  # type: ignore[arg-type]
    assert open_letter(made, HOLDER, KEYS[HOLDER]) == receipt
    assert refusal(open_letter, made, "semas", KEYS["semas"]) == "NOT_A_RECIPIENT"
    moved = made.model_copy(update={"concerns": "e" * 32})
    assert refusal(open_letter, moved, HOLDER, KEYS[HOLDER]) == "SEAL_BROKEN"
    key = KEYS["semas"].public_key()
    assert public_key_from_text(public_key_text(key)) == key
    assert len(public_key_text(key)) == 64


@pytest.mark.parametrize("file", FILES)
def test_sample_applicants_are_free_of_contradiction(file: str) -> None:
    applicant = load_applicant(DATA / file)
    request, form = applicant.request, applicant.form
    assert "illustrative" in applicant.label
    assert screen(applicant.screening) == ()
    assert form_violations(form) == ()
    assert (
        application_violations(
            applicant.profile, request.fund, request.amount_krw, applicant.as_of, list(applicant.documents)
        )
        == ()
    )
    record = compute(applicant.screening, form, threshold_for(applicant, evaluate(form)))
    assert record.guaranteeable
    assert reproduces(record, record.commitment, model2())
    other = record.model_copy(update={"salt": "00" * 32})
    assert not reproduces(other, record.commitment, model2())
    for correction in applicant.corrections:
        assert correction.why
        assert correction.field.startswith("form.")


def test_scores_of_the_sample_applicants_by_hand() -> None:
    # Figure 6: .122x.8 + .336x.5 + .202 + .052 + .020x.2 + .045 + .021 + .008
    #         + .045x.8 + (.018+.011+.019+.021+.052)x.6 = .7062
    first = evaluate(load_applicant(DATA / FILES[0]).form)
    assert (first.base, first.bonus) == (42_372_000, 0)
    # .170x.4 + .490 + 0 + .020x.2 + .045 + 0 + .008x.6
    #         + (.045+.019+.052)x.8 + (.018+.011+.021)x.6 = .7346, and the certificate's .087 / 3
    second = evaluate(load_applicant(DATA / FILES[1]).form)
    assert (second.base, second.bonus) == (44_076_000, 1_740_000)
