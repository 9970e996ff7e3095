"""One loan over the four channels, from guidance to the release of the firm's entry."""

from datetime import date, timedelta

from hlf_chaincode.contract import Registry
from lending_chaincode.credit_evaluation import CreditEvaluation
from lending_chaincode.document_exchange import DocumentExchange
from lending_chaincode.guarantee import Guarantee
from lending_chaincode.loan_application import LoanApplication
from lending_chaincode.loan_execution import LoanExecution
from lending_domain.letters import LetterKind
from lending_domain.loan_events import (
    Acceleration,
    Accident,
    Closing,
    Extension,
    FeeCharge,
    Payoff,
    Prepayment,
    RateReset,
    Recovery,
    Subrogation,
)
from lending_domain.loan_state import advance
from lending_domain.records_documents import SealedLetter
from lending_domain.records_letters import ReleaseBody, RevocationBody, SubrogationBody
from lending_domain.records_servicing import Entry, SubrogationClaim, owed_on
from lending_domain.servicing import fold
from tests.unit.lending_chaincode.consortium import START, new_id
from tests.unit.lending_chaincode.reviews import told as reviewed
from tests.unit.lending_chaincode.steps import applied, cleared, forwarded, pay_due, quarter_day


def test_loan_from_guidance_to_release(consortium):
    tell(consortium)


def test_every_two_party_write_needs_both(consortium):
    """The story and what it leaves out, each write first endorsed by one party alone."""
    world = consortium
    world.suspicious = True
    tell(world)
    papers, citizen = "document-exchange", world.applicant
    consent_id, consent = new_id(), world.consent()
    document = world.document("proof_of_sales", consent_id, "semas", citizen.holder)
    world.at_application(papers, "give_consent", citizen, consent_id, START, consent=consent)
    world.at_application(
        papers,
        "deposit_document",
        world.issuers["nts"],
        document.document_id,
        consent_id,
        START,
        document=document,
        consent=consent,
    )
    world.at_application(papers, "revoke_consent", citizen, consent_id, START)
    letter = world.letter(
        world.semas,
        LetterKind.REVOCATION,
        "foundation-seoul",
        consent_id,
        RevocationBody(revoked_on=START),
    )
    world.hand_over(papers, "record_revocation", consent_id, "foundation-seoul", START, letter=letter)
    world.at_application(papers, "end_relation", world.semas, consent_id, START)
    world.at_application(papers, "destroy_document", citizen, document.document_id, date(2026, 3, 3))
    bundle_id = new_id()
    _, _, documents, bound, bound_id = applied(world)
    forwarded(world, documents, bound, bound_id, bundle_id)
    world.submit(
        world.referral,
        papers,
        "destroy_evidence",
        world.seoul,
        (bundle_id, date(2026, 3, 3), START),
        private={},
        endorsers=("semas", "foundation-seoul"),
    )
    sealed = SealedLetter(
        salt=new_id(), concerns=new_id(), ciphertext="c2VhbGVk", wrapped_keys={citizen.holder: "a2V5"}
    )
    world.hand_over(papers, "relay_letter", new_id(), "foundation-seoul", START, sealed=sealed)
    world.at_application(papers, "relay_letter", world.semas, new_id(), citizen.holder, START, sealed=sealed)
    key = world.letter(citizen, LetterKind.KEY, "*", citizen.holder, {"public_key": "ab" * 32})
    world.at_application(papers, "register_sealing_key", citizen, key)
    draft_id = new_id()
    world.at_application(
        "loan-application", "save_draft", citizen, draft_id, START, form=world.form(consent_id, [])
    )
    world.at_application("loan-application", "withdraw", citizen, draft_id, START)
    reviewed(world)
    guarantee_id, loan_id, file = new_id(), new_id(), world.file(new_id())
    world.at_guarantee("issue", world.seoul, guarantee_id, "bank-a", START, file=file)
    world.executed(loan_id, guarantee_id, file)
    world.serve("charge_fee", loan_id, FeeCharge(on=START, amount=1, reason="postage"))
    payoff = advance(fold(world.head(loan_id).events), START).payoff
    world.serve("pay_off", loan_id, Payoff(on=START, amount=payoff))
    world.at_guarantee("cancel", world.seoul, guarantee_id, START)
    # Governance is by vote; what a foundation records about a referral of its own, it endorses alone.
    governed = {"vote_charter", "vote_threshold", "share_duplicate_key"}
    governed |= {f"{verb}_model" for verb in ("propose", "comment", "vote", "withdraw", "activate")}
    alone = {"evaluate", "override", "reserve_support", "rekey_support", "decline", "release"}
    alone |= {"extend_review", "re_evaluate", "answer_review"}
    contracts = (DocumentExchange, LoanApplication, CreditEvaluation, Guarantee, LoanExecution)
    written = {
        (function.contract, function.name)
        for function in Registry(contracts).functions.values()
        if not function.read_only and function.name not in governed | alone
    }
    assert {(chaincode, function) for _, chaincode, function in world.proven} == written
    channels = {channel for channel, _, _ in world.proven}
    assert channels == {"application", "referral", "guarantee", "execution"}


