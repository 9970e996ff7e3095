"""From guidance to the executed loan: every step of one applicant, over four channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from lending.bank import loan_contract
from lending.correspondence import write_letter
from lending.credit import Explanation, compute
from lending.demo.cast import Cast
from lending.demo.review import Explained, corrected_on_request
from lending.demo.telling import Narrator
from lending.documents import IssuerSimulator, open_sealed, rewrap, seal
from lending.documents.applicants import Applicant, threshold_for
from lending.documents.receipts import receipt_signer
from lending.institution import Committed, new_id, new_salt
from lending_domain.form import EvaluationForm
from lending_domain.funds import catalogue, quarter_of
from lending_domain.letters import ANYONE, LetterKind, SignedLetter
from lending_domain.money import percent_of
from lending_domain.records_application import ApplicationForm, DocumentReference, Firm, ReviewDecision
from lending_domain.records_documents import ADDRESS_FOUNDATION, Consent, EvidenceBundle, SealedDocument
from lending_domain.records_evaluation import EvaluationRecord, Referral, Reservation
from lending_domain.records_letters import (
    ConfirmationBody,
    EvidenceBody,
    GuaranteeBody,
    ListedDocument,
    RateNoticeBody,
    ReceiptBody,
)
from lending_domain.records_servicing import GuaranteeFile, LoanContract
from lending_domain.score import evaluate

T = TypeVar("T")


@dataclass
class Story:
    """One applicant's way. `user` is the wallet identity, `label` what the teller adds to each title."""

    cast: Cast
    narrator: Narrator
    applicant: Applicant
    user: str
    label: str = ""
    consent_id: str = field(default_factory=new_id)
    application_id: str = field(default_factory=new_id)
    bundle_id: str = field(default_factory=new_id)
    referral_id: str = field(default_factory=new_id)
    guarantee_id: str = field(default_factory=new_id)
    loan_id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        self.start = self.applicant.as_of
        self.foundation = self.applicant.request.foundation
        self.bank = self.applicant.request.bank
        self.holder = self.cast.holder(self.user)
        self.documents: list[SealedDocument] = []
        self.reviewed: dict[str, Any] | None = None
        self.evaluation: EvaluationRecord
        self.explanation: Explanation

    # -- the steps

    def originate(self) -> None:
        """Guidance to execution."""
        self.ask()
        self.consent_and_documents()
        self.apply()
        self.review()
        self.hand_over()
        self.evaluate()
        self.guarantee()
        self.execute()

    def ask(self) -> None:
        """1: what can I get?"""
        me = self.cast.applicant(self.user)
        profile = self.applicant.profile
        answers = self._aside(
            "guidance: which funds can I get", "applicants", lambda: me.ask_guidance(self.start, profile)
        )
        eligible = [one.fund for one in answers if one.eligible]
        if self.applicant.request.fund not in eligible:
            raise RuntimeError(f"the demonstration's fund is not open to its applicant: {eligible}")

    def consent_and_documents(self) -> None:
        """2 and 3: consent, then every issuer's document, sealed, receipted and confirmed."""
        me = self.cast.applicant(self.user)
        key = self.cast.key_letter(self.cast.identity("applicants", self.user), self.holder)
        self._tell("the applicant registers a sealing key", self.holder, lambda: me.register_sealing_key(key))
        self.consent = Consent(
            salt=new_salt(),
            holder=self.holder,
            items=self.applicant.documents,
            recipients=("semas", ADDRESS_FOUNDATION),
            purpose="소상공인 정책자금 신청과 신용보증 (policy fund application and credit guarantee)",
            retention_years=5,
            given_on=self.start,
            expires_on=self.start + timedelta(days=180),
            refusal="동의를 거부할 수 있으며, 이 경우 서류를 직접 제출하여야 합니다 "
            "(you may refuse, and then hand the documents in yourself)",
        )
        self._tell(
            "consent: items, recipients, purpose, expiry",
            self.consent_id,
            lambda: me.give_consent(self.consent_id, self.consent),
        )
        for kind in self.applicant.documents:
            self._document(kind)

    def _document(self, kind: str) -> None:
        issuer = catalogue().document(kind).issuer
        document_id = new_id()
        content = IssuerSimulator(issuer).fetch(kind, self.applicant.subject, document_id, self.start)
        officer = self.cast.identity(issuer, "officer")
        sign = receipt_signer(issuer, officer.sign, officer.certificate, at=_now())
        recipients = {name: self.cast.public_key(name) for name in ("semas", self.holder)}
        document = seal(content, self.consent_id, self.consent, recipients, on=self.start, sign=sign)
        client = self.cast.issuer(issuer)
        self._tell(
            f"{kind}, sealed, with its receipt",
            document_id,
            lambda: client.deposit_document(document_id, self.consent_id, self.start, document, self.consent),
        )
        me = self.cast.applicant(self.user)
        mine = me.open_document(document_id, self.start)
        opened, _ = open_sealed(mine, self.consent, self.holder, self.cast.sealing_key(self.holder))
        if opened != content:
            raise RuntimeError("the document opened is not the one that was issued")
        self._tell(
            "the applicant opens and confirms it",
            document_id,
            lambda: me.confirm_document(document_id, self.start),
        )
        self.documents.append(document)

    def apply(self) -> None:
        """4: draft, then the application."""
        me, subject, request = self.cast.applicant(self.user), self.applicant.subject, self.applicant.request
        self.form = ApplicationForm(
            salt=new_salt(),
            holder=self.holder,
            firm=Firm(
                name=subject.business_name,
                business_number=subject.business_number,
                representative=subject.name,
                representative_link=subject.linking_value,
            ),
            profile=self.applicant.profile,
            fund=request.fund,
            amount_krw=request.amount_krw,
            foundation=self.foundation,
            plan=request.purpose,
            consent_id=self.consent_id,
            documents=tuple(
                DocumentReference(kind=one.kind, document_id=one.document_id, receipt=one.receipt)
                for one in self.documents
            ),
        )
        self._tell(
            "a draft is kept",
            self.application_id,
            lambda: me.save_draft(self.application_id, self.start, self.form),
        )
        self._tell(
            "the application",
            self.application_id,
            lambda: me.apply(self.application_id, self.start, self.form),
        )

    def review(self) -> None:
        """5: review by contract, confirmation letter."""
        semas, on = self.cast.semas, self.start + timedelta(days=3)
        form = semas.read_application(self.application_id)
        decision = ReviewDecision(
            salt=new_salt(),
            approved=True,
            amount_krw=form.amount_krw,
            valid_until=on + timedelta(days=60),
        )
        done = self._tell(
            "review: the fund's rules, applied by contract",
            self.application_id,
            lambda: semas.review(self.application_id, on, form, decision),
        )
        body = ConfirmationBody(
            holder=self.holder,
            fund=form.fund,
            amount_krw=decision.amount_krw,
            firm=form.firm,
            profile=form.profile,
            valid_until=decision.valid_until,
        )
        self.confirmation = write_letter(
            self.cast.identity("semas", "officer"),
            LetterKind.CONFIRMATION,
            self.foundation,
            self.application_id,
            body.model_dump(mode="json"),
            about=done,
        )
        self._tell(
            "the confirmation letter (정책자금 확인서)",
            self.application_id,
            lambda: semas.deliver_letter(self.application_id, on, self.confirmation, form, decision),
        )

    def hand_over(self, *, evidence: bool = True) -> None:
        """6: the letter and the evidence, re-sealed, to the foundation."""
        semas, on = self.cast.semas, self.start + timedelta(days=4)
        if evidence:
            bundle = self._bundle(on)
            self._tell(
                "the evidence, re-sealed to the foundation",
                self.bundle_id,
                lambda: semas.forward_evidence(self.bundle_id, self.foundation, on, bundle),
            )
        referral = Referral(
            salt=new_salt(), letter=self.confirmation, bundle_id=self.bundle_id if evidence else None
        )
        self.narrator.letter("confirmation", "semas", self.foundation, "application", "referral")
        self._tell(
            "the referral; the record is the foundation's from now on",
            self.referral_id,
            lambda: semas.refer(self.referral_id, self.foundation, on, referral),
        )

    def _bundle(self, on: date) -> EvidenceBundle:
        recipients = {name: self.cast.public_key(name) for name in (self.foundation, self.holder)}
        own = ("semas", self.cast.sealing_key("semas"))
        documents = tuple(
            rewrap(self.cast.semas.read_document(one.document_id, on), self.consent, own, recipients, on=on)
            for one in self.documents
        )
        body = EvidenceBody(
            consent_id=self.consent_id,
            documents=tuple(
                ListedDocument(
                    document_id=one.document_id,
                    kind=one.kind,
                    commitment=ReceiptBody.model_validate(one.receipt.letter.body).commitment,
                )
                for one in documents
            ),
        )
        letter = write_letter(
            self.cast.identity("semas", "officer"),
            LetterKind.EVIDENCE,
            self.foundation,
            self.bundle_id,
            body.model_dump(mode="json"),
        )
        return EvidenceBundle(
            salt=new_salt(),
            consent_id=self.consent_id,
            consent=self.consent,
            documents=documents,
            letter=letter,
        )

    def computed(self, form: EvaluationForm, on: date) -> EvaluationRecord:
        """The evaluation as the foundation computes it off the ledger."""
        model = self.cast.foundation(self.foundation).active_model(on)
        threshold = threshold_for(self.applicant, evaluate(form, model))
        return compute(self.applicant.screening, form, threshold, model)

    def evaluate(self) -> None:
        """7 and 8: evaluation, explanation, and a review where a figure was wrong; the duplicate check."""
        foundation, on = self.cast.foundation(self.foundation), self.start + timedelta(days=7)
        evidence = foundation.read_evidence(self.bundle_id, on)
        for one in evidence.documents:
            open_sealed(one, evidence.consent, self.foundation, self.cast.sealing_key(self.foundation))
        explained = self.score(on)
        if self.applicant.misentered:
            before = self.evaluation
            review = corrected_on_request(self, explained, on)
            self.evaluation = foundation.read_evaluation(self.referral_id)
            self.reviewed = review.as_told(before, self.evaluation)
        if not self.evaluation.guaranteeable:
            raise RuntimeError("the demonstration's applicant does not reach the demonstration's threshold")
        on += timedelta(days=1)
        reservation = Reservation(salt=new_salt(), guarantee_id=self.guarantee_id, bank=self.bank)
        self._tell(
            "supported by nobody else: entered into the foundations' index",
            self.referral_id,
            lambda: foundation.reserve_support(self.referral_id, on, reservation),
        )

    def score(self, on: date) -> Explained:
        """Filter, form and score off the ledger, recomputed by contract, explained to the applicant."""
        entered = self.applicant.form.model_copy(update=self.applicant.misentered)
        self.evaluation = self._aside(
            "the score, computed off the ledger in units of 1/60,000,000",
            self.foundation,
            lambda: self.computed(entered, on),
        )
        foundation = self.cast.foundation(self.foundation)
        self._tell(
            "the evaluation, computed again by the foundation's peer, equal to the last unit",
            self.referral_id,
            lambda: foundation.evaluate(self.referral_id, on, self.evaluation),
        )
        explained = Explained(self, on)
        self.explanation = explained.explanation
        return explained

    def guarantee(self) -> None:
        """9: the guarantee and its letter (신용보증서)."""
        foundation, on = self.cast.foundation(self.foundation), self.start + timedelta(days=9)
        principal, coverage = self.form.amount_krw, self.applicant.request.coverage
        self.file = GuaranteeFile(
            salt=new_salt(),
            referral_id=self.referral_id,
            holder=self.holder,
            fund=self.form.fund,
            principal_krw=principal,
            coverage=coverage,
            guaranteed_krw=percent_of(principal, coverage),
            valid_until=on + timedelta(days=60),
        )
        done = self._tell(
            "the guarantee",
            self.guarantee_id,
            lambda: foundation.issue_guarantee(self.guarantee_id, self.bank, on, self.file),
        )
        body = GuaranteeBody(
            referral_id=self.referral_id,
            holder=self.holder,
            fund=self.form.fund,
            principal_krw=principal,
            coverage=coverage,
            guaranteed_krw=self.file.guaranteed_krw,
            valid_until=self.file.valid_until,
        )
        self.guarantee_letter = write_letter(
            self.cast.identity(self.foundation, "evaluator"),
            LetterKind.GUARANTEE,
            self.bank,
            self.guarantee_id,
            body.model_dump(mode="json"),
            about=done,
        )
        self.narrator.letter("guarantee letter", self.foundation, self.bank, "guarantee", "execution")

    def contract(self, letter: SignedLetter) -> LoanContract:
        """The loan contract that a bank would execute against a guarantee letter."""
        on = self.start + timedelta(days=17)
        return loan_contract(letter, rate_notice(self.cast, quarter_of(on)), on)

    def execute(self) -> None:
        """10: the bank executes once against the letter; the acceptance follows."""
        bank = self.cast.bank(self.bank)
        contract = self.contract(self.guarantee_letter)
        self._tell(
            "the loan is executed against the letter, its schedule fixed",
            self.loan_id,
            lambda: bank.execute_loan(self.loan_id, contract),
        )
        on = contract.disbursement.on
        self._tell(
            "the guarantee is accepted",
            self.guarantee_id,
            lambda: bank.accept_guarantee(self.guarantee_id, self.foundation, self.loan_id, on, self.file),
        )

    # -- telling

    def _tell(self, title: str, record_id: str, act: Callable[[], Committed]) -> Committed:
        return self.narrator.submit(title + self.label, record_id, act)

    def _aside(self, title: str, organization: str, act: Callable[[], T]) -> T:
        return self.narrator.aside(title + self.label, organization, act)


def rate_notice(cast: Cast, quarter: str) -> SignedLetter:
    """mss's notice of a quarter's base rate, for whoever needs it."""
    body = RateNoticeBody(quarter=quarter, base_rate=catalogue().base_rates[quarter])
    officer = cast.identity("mss", "officer")
    return write_letter(officer, LetterKind.RATE_NOTICE, ANYONE, quarter, body.model_dump(mode="json"))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
