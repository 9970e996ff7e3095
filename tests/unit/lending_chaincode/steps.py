"""Steps of a loan that several tests begin with."""

from datetime import date, timedelta

from lending_domain.funds import catalogue
from lending_domain.letters import LetterKind
from lending_domain.loan_events import Repayment
from lending_domain.loan_state import advance
from lending_domain.records_application import ReviewDecision
from lending_domain.records_documents import EvidenceBundle
from lending_domain.records_evaluation import Referral, Reservation
from lending_domain.records_letters import EvidenceBody, ListedDocument
from lending_domain.servicing import fold
from tests.unit.lending_chaincode.consortium import START, Consortium, new_id


def applied(world: Consortium):
    """Consent, documents, application, review: the confirmed form."""
    consent_id, application_id = new_id(), new_id()
    consent = world.consent()
    world.at_application(
        "document-exchange", "give_consent", world.applicant, consent_id, START, consent=consent
    )
    documents = []
    for kind in catalogue().common_documents:
        document = world.document(kind, consent_id, "semas", world.applicant.holder)
        issuer = world.issuers[catalogue().documents[kind].issuer]
        view = world.at_application(
            "document-exchange",
            "deposit_document",
            issuer,
            document.document_id,
            consent_id,
            START,
            document=document,
            consent=consent,
        )
        assert view.state == "deposited"
        world.at_application(
            "document-exchange", "confirm_document", world.applicant, document.document_id, START
        )
        documents.append(document)
    form = world.form(consent_id, documents)
    world.at_application("loan-application", "save_draft", world.applicant, application_id, START, form=form)
    view = world.at_application(
        "loan-application", "apply", world.applicant, application_id, START, form=form
    )
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
    world.at_application(
        "loan-application",
        "deliver_letter",
        world.semas,
        application_id,
        START,
        letter=letter,
        form=stored,
        decision=decision,
    )
    own = world.ask(world.application, "loan-application", "letter", world.applicant, application_id)
    assert own == letter
    return form, letter, documents, consent, consent_id


def forwarded(world, documents, consent, consent_id, bundle_id, *, foundation="foundation-seoul"):
    resealed = tuple(
        world.document(
            one.kind,
            consent_id,
            foundation,
            world.applicant.holder,
            document_id=one.document_id,
            receipt=one.receipt,
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
        "document-exchange",
        "forward_evidence",
        bundle_id,
        foundation,
        START,
        bundle=bundle,
        foundation=foundation,
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