def tell(world):
    """One loan, step by step."""
    answers = world.ask(
        world.application,
        "loan-application",
        "guidance",
        world.applicant,
        START,
        profile=world.profile(),
        held=["resident_certificate"],
    )
    general = next(one for one in answers if one.fund == "general")
    assert general.eligible and ("resident_certificate",) not in general.missing

    _, letter, documents, consent, consent_id = applied(world)
    bundle_id = new_id()
    assert forwarded(world, documents, consent, consent_id, bundle_id).state == "forwarded"
    opened = world.ask(world.referral, "document-exchange", "evidence", world.seoul, bundle_id, START)
    assert [one.document_id for one in opened.documents] == [one.document_id for one in documents]

    guarantee_id, loan_id = new_id(), new_id()
    referral_id = cleared(world, letter, guarantee_id, bundle_id)

    file = world.file(referral_id)
    assert (
        world.at_guarantee("issue", world.seoul, guarantee_id, "bank-a", START, file=file).state == "issued"
    )
    world.executed(loan_id, guarantee_id, file)
    assert (
        world.at_guarantee("accept", world.bank_a, guarantee_id, loan_id, START, file=file).state
        == "accepted"
    )
    accepted = world.ask(world.guarantee, "guarantee", "guarantees", world.bank_a, "accepted")
    assert [one.references["loan"] for one in accepted] == [loan_id]
    schedule = world.ask(world.execution, "loan-execution", "schedule", world.applicant, loan_id)
    assert sum(one.principal for one in schedule) == file.principal_krw

    assert pay_due(world, loan_id, quarter_day(1)) == "executed"
    day = quarter_day(2)
    notice = world.rate_notice(day, base="2.80")
    reset = RateReset(on=day, quarter="2021Q2", base="2.80")
    assert world.serve("reset_rate", loan_id, reset, notice, who=world.applicant) == "executed"
    pay_due(world, loan_id, quarter_day(2))
    assert world.serve("prepay", loan_id, Prepayment(on=quarter_day(2), amount=5_000_000)) == "executed"
    assert world.serve("extend", loan_id, Extension(on=quarter_day(2), months=12)) == "executed"

    late = quarter_day(3) + timedelta(days=5)
    view = world.at_execution("record_arrears", world.bank_a, loan_id, late, head=world.head(loan_id))
    assert view.state == "overdue"
    broken = quarter_day(3) + timedelta(days=40)
    event = Acceleration(on=broken, notified_on=quarter_day(3) + timedelta(days=20))
    assert world.serve("accelerate", loan_id, event) == "accelerated"
    accident = Accident(on=broken, occurred_on=broken, reason="arrears")
    assert world.serve("report_accident", loan_id, accident) == "accident"

    def stored():
        return world.ask(world.guarantee, "guarantee", "file", world.seoul, guarantee_id)

    def entry(event):
        return Entry(salt=new_id(), event=event)

    view = world.at_guarantee(
        "notify_accident", world.bank_a, guarantee_id, broken, file=stored(), entry=entry(accident)
    )
    assert view.state == "accident"
    claim = SubrogationClaim(salt=new_id(), events=world.head(loan_id).events)
    view = world.at_guarantee("claim", world.bank_a, guarantee_id, broken, file=stored(), claim=claim)
    assert view.state == "claimed"
    paid_on = broken + timedelta(days=30)
    amount = owed_on(stored(), paid_on)
    payment = Subrogation(on=paid_on, amount=amount)
    view = world.at_guarantee(
        "subrogate", world.seoul, guarantee_id, paid_on, file=stored(), entry=entry(payment)
    )
    assert view.state == "subrogated"
    paid = world.letter(
        world.seoul,
        LetterKind.SUBROGATION,
        "bank-a",
        guarantee_id,
        SubrogationBody(loan_id=loan_id, amount_krw=amount, paid_on=paid_on),
    )
    assert world.serve("receive_subrogation", loan_id, payment, paid) == "subrogated"
    recovery = Recovery(on=paid_on + timedelta(days=60), amount=1_000_000)
    assert world.serve("record_recovery", loan_id, recovery) == "subrogated"
    world.at_guarantee(
        "record_recovery", world.seoul, guarantee_id, recovery.on, file=stored(), entry=entry(recovery)
    )
    state, mirror = fold(world.head(loan_id).events), fold(stored().events)
    assert (state.foundation_claim, state.bank_claim) == (mirror.foundation_claim, mirror.bank_claim)
    closing = Closing(on=recovery.on, outcome="written-off")
    assert world.serve("close", loan_id, closing) == "closed"
    view = world.at_guarantee(
        "close", world.seoul, guarantee_id, closing.on, file=stored(), entry=entry(closing)
    )
    assert view.state == "closed"

    release = world.letter(
        world.bank_a,
        LetterKind.RELEASE,
        "foundation-seoul",
        loan_id,
        ReleaseBody(referral_id=referral_id, guarantee_id=guarantee_id, closed_on=closing.on),
    )
    assert world.referral.private("foundation-gyeonggi", "foundations", "credit-evaluation")
    view = world.at_foundation("release", world.seoul, referral_id, closing.on, letter=release)
    assert view.state == "released"
    left = world.referral.private("foundation-gyeonggi", "foundations", "credit-evaluation")
    assert not [key for key in left if len(key) == 64]
