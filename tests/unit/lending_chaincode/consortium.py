"""The consortium in memory: four channels, real certificates and letters, one loan step by step."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hlf_chaincode import ContractError
from hlf_chaincode.testing import Caller, ChaincodeSpec, CollectionSpec, MemoryLedger, TransactionFailed
from lending_chaincode.credit_evaluation import CreditEvaluation
from lending_chaincode.document_exchange import DocumentExchange
from lending_chaincode.guarantee import Guarantee
from lending_chaincode.loan_application import LoanApplication
from lending_chaincode.loan_execution import LoanExecution
from lending_domain.canonical import plain
from lending_domain.form import EvaluationForm, Screening
from lending_domain.funds import FirmProfile, annual_rate, catalogue, quarter_of
from lending_domain.letters import Letter, LetterKind, SignedLetter, sign_letter
from lending_domain.loan_events import Disbursement, ServicingTerms
from lending_domain.model import Threshold, model2
from lending_domain.records_application import ApplicationForm, DocumentReference, Firm
from lending_domain.records_documents import Consent, SealedDocument
from lending_domain.records_evaluation import EvaluationRecord, ThresholdTable
from lending_domain.records_letters import ConfirmationBody, GuaranteeBody, RateNoticeBody, ReceiptBody
from lending_domain.records_servicing import Entry, GuaranteeFile, LoanContract, LoanHead
from lending_domain.schedules import LoanTerms
from lending_domain.score import evaluate

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
START = date(2021, 3, 2)
FOUNDED = date(2020, 1, 2)
FOUNDATIONS = ("foundation-seoul", "foundation-gyeonggi")
BANKS = ("bank-a", "bank-b")
ISSUERS = ("mois", "nts", "moel")
ORGANIZATIONS = ("applicants", "semas", *ISSUERS, *FOUNDATIONS, *BANKS, "mss")
AMOUNT = 50_000_000
BASE = Decimal("2.55")
COVERAGE = Decimal(85)


def new_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Person:
    """A caller who can sign letters."""

    caller: Caller
    key: ec.EllipticCurvePrivateKey

    @property
    def msp_id(self) -> str:
        return self.caller.msp_id

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    @property
    def pem(self) -> bytes:
        assert self.caller.certificate_pem is not None
        return self.caller.certificate_pem

    @property
    def holder(self) -> str:
        return self.caller.attributes["holder"]


class Authority:
    """One organization's CA."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._build(name, self.key.public_key(), ou=None, attributes={}, ca=True)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(
        self, common_name: str, ou: str = "client", msp_id: str | None = None, **attributes: str
    ) -> Person:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(common_name, key.public_key(), ou=ou, attributes=attributes, ca=False)
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        caller = Caller(msp_id or self.name, attributes, role=ou, name=common_name, certificate_pem=pem)
        return Person(caller, key)

    def _build(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey,
        *,
        ou: str | None,
        attributes: dict[str, str],
        ca: bool,
    ) -> x509.Certificate:
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if ou:
            subject.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, ou))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if attributes:
            extension = json.dumps({"attrs": attributes}).encode()
            builder = builder.add_extension(
                x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1"), extension),
                critical=False,
            )
        return builder.sign(self.key, hashes.SHA256())


def _pair(first: str, second: str, suffix: str = "", *, member_only_write: bool = True) -> CollectionSpec:
    return CollectionSpec(
        f"{first}_{second}{suffix}",
        (first, second),
        member_only_write=member_only_write,
        endorsement_policy=f"AND('{first}.peer','{second}.peer')",
    )


def _own(name: str) -> CollectionSpec:
    return CollectionSpec(name, (name,), endorsement_policy=f"OR('{name}.peer')")


def _any(*names: str) -> str:
    return "OR(" + ",".join(f"'{one}.peer'" for one in names) + ")"


