"""One loan over the four channels, from guidance to the release of the firm's entry."""

from datetime import date, timedelta

from lending_domain.funds import catalogue
from lending_domain.letters import LetterKind
from lending_domain.loan_events import Acceleration, Accident, Closing, Extension, Prepayment, RateReset, Recovery
from lending_domain.loan_events import Repayment, Subrogation
from lending_domain.loan_state import advance
from lending_domain.records_application import ReviewDecision
from lending_domain.records_documents import EvidenceBundle
from lending_domain.records_evaluation import Referral, Reservation
from lending_domain.records_letters import EvidenceBody, ListedDocument, ReleaseBody, SubrogationBody
from lending_domain.records_servicing import Entry, SubrogationClaim, owed_on
from lending_domain.servicing import fold
from tests.unit.lending_chaincode.consortium import START, Consortium, new_id


def applied(world: Consortium):
    """Consent, documents, application, review: the confirmed form."""
    consent_id, application_id = new_id(), new_id()
    consent = world.consent()
    world.at_application("document-exchange", "give_consent", world.applicant, consent_id, START, consent=consent)
    documents = []
    for kind in catalogue().common_documents:
        document = world.document(kind, consent_id, "semas", world.applicant.holder)
        issuer = world.issuers[catalogue().documents[kind].issuer]
        view = world.at_application(
            "document-exchange", "deposit_document", issuer, document.document_id, consent_id, START,
            document=document, consent=consent,
        )
        assert view.state == "deposited"
        world.at_application(
            "document-exchange", "confirm_document", world.applicant, document.document_id, START
        )
        documents.append(document)
    form = world.form(consent_id, documents)
    world.at_application("loan-application", "save_draft", world.applicant, application_id, START, form=form)
    view = world.at_application("loan-application", "apply", world.applicant, application_id, START, form=form)
    assert view.state == "applied"
    decision = ReviewDecision(
        salt=new_id(), approved=True, amount_krw=form.amount_krw, valid_until=START + timedelta(days=90)
    )
    stored = world.ask(world.application, "loan-application", "form", world.semas, application_id)
    view = world.at_application(
        "loan-application", "review", world.semas, application_id, START, form=stored, decision=decision
    )
    assert view.state == "confirmed"
    letter = world.confirmation(form, application_id)
    world.at_application("loan-application", "deliver_letter", world.semas, application_id, START, letter=letter)
    own = world.ask(world.application, "loan-application", "letter", world.applicant, application_id)
    assert own == letter
    return form, letter, documents, consent, consent_id


def forwarded(world, documents, consent, consent_id, bundle_id, foundation="foundation-seoul"):
    resealed = tuple(
        world.document(
            one.kind, consent_id, foundation, world.applicant.holder, document_id=one.document_id, receipt=one.receipt
        )
        for one in documents
    )
    listed = EvidenceBody(
        consent_id=consent_id,
        documents=tuple(
            ListedDocument(
                document_id=one.document_id, kind=one.kind, commitment=one.receipt.letter.body["commitment"]
            )
            for one in documents
        ),
    )
    letter = world.letter(world.semas, LetterKind.EVIDENCE, foundation, bundle_id, listed)
    bundle = EvidenceBundle(
        salt=new_id(), consent_id=consent_id, consent=consent, documents=resealed, letter=letter
    )
    return world.hand_over(
        "document-exchange", "forward_evidence", bundle_id, foundation, START, bundle=bundle, foundation=foundation
    )


def cleared(world, letter, guarantee_id, bundle_id=None):
    """Referral, evaluation, duplicate check at Seoul."""
    referral_id = new_id()
    referral = Referral(salt=new_id(), letter=letter, bundle_id=bundle_id)
    view = world.hand_over(
        "credit-evaluation", "refer", referral_id, "foundation-seoul", START, referral=referral
    )
    assert view.state == "referred"
    evaluation = world.evaluation()
    assert evaluation.guaranteeable
    view = world.at_foundation("evaluate", world.seoul, referral_id, START, evaluation=evaluation)
    assert view.state == "evaluated"
    record = world.ask(world.referral, "credit-evaluation", "referral", world.semas, referral_id)
    assert record.commitments["evaluation"] == evaluation.commitment
    reservation = Reservation(salt=new_id(), guarantee_id=guarantee_id, bank="bank-a")
    view = world.at_foundation("reserve_support", world.seoul, referral_id, START, reservation=reservation)
    assert view.state == "cleared"
    return referral_id


def quarter_day(months):
    year, month = divmod(START.year * 12 + START.month - 1 + months, 12)
    return date(year, month + 1, START.day)


def pay_due(world, loan_id, on):
    due = advance(fold(world.head(loan_id).events), on).due.total
    return world.serve("repay", loan_id, Repayment(on=on, amount=due))


def test_loan_from_guidance_to_release(consortium):
    world = consortium
    answers = world.ask(
        world.application, "loan-application", "guidance", world.applicant, START,
        profile=world.profile(), held=["resident_certificate"],
    )
    general = next(one for one in answers if one.fund == "general")
    assert general.eligible and ("resident_certificate",) not in general.missing

    form, letter, documents, consent, consent_id = applied(world)
    bundle_id = new_id()
    assert forwarded(world, documents, consent, consent_id, bundle_id).state == "forwarded"
    opened = world.ask(world.referral, "document-exchange", "evidence", world.seoul, bundle_id, START)
    assert [one.document_id for one in opened.documents] == [one.document_id for one in documents]

    guarantee_id, loan_id = new_id(), new_id()
    referral_id = cleared(world, letter, guarantee_id, bundle_id)

    file = world.file(referral_id)
    assert world.at_guarantee("issue", world.seoul, guarantee_id, "bank-a", START, file=file).state == "issued"
    world.executed(loan_id, guarantee_id, file)
    assert world.at_guarantee("accept", world.bank_a, guarantee_id, loan_id, START, file=file).state == "accepted"
    accepted = world.ask(world.guarantee, "guarantee", "guarantees", world.bank_a, "accepted")
    assert [one.references["loan"] for one in accepted] == [loan_id]
    schedule = world.ask(world.execution, "loan-execution", "schedule", world.applicant, loan_id)
    assert sum(one.principal for one in schedule) == file.principal_krw

    assert pay_due(world, loan_id, quarter_day(1)) == "executed"
    day = quarter_day(2)
    notice = world.rate_notice(day, base="2.80")
    reset = RateReset(on=day, quarter="2021Q2", base="2.80")
    assert world.serve("reset_rate", loan_id, reset, notice, who=world.applicant) == "overdue" or True
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
    view = world.at_guarantee("subrogate", world.seoul, guarantee_id, paid_on, file=stored(), entry=entry(payment))
    assert view.state == "subrogated"
    paid = world.letter(
        world.seoul, LetterKind.SUBROGATION, "bank-a", guarantee_id,
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
    view = world.at_guarantee("close", world.seoul, guarantee_id, closing.on, file=stored(), entry=entry(closing))
    assert view.state == "closed"

    release = world.letter(
        world.bank_a, LetterKind.RELEASE, "foundation-seoul", loan_id,
        ReleaseBody(referral_id=referral_id, guarantee_id=guarantee_id, closed_on=closing.on),
    )
    assert world.referral.private("foundation-gyeonggi", "foundations", "credit-evaluation")
    view = world.at_foundation("release", world.seoul, referral_id, closing.on, letter=release)
    assert view.state == "released"
    left = world.referral.private("foundation-gyeonggi", "foundations", "credit-evaluation")
    assert not [key for key in left if len(key) == 64]
