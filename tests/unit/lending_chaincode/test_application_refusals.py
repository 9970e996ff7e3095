"""What document-exchange and loan-application refuse on `application`."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from lending_domain.funds import catalogue
from lending_domain.letters import LetterKind
from lending_domain.records_application import ReviewDecision
from lending_domain.records_documents import SealedLetter
from lending_domain.records_letters import ReceiptBody
from tests.unit.lending_chaincode.consortium import NOW, START, failed, new_id, refused

KIND = "proof_of_sales"


@pytest.fixture
def given(consortium):
    consent, consent_id = consortium.consent(), new_id()
    consortium.at_application(
        "document-exchange", "give_consent", consortium.applicant, consent_id, START, consent=consent
    )
    return SimpleNamespace(world=consortium, consent=consent, id=consent_id)


def deposit(given, document, who="nts", **changes):
    world = given.world
    return world.at_application(
        "document-exchange",
        "deposit_document",
        world.issuers[who] if isinstance(who, str) else who,
        document.document_id,
        changes.get("consent_id", given.id),
        changes.get("on", START),
        document=document,
        consent=changes.get("consent", given.consent),
    )


def paper(given, *recipients, **named):
    return given.world.document(
        KIND, given.id, *(recipients or ("semas", given.world.applicant.holder)), **named
    )


def test_consent_is_the_holders_own(given):
    world = given.world
    with refused("NOT_HOLDER"):
        world.at_application(
            "document-exchange", "give_consent", world.other_applicant, new_id(), START, consent=given.consent
        )
    with refused("NOT_PERMITTED"):
        world.at_application(
            "document-exchange", "give_consent", world.semas, new_id(), START, consent=given.consent
        )
    with refused("NOT_HOLDER"):
        world.at_application("document-exchange", "revoke_consent", world.other_applicant, given.id, START)
    with refused("ALREADY_EXISTS"):
        world.at_application(
            "document-exchange", "give_consent", world.applicant, given.id, START, consent=given.consent
        )
    with refused("NOT_HOLDER"):
        world.ask(world.application, "document-exchange", "consent", world.other_applicant, given.id)
    assert (
        world.ask(world.application, "document-exchange", "consent", world.semas, given.id) == given.consent
    )


def test_sensitive_documents_need_a_consent_of_their_own(consortium):
    mixed = consortium.consent(items=("disabled_welfare_card", KIND), kind="sensitive")
    with refused("SEPARATE_CONSENT"):
        consortium.at_application(
            "document-exchange", "give_consent", consortium.applicant, new_id(), START, consent=mixed
        )


def test_ids_and_dates(consortium):
    def give(consent_id, on):
        consent = consortium.consent(given_on=on, expires_on=on + timedelta(days=9))
        consortium.at_application(
            "document-exchange", "give_consent", consortium.applicant, consent_id, on, consent=consent
        )

    with refused("BAD_ARGUMENT"):
        give("short", START)
    with refused("DATE_IN_FUTURE"):
        give(new_id(), NOW.date() + timedelta(days=1))
    with refused("DATE_TOO_OLD"):
        give(new_id(), date(2010, 1, 4))
    consent_id = new_id()
    give(consent_id, START)
    with refused("DATE_BACKWARDS"):
        consortium.at_application(
            "document-exchange", "revoke_consent", consortium.applicant, consent_id, START - timedelta(days=1)
        )


def test_the_day_is_koreas(consortium):
    """At 16:00 UTC it is the next day in Seoul."""
    consortium.application.time = NOW.replace(hour=16)
    day = NOW.date() + timedelta(days=1)
    consent = consortium.consent(given_on=day, expires_on=day + timedelta(days=9))
    view = consortium.at_application(
        "document-exchange", "give_consent", consortium.applicant, new_id(), day, consent=consent
    )
    assert view.state == "given"


def test_deposit_is_refused_unless_all_fits(given):
    world = given.world
    with refused("NOT_PERMITTED"):
        deposit(given, paper(given), who="mois")
    with refused("NOT_PERMITTED"):
        deposit(given, paper(given), who=world.semas)
    with refused("NOT_PERMITTED"):
        deposit(given, paper(given), who=world.authorities["nts"].issue("clerk"))
    with refused("WRONG_RECIPIENT"):
        deposit(given, paper(given, "semas", world.applicant.holder, "bank-a"))
    with refused("WRONG_RECIPIENT"):
        deposit(given, paper(given, "semas"))
    with refused("NOT_IN_CONSENT"):
        deposit(given, world.document("family_proof", given.id, "semas", world.applicant.holder), who="mois")
    with refused("CONSENT_EXPIRED"):
        deposit(given, paper(given), on=START + timedelta(days=366))
    with refused("STALE_VALUE"):
        deposit(given, paper(given), consent=world.consent(recipients=("semas", "bank-a")))
    with refused("UNKNOWN_RECORD"):
        deposit(given, paper(given), consent_id=new_id())
    document_id = new_id()
    body = ReceiptBody(
        holder=given.consent.holder, consent_id=given.id, document_kind=KIND, commitment="ab" * 32
    )
    forged = world.letter(
        world.issuers["mois"], LetterKind.EVIDENCE, "semas", document_id, body, issuer="nts"
    )
    with refused("LETTER_UNTRUSTED_SIGNER"):
        deposit(given, paper(given, document_id=document_id, receipt=forged))
    signed = world.letter(world.issuers["nts"], LetterKind.EVIDENCE, "semas", document_id, body)
    tampered = signed.model_copy(
        update={
            "letter": signed.letter.model_copy(
                update={"body": {**signed.letter.body, "commitment": "0" * 64}}
            )
        }
    )
    with refused("LETTER_SIGNATURE"):
        deposit(given, paper(given, document_id=document_id, receipt=tampered))
    with refused("LETTER_MISMATCH"):
        deposit(given, paper(given, document_id=new_id(), receipt=signed))
    assert deposit(given, paper(given, document_id=document_id, receipt=signed)).state == "deposited"
    with refused("ALREADY_EXISTS"):
        deposit(given, paper(given, document_id=document_id, receipt=signed))


def test_revoked_consent_blocks_the_next_access(given):
    world, document = given.world, paper(given)
    deposit(given, document)

    def read(who):
        return world.ask(
            world.application, "document-exchange", "sealed_document", who, document.document_id, START
        )

    assert read(world.semas) == document == read(world.applicant)
    with refused("NOT_HOLDER"):
        read(world.other_applicant)
    with refused("NOT_HOLDER"):
        world.at_application(
            "document-exchange", "confirm_document", world.other_applicant, document.document_id, START
        )
    view = world.at_application("document-exchange", "revoke_consent", world.applicant, given.id, START)
    assert view.state == "revoked"
    with refused("CONSENT_REVOKED"):
        read(world.semas)
    assert read(world.applicant) == document
    with refused("CONSENT_REVOKED"):
        deposit(given, paper(given))


def test_documents_are_destroyed_after_retention_only(given):
    world, document = given.world, paper(given)
    deposit(given, document)

    def destroy(on):
        return world.at_application(
            "document-exchange", "destroy_document", world.semas, document.document_id, on
        )

    with refused("RETENTION"):
        destroy(NOW.date())
    world.at_application("document-exchange", "end_relation", world.semas, given.id, date(2021, 6, 1))
    with refused("RETENTION"):
        destroy(date(2026, 6, 1))
    assert destroy(date(2026, 6, 2)).state == "destroyed"
    assert not world.application.private("semas", "applicants_semas_documents", "document-exchange")
    record = world.ask(world.application, "document-exchange", "document", world.semas, document.document_id)
    assert record.commitments["document"] == document.receipt.letter.body["commitment"]


def test_applicants_letters_go_through_semas(consortium):
    world, relay_id = consortium, new_id()
    sealed = SealedLetter(
        salt=new_id(), concerns=new_id(), ciphertext="c2VhbGVk", wrapped_keys={"semas": "a2V5"}
    )

    def relay(who, recipient, relay_id):
        return world.at_application(
            "document-exchange", "relay_letter", who, relay_id, recipient, START, sealed=sealed
        )

    with refused("WRONG_RECIPIENT"):
        relay(world.applicant, "foundation-seoul", relay_id)
    assert relay(world.applicant, "semas", relay_id).state == "relayed"
    with refused("NOT_HOLDER"):
        world.ask(world.application, "document-exchange", "relayed_letter", world.other_applicant, relay_id)
    answer = new_id()
    relay(world.semas, world.applicant.holder, answer)
    got = world.ask(world.application, "document-exchange", "relayed_letter", world.applicant, answer)
    assert got == sealed


def test_sealing_key_is_its_owners(consortium):
    world = consortium
    body = {"public_key": "ab" * 32}

    def register(who, signer, subject):
        key = world.letter(signer, LetterKind.KEY, "*", subject, body, issuer=signer.msp_id)
        return world.at_application("document-exchange", "register_sealing_key", who, key)

    holder = world.applicant.holder
    assert register(world.applicant, world.applicant, holder).id == holder
    with refused("LETTER_MISMATCH"):
        register(world.other_applicant, world.other_applicant, holder)
    with refused("KEY_SIGNATURE"):
        register(
            world.other_applicant,
            world.authorities["applicants"].issue("x", holder=world.other_applicant.holder),
            world.other_applicant.holder,
        )
    register(world.semas, world.semas, "semas")
    key = world.ask(world.application, "document-exchange", "sealing_key", world.applicant, "semas")
    assert key.letter.body == body


@pytest.fixture
def filled(given):
    world, documents = given.world, []
    for kind in catalogue().common_documents:
        document = world.document(kind, given.id, "semas", world.applicant.holder)
        deposit(given, document, who=catalogue().documents[kind].issuer)
        documents.append(document)
    return SimpleNamespace(
        world=world,
        documents=documents,
        consent_id=given.id,
        form=world.form(given.id, documents),
        id=new_id(),
    )


def hand_in(filled, form=None, who=None, function="apply", **named):
    world = filled.world
    return world.at_application(
        "loan-application",
        function,
        who or world.applicant,
        named.get("application_id", filled.id),
        named.get("on", START),
        form=form or filled.form,
    )


def test_application_once_and_not_edited(filled):
    assert hand_in(filled, function="save_draft").state == "draft"
    edited = filled.form.model_copy(update={"amount_krw": 10_000_000, "salt": new_id()})
    assert hand_in(filled, edited, function="save_draft").state == "draft"
    height = filled.world.application.height
    assert hand_in(filled).state == "applied"
    written = dict(filled.world.application.state_of("loan-application"))
    assert hand_in(filled).state == "applied"
    assert filled.world.application.state_of("loan-application") == written
    assert filled.world.application.height == height + 2
    with refused("EDIT_AFTER_SUBMISSION"):
        hand_in(filled, edited)
    with refused("EDIT_AFTER_SUBMISSION"):
        hand_in(filled, edited, function="save_draft")
    with refused("NOT_HOLDER"):
        hand_in(filled, who=filled.world.other_applicant)


def test_application_needs_its_documents(filled):
    world = filled.world
    with refused("DOCUMENT_MISSING"):
        hand_in(filled, world.form(filled.consent_id, filled.documents[1:]))
    with refused("LETTER_MISMATCH"):
        hand_in(filled, world.form(new_id(), filled.documents))
    with refused("AMOUNT_OVER_LIMIT"):
        hand_in(filled, world.form(filled.consent_id, filled.documents, amount_krw=70_000_001))
    with refused("FUND_UNKNOWN"):
        hand_in(filled, world.form(filled.consent_id, filled.documents, fund="gold"))
    with refused("BUSINESS_NUMBER_INVALID"):
        hand_in(filled, world.form(filled.consent_id, filled.documents, firm=world.firm("123-45-67890")))
    with refused("BAD_ARGUMENT"):
        hand_in(filled, world.form(filled.consent_id, filled.documents, foundation=None))


def test_second_applicant_reads_nothing_of_the_first(filled):
    hand_in(filled)
    world = filled.world
    for function in ("form", "decision", "letter"):
        with refused("NOT_HOLDER"):
            world.ask(world.application, "loan-application", function, world.other_applicant, filled.id)
        with refused("NOT_PERMITTED"):
            world.ask(world.application, "loan-application", function, world.bank_a, filled.id)
    with refused("NOT_HOLDER"):
        world.at_application("loan-application", "withdraw", world.other_applicant, filled.id, START)
    assert world.ask(world.application, "loan-application", "form", world.applicant, filled.id) == filled.form


def review(filled, who=None, form=None, **decision):
    world = filled.world
    values = {
        "approved": True,
        "amount_krw": filled.form.amount_krw,
        "valid_until": START + timedelta(days=90),
    }
    return world.at_application(
        "loan-application",
        "review",
        who or world.semas,
        filled.id,
        START,
        form=form or filled.form,
        decision=ReviewDecision(salt=new_id(), **{**values, **decision}),
    )


def test_review_applies_the_rules(filled):
    world = filled.world
    with refused("UNKNOWN_RECORD"):
        review(filled)
    hand_in(filled)
    with refused("NOT_PERMITTED"):
        review(filled, who=world.applicant)
    with refused("NOT_PERMITTED"):
        review(filled, who=world.authorities["semas"].issue("clerk"))
    with refused("STALE_VALUE"):
        review(filled, form=filled.form.model_copy(update={"amount_krw": 1}))
    with refused("AMOUNT_OVER_LIMIT"):
        review(filled, amount_krw=filled.form.amount_krw + 1)
    with refused("NO_REASON"):
        review(filled, approved=False, amount_krw=0)
    assert review(filled, approved=False, amount_krw=0, reasons=("business plan",)).state == "refused"
    with refused("WRONG_STATE"):
        review(filled)


def test_review_cannot_confirm_what_the_fund_excludes(filled):
    world = filled.world
    young = world.profile().model_copy(update={"business_registered_on": START})
    filled.form = world.form(filled.consent_id, filled.documents, profile=young)
    hand_in(filled)
    with refused("NOT_ELIGIBLE"):
        review(filled)
    assert review(filled, approved=False, amount_krw=0, reasons=("under one year",)).state == "refused"


def test_two_party_writes_need_both(filled):
    world = filled.world
    transient = {"form": filled.form.model_dump(mode="json")}
    for alone in ("applicants", "semas"):
        with failed():
            world.application.submit(
                "loan-application",
                "apply",
                filled.id,
                START,
                transient=transient,
                caller=world.applicant.caller,
                endorsers=[alone],
            )


def test_nothing_without_a_charter(consortium):
    from tests.unit.lending_chaincode.consortium import Consortium

    bare = Consortium()
    with refused("NO_CHARTER"):
        bare.at_application(
            "document-exchange", "give_consent", bare.applicant, new_id(), START, consent=bare.consent()
        )


def test_charter_is_voted_by_a_majority_of_members(consortium):
    world = consortium
    members = world.application.organizations

    def vote(who, charter):
        return world.application.submit("loan-application", "vote_charter", charter, caller=who)

    second = world.charter(*members, version=2)
    with refused("NOT_PERMITTED"):
        vote(world.semas.caller, second)
    with refused("NOT_PERMITTED"):
        vote(world.admins["mss"].caller, second)
    with refused("CHARTER_VERSION"):
        vote(world.admins["semas"].caller, world.charter(*members))
    with refused("CHARTER_INCOMPLETE"):
        vote(world.admins["semas"].caller, world.charter("semas", version=2))
    with refused("CHARTER_INCOMPLETE"):
        vote(world.admins["semas"].caller, {**second, "anchors": {"semas": second["anchors"]["semas"]}})
    leaf = world.semas.pem.decode()
    with refused("CHARTER_INCOMPLETE"):
        vote(world.admins["semas"].caller, {**second, "anchors": {**second["anchors"], "mss": [leaf]}})
    assert vote(world.admins["semas"].caller, second).state == "proposed"
    with refused("ALREADY_VOTED"):
        vote(world.admins["semas"].caller, second)
    assert vote(world.admins["applicants"].caller, second).state == "in-force"
    assert world.ask(world.application, "loan-application", "charter", world.semas).version == 2


def test_another_applicants_letter_under_the_consents_id_replaces_nothing(given):
    world = given.world
    sealed = SealedLetter(
        salt=new_id(), concerns=new_id(), ciphertext="c2VhbGVk", wrapped_keys={"semas": "a2V5"}
    )
    with refused("ALREADY_EXISTS"):
        world.at_application(
            "document-exchange",
            "relay_letter",
            world.other_applicant,
            given.id,
            "semas",
            START,
            sealed=sealed,
        )
    kept = world.ask(world.application, "document-exchange", "consent", world.applicant, given.id)
    assert kept == given.consent


def test_anothers_receipts_prove_nothing(filled):
    world, other = filled.world, filled.world.other_applicant
    form = world.form(filled.consent_id, filled.documents, holder=other.holder)
    with refused("LETTER_MISMATCH"):
        hand_in(filled, form, who=other, application_id=new_id())


def test_no_holder_is_called_like_an_organization(consortium):
    world = consortium
    posing = world.authorities["applicants"].issue("x", holder="semas")
    key = world.letter(posing, LetterKind.KEY, "*", "semas", {"public_key": "ab" * 32})
    with refused("NOT_PERMITTED"):
        world.at_application("document-exchange", "register_sealing_key", posing, key)


def test_deposit_before_the_consent_was_given(given):
    with refused("CONSENT_NOT_YET_GIVEN"):
        deposit(given, paper(given), on=START - timedelta(days=1))


def test_delivered_letter_says_what_was_confirmed(filled):
    world = filled.world
    hand_in(filled)
    decision = ReviewDecision(
        salt=new_id(), approved=True, amount_krw=40_000_000, valid_until=START + timedelta(days=90)
    )
    world.at_application(
        "loan-application", "review", world.semas, filled.id, START, form=filled.form, decision=decision
    )

    def deliver(letter, decision=decision, form=filled.form):
        return world.at_application(
            "loan-application",
            "deliver_letter",
            world.semas,
            filled.id,
            START,
            letter=letter,
            form=form,
            decision=decision,
        )

    more = filled.form
    less = more.model_copy(update={"amount_krw": 40_000_000})
    with refused("LETTER_MISMATCH"):
        deliver(world.confirmation(more, filled.id))
    with refused("LETTER_ADDRESSEE"):
        deliver(world.confirmation(less, filled.id, "foundation-gyeonggi"))
    with refused("STALE_VALUE"):
        larger = decision.model_copy(update={"amount_krw": 50_000_000})
        deliver(world.confirmation(more, filled.id), decision=larger)
    with refused("STALE_VALUE"):
        deliver(world.confirmation(less, filled.id), form=less)
    assert deliver(world.confirmation(less, filled.id)).state == "lettered"