class Consortium:
    """Four channels with voted charters, an adopted model, thresholds and the duplicate check's secret."""

    def __init__(self) -> None:
        self.suspicious = False
        self.proven: set[tuple[str, str, str]] = set()
        self.authorities = {name: Authority(name) for name in ORGANIZATIONS}
        both = "AND('applicants.peer','semas.peer')"
        citizen = _pair("applicants", "semas")
        papers = _pair("applicants", "semas", "_documents", member_only_write=False)
        referral = f"AND('semas.peer',{_any(*FOUNDATIONS)})"
        handed = [_pair("semas", one) for one in FOUNDATIONS]
        shared = CollectionSpec("foundations", FOUNDATIONS, endorsement_policy=_any(*FOUNDATIONS))
        self.application = MemoryLedger(
            channel="application",
            organizations=("applicants", "semas"),
            chaincodes=[
                ChaincodeSpec("document-exchange", [DocumentExchange], both, [citizen, papers]),
                ChaincodeSpec("loan-application", [LoanApplication], both, [citizen]),
                ChaincodeSpec("credit-evaluation", [CreditEvaluation], both, [citizen, _own("semas")]),
                ChaincodeSpec("loan-execution", [LoanExecution], both, [citizen]),
            ],
            time=NOW,
        )
        self.referral = MemoryLedger(
            channel="referral",
            organizations=("semas", *FOUNDATIONS),
            chaincodes=[
                ChaincodeSpec("document-exchange", [DocumentExchange], referral, handed),
                ChaincodeSpec(
                    "credit-evaluation",
                    [CreditEvaluation],
                    referral,
                    [*handed, *map(_own, FOUNDATIONS), shared],
                ),
            ],
            time=NOW,
        )
        self.guarantee = MemoryLedger(
            channel="guarantee",
            organizations=(*FOUNDATIONS, *BANKS),
            chaincodes=[
                ChaincodeSpec(
                    "guarantee",
                    [Guarantee],
                    f"AND({_any(*FOUNDATIONS)},{_any(*BANKS)})",
                    [_pair(one, other) for one in FOUNDATIONS for other in BANKS],
                )
            ],
            time=NOW,
        )
        self.execution = MemoryLedger(
            channel="execution",
            organizations=("applicants", *BANKS),
            chaincodes=[
                ChaincodeSpec(
                    "loan-execution",
                    [LoanExecution],
                    f"AND({_any(*BANKS)},'applicants.peer')",
                    [_pair("applicants", one) for one in BANKS],
                )
            ],
            time=NOW,
        )
        issue = {name: authority.issue for name, authority in self.authorities.items()}
        self.applicant = issue["applicants"]("a1", holder=new_id())
        self.other_applicant = issue["applicants"]("a2", holder=new_id())
        self.semas = issue["semas"]("officer", role="officer")
        self.issuers = {one: issue[one]("officer", role="issuer") for one in ISSUERS}
        self.seoul = issue["foundation-seoul"]("evaluator", role="evaluator")
        self.seoul_reviewer = issue["foundation-seoul"]("reviewer", role="evaluator")
        self.gyeonggi = issue["foundation-gyeonggi"]("evaluator", role="evaluator")
        self.bank_a = issue["bank-a"]("officer", role="officer")
        self.bank_b = issue["bank-b"]("officer", role="officer")
        self.mss = issue["mss"]("officer", role="officer")
        self.admins = {
            name: authority.issue("admin", "admin") for name, authority in self.authorities.items()
        }

    def charter(self, *members: str, version: int = 1) -> dict[str, Any]:
        return {
            "version": version,
            "members": list(members),
            "anchors": {name: [authority.pem] for name, authority in self.authorities.items()},
            "business_date_lookback_days": 3660,
        }

    def found(self) -> Consortium:
        """Vote the charters, the model, the thresholds, and share the secret."""
        for ledger, chaincodes in (
            (
                self.application,
                ("document-exchange", "loan-application", "credit-evaluation", "loan-execution"),
            ),
            (self.referral, ("document-exchange", "credit-evaluation")),
            (self.guarantee, ("guarantee",)),
            (self.execution, ("loan-execution",)),
        ):
            members = ledger.organizations
            for chaincode in chaincodes:
                for voter in members[: len(members) // 2 + 1]:
                    view = ledger.submit(
                        chaincode, "vote_charter", self.charter(*members), caller=self.admins[voter].caller
                    )
                assert view.state == "in-force"
        self.adopt_model()
        secret = {"salt": new_id(), "key_version": 1, "secret": secrets.token_hex(32)}
        self.at_foundation("share_duplicate_key", self.admins["foundation-seoul"], secret=secret)
        return self

    def adopt_model(self) -> None:
        seoul, gyeonggi = (self.admins[one].caller for one in FOUNDATIONS)
        model = model2()

        def decide(function: str, *args: Any, caller: Caller = seoul) -> str:
            return self.referral.submit("credit-evaluation", function, *args, caller=caller).state

        assert decide("propose_model", plain(model), FOUNDED) == "proposed"
        assert decide("vote_model", model.digest, FOUNDED, caller=gyeonggi) == "carried"
        assert decide("activate_model", model.digest, FOUNDED, FOUNDED) == "active"
        table, threshold_id = self.thresholds(35_000_000), new_id()
        self.at_foundation("vote_threshold", self.admins["foundation-seoul"], threshold_id, table=table)
        assert self.carry_thresholds(threshold_id, table) == "active"

    def carry_thresholds(self, threshold_id: str, table: ThresholdTable) -> str:
        """Gyeonggi's vote for a table, endorsed by both foundations, as one that carries has to be."""
        admin = self.admins["foundation-gyeonggi"]
        view = self.submit(
            self.referral,
            "credit-evaluation",
            "vote_threshold",
            admin,
            (threshold_id,),
            private={"table": table},
            endorsers=FOUNDATIONS,
        )
        return str(view.state)

    def thresholds(self, units: int) -> ThresholdTable:
        model = model2()
        return ThresholdTable(
            salt=new_id(),
            model_digest=model.digest,
            version=1,
            entries=tuple(
                Threshold(
                    model=model.id,
                    composition=model.composition,
                    company_class=one,
                    industry=industry,
                    units=units,
                )
                for one in ("startup", "general")
                for industry in model.industries
            ),
        )

    # calls

    def submit(
        self,
        ledger: MemoryLedger,
        chaincode: str,
        function: str,
        who: Person,
        args: tuple[Any, ...],
        *,
        private: dict[str, Any],
        endorsers: Any,
    ) -> Any:
        """Submit; where `suspicious`, first with each endorser alone, which must come to nothing."""
        call = {"transient": _transient(private), "caller": who.caller}
        if self.suspicious and len(endorsers) > 1:
            for alone in endorsers:
                with failed():
                    ledger.submit(chaincode, function, *args, endorsers=[alone], **call)
            self.proven.add((ledger.channel, chaincode, function))
        return ledger.submit(chaincode, function, *args, endorsers=endorsers, **call)

    def at_application(self, chaincode: str, function: str, who: Person, *args: Any, **private: Any) -> Any:
        both = ("applicants", "semas")
        return self.submit(self.application, chaincode, function, who, args, private=private, endorsers=both)

    def at_foundation(self, function: str, who: Person, *args: Any, **private: Any) -> Any:
        """On `referral`, endorsed by the caller's foundation alone."""
        return self.submit(
            self.referral,
            "credit-evaluation",
            function,
            who,
            args,
            private=private,
            endorsers=[who.msp_id],
        )

    def hand_over(
        self, chaincode: str, function: str, *args: Any, foundation: str = "foundation-seoul", **private: Any
    ) -> Any:
        """On `referral`, SEMAS's, endorsed by SEMAS and one foundation."""
        both = ("semas", foundation)
        return self.submit(
            self.referral, chaincode, function, self.semas, args, private=private, endorsers=both
        )

    def at_guarantee(
        self,
        function: str,
        who: Person,
        *args: Any,
        endorsers: Any = ("foundation-seoul", "bank-a"),
        **private: Any,
    ) -> Any:
        return self.submit(
            self.guarantee, "guarantee", function, who, args, private=private, endorsers=endorsers
        )

    def at_execution(
        self,
        function: str,
        who: Person,
        *args: Any,
        endorsers: Any = ("applicants", "bank-a"),
        **private: Any,
    ) -> Any:
        return self.submit(
            self.execution, "loan-execution", function, who, args, private=private, endorsers=endorsers
        )

    def ask(
        self, ledger: MemoryLedger, chaincode: str, function: str, who: Person, *args: Any, **private: Any
    ) -> Any:
        return ledger.evaluate(chaincode, function, *args, transient=_transient(private), caller=who.caller)

    # letters

    def letter(
        self,
        signer: Person,
        kind: LetterKind,
        addressee: str,
        subject: str,
        body: Any,
        *,
        issuer: str | None = None,
        days: int = 30,
        issued_at: datetime = NOW - timedelta(hours=1),
    ) -> SignedLetter:
        letter = Letter(
            kind=kind,
            id=new_id(),
            issuer=issuer or signer.msp_id,
            addressee=addressee,
            subject=subject,
            issued_at=issued_at,
            expires_at=issued_at + timedelta(days=days),
            body=plain(body),
            nonce=new_id(),
        )
        return sign_letter(letter, signer.sign, signer.pem)

    def rate_notice(self, on: date, base: Decimal = BASE, signer: Person | None = None) -> SignedLetter:
        quarter = quarter_of(on)
        body = RateNoticeBody(quarter=quarter, base_rate=base)
        return self.letter(signer or self.mss, LetterKind.RATE_NOTICE, "*", quarter, body, issuer="mss")

    # values

    def consent(self, who: Person | None = None, **changes: Any) -> Consent:
        values: dict[str, Any] = {
            "salt": new_id(),
            "holder": (who or self.applicant).holder,
            "items": catalogue().common_documents,
            "recipients": ("semas", "foundation-of-the-business-address"),
            "purpose": "policy fund application",
            "retention_years": 5,
            "given_on": START,
            "expires_on": START + timedelta(days=365),
            "refusal": "You may refuse; the fund is then not available.",
        }
        return Consent(**{**values, **changes})

    def document(
        self,
        kind: str,
        consent_id: str,
        *recipients: str,
        document_id: str | None = None,
        receipt: Any = None,
    ) -> SealedDocument:
        document_id = document_id or new_id()
        issuer = catalogue().documents[kind].issuer
        holder = next((one for one in recipients if len(one) == 32), self.applicant.holder)
        body = ReceiptBody(
            holder=holder, consent_id=consent_id, document_kind=kind, commitment=secrets.token_hex(32)
        )
        signed = receipt or self.letter(self.issuers[issuer], LetterKind.EVIDENCE, "semas", document_id, body)
        return SealedDocument(
            salt=new_id(),
            document_id=document_id,
            consent_id=consent_id,
            kind=kind,
            ciphertext="c2VhbGVk",
            wrapped_keys={one: "a2V5" for one in recipients},
            receipt=signed,
        )

    def firm(self, number: str = "123-45-67891") -> Firm:
        return Firm(
            name="두레분식", business_number=number, representative="홍길동", representative_link=new_id()
        )

    def profile(self) -> FirmProfile:
        return FirmProfile(sector="retail", regular_workers=2, business_registered_on=date(2010, 5, 1))

    def form(self, consent_id: str, documents: list[SealedDocument], **changes: Any) -> ApplicationForm:
        values: dict[str, Any] = {
            "salt": new_id(),
            "holder": self.applicant.holder,
            "firm": self.firm(),
            "profile": self.profile(),
            "fund": "general",
            "amount_krw": AMOUNT,
            "foundation": "foundation-seoul",
            "consent_id": consent_id,
            "documents": tuple(
                DocumentReference(kind=one.kind, document_id=one.document_id, receipt=one.receipt)
                for one in documents
            ),
        }
        return ApplicationForm(**{**values, **changes})

    def confirmation(
        self, form: ApplicationForm, application_id: str, foundation: str = "foundation-seoul", **changes: Any
    ) -> SignedLetter:
        body = ConfirmationBody(
            holder=form.holder,
            fund=form.fund,
            amount_krw=form.amount_krw,
            firm=form.firm,
            profile=form.profile,
            valid_until=START + timedelta(days=90),
        )
        return self.letter(self.semas, LetterKind.CONFIRMATION, foundation, application_id, body, **changes)

    def evaluation(self, **changes: Any) -> EvaluationRecord:
        form = EvaluationForm(
            industry="retail-food-personal",
            premises_owned=False,
            rent_deposit_krw=70_000_000,
            total_borrowing_krw=5_000_000,
            annual_sales_krw=35_000_000,
            industry_career={"years": 10},
            real_estate="apartment",
            real_estate_pledged=False,
            bank_credit_loan_krw=3_000_000,
            wage_rent_arrears="none",
            cash_advance_krw=0,
            business_age={"years": 10},
            residence={"years": 5},
            overdue_loans_3m=0,
            lender_count=1,
            judgement={
                "manager_ability": 2,
                "sales_outlook": 2,
                "industry_outlook": 3,
                "premises": 2,
                "trading_stability": 2,
                "service": 2,
            },
        )
        form = changes.pop("form", form)
        result = evaluate(form, model2())
        values: dict[str, Any] = {
            "salt": new_id(),
            "model_digest": model2().digest,
            "screening": Screening(sector="retail", regular_workers=2, business_open=True),
            "form": form,
            "result": result,
            "guaranteeable": result.total >= 35_000_000,
        }
        return EvaluationRecord(**{**values, **changes})

    def file(self, referral_id: str, **changes: Any) -> GuaranteeFile:
        values: dict[str, Any] = {
            "salt": new_id(),
            "referral_id": referral_id,
            "holder": self.applicant.holder,
            "fund": "general",
            "principal_krw": AMOUNT,
            "coverage": COVERAGE,
            "guaranteed_krw": AMOUNT * 85 // 100,
            "valid_until": START + timedelta(days=60),
        }
        return GuaranteeFile(**{**values, **changes})

    def guarantee_letter(
        self,
        guarantee_id: str,
        file: GuaranteeFile,
        signer: Person | None = None,
        bank: str = "bank-a",
        **named: Any,
    ) -> SignedLetter:
        body = GuaranteeBody(
            referral_id=file.referral_id,
            holder=file.holder,
            fund=file.fund,
            principal_krw=file.principal_krw,
            coverage=file.coverage,
            guaranteed_krw=file.guaranteed_krw,
            valid_until=file.valid_until,
        )
        return self.letter(signer or self.seoul, LetterKind.GUARANTEE, bank, guarantee_id, body, **named)

    def contract(
        self, letter: SignedLetter, on: date = START, principal: int = AMOUNT, **changes: Any
    ) -> LoanContract:
        fund = catalogue().fund("general")
        terms = LoanTerms(
            principal=principal,
            annual=annual_rate(BASE, fund),
            start=on,
            months=fund.months,
            grace_months=fund.grace_months,
            plan=fund.plan,
        )
        servicing = ServicingTerms(floating=fund.rate == "floating", spread=fund.spread, coverage=COVERAGE)
        values: dict[str, Any] = {
            "salt": new_id(),
            "holder": self.applicant.holder,
            "letter": letter,
            "rate_notice": self.rate_notice(on),
            "disbursement": Disbursement(on=on, terms=terms, servicing=servicing),
        }
        return LoanContract(**{**values, **changes})

    def executed(self, loan_id: str, guarantee_id: str, file: GuaranteeFile) -> None:
        contract = self.contract(self.guarantee_letter(guarantee_id, file))
        self.at_execution("execute", self.bank_a, loan_id, START, contract=contract)

    def head(self, loan_id: str, who: Person | None = None) -> LoanHead:
        return self.ask(self.execution, "loan-execution", "head", who or self.bank_a, loan_id)

    def serve(
        self, function: str, loan_id: str, event: Any, letter: SignedLetter | None = None, **named: Any
    ) -> str:
        """One servicing step by bank-a with the head as it stands; the new state."""
        entry = Entry(salt=new_id(), event=event, letter=letter)
        who = named.pop("who", self.bank_a)
        head = named.pop("head", None) or self.head(loan_id)
        return self.at_execution(function, who, loan_id, event.on, head=head, entry=entry, **named).state


def _transient(private: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in private.items()}


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[ContractError]]:
    """The contract says no with this code, in a sentence."""
    with pytest.raises(ContractError) as caught:
        yield caught
    assert caught.value.code == code, caught.value
    assert len(caught.value.message) > 10


@contextmanager
def failed(code: str = "ENDORSEMENT_POLICY_FAILURE") -> Iterator[None]:
    """The transaction ends with this validation code."""
    with pytest.raises(TransactionFailed) as caught:
        yield
    assert caught.value.code == code
