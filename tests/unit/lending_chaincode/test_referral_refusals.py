"""What credit-evaluation and document-exchange refuse on `referral`."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from hlf_chaincode import key_policy
from hlf_chaincode.errors import PeerError
from lending_domain.canonical import plain
from lending_domain.form import Screening
from lending_domain.letters import LetterKind
from lending_domain.model import model2
from lending_domain.records_documents import SealedLetter
from lending_domain.records_evaluation import Override, OverrideRequest, Referral, Reservation
from lending_domain.records_letters import ReleaseBody, RevocationBody
from tests.unit.lending_chaincode.consortium import START, failed, new_id, refused
from tests.unit.lending_chaincode.steps import applied, cleared, forwarded


@pytest.fixture
def confirmed(consortium):
    """A form, and SEMAS's confirmation letter for it to Seoul."""
    form = consortium.form(new_id(), [])
    return SimpleNamespace(world=consortium, form=form, letter=consortium.confirmation(form, new_id()))


def refer(world, letter, foundation="foundation-seoul", **named):
    referral_id = named.get("referral_id") or new_id()
    world.hand_over(
        "credit-evaluation",
        "refer",
        referral_id,
        foundation,
        named.get("on", START),
        referral=Referral(salt=new_id(), letter=letter),
        foundation=foundation,
    )
    return referral_id


def evaluate(world, referral_id, evaluation, who=None):
    return world.at_foundation("evaluate", who or world.seoul, referral_id, START, evaluation=evaluation)


def reserve(world, referral_id, who=None, guarantee_id=None, function="reserve_support"):
    reservation = Reservation(salt=new_id(), guarantee_id=guarantee_id or new_id(), bank="bank-a")
    return world.at_foundation(function, who or world.seoul, referral_id, START, reservation=reservation)


def test_letter_to_another_foundation_twice_forged_expired(confirmed):
    world, form = confirmed.world, confirmed.form
    with refused("LETTER_ADDRESSEE"):
        refer(world, confirmed.letter, foundation="foundation-gyeonggi")
    with refused("LETTER_EXPIRED"):
        refer(world, confirmed.letter, on=START + timedelta(days=91))
    with refused("LETTER_EXPIRED"):
        refer(world, world.confirmation(form, new_id(), issued_at=world.referral.time - timedelta(days=31)))
    with refused("LETTER_UNTRUSTED_SIGNER"):
        forger = world.authorities["bank-a"].issue("officer", role="officer")
        body = confirmed.letter.letter.body
        refer(
            world,
            world.letter(forger, LetterKind.CONFIRMATION, "foundation-seoul", new_id(), body, issuer="semas"),
        )
    with refused("LETTER_SIGNER_ROLE"):
        clerk = world.authorities["semas"].issue("clerk")
        refer(
            world,
            world.letter(
                clerk, LetterKind.CONFIRMATION, "foundation-seoul", new_id(), confirmed.letter.letter.body
            ),
        )
    refer(world, confirmed.letter)
    with refused("LETTER_USED"):
        refer(world, confirmed.letter)


def test_score_off_by_one_unit(confirmed):
    world = confirmed.world
    referral_id = refer(world, confirmed.letter)
    honest = world.evaluation()
    for change in (1, -1):
        altered = honest.result.model_copy(update={"total": honest.result.total + change})
        with refused("SCORE_MISMATCH"):
            evaluate(world, referral_id, honest.model_copy(update={"result": altered}))
    first = honest.result.items[0].model_copy(update={"points": honest.result.items[0].points + 1})
    altered = honest.result.model_copy(update={"items": (first, *honest.result.items[1:])})
    with refused("RESULT_MISMATCH"):
        evaluate(world, referral_id, honest.model_copy(update={"result": altered}))
    with refused("RESULT_MISMATCH"):
        evaluate(world, referral_id, honest.model_copy(update={"guaranteeable": False}))
    assert evaluate(world, referral_id, honest).state == "evaluated"
    with refused("WRONG_STATE"):
        evaluate(world, referral_id, honest)


def test_filter_first_and_form(confirmed):
    world = confirmed.world
    referral_id = refer(world, confirmed.letter)
    honest = world.evaluation()
    late = Screening(sector="retail", regular_workers=2, business_open=True, tax_arrears=True)
    with refused("TAX_ARREARS"):
        evaluate(world, referral_id, honest.model_copy(update={"screening": late}))
    other = Screening(sector="manufacturing", regular_workers=2, business_open=True)
    with refused("FORM_INVALID"):
        evaluate(world, referral_id, honest.model_copy(update={"screening": other}))
    contradicting = honest.form.model_copy(update={"lender_count": 0})
    with refused("LENDERS_MISSING"):
        evaluate(world, referral_id, honest.model_copy(update={"form": contradicting}))
    with refused("MODEL_NOT_ACTIVE"):
        evaluate(world, referral_id, honest.model_copy(update={"model_digest": "0" * 64}))
    assert world.at_foundation("decline", world.seoul, referral_id, START).state == "declined"


def test_evaluation_is_its_foundations_own(confirmed):
    world = confirmed.world
    referral_id = refer(world, confirmed.letter)
    with refused("NOT_PARTY"):
        evaluate(world, referral_id, world.evaluation(), who=world.gyeonggi)
    with refused("NOT_PERMITTED"):
        evaluate(world, referral_id, world.evaluation(), who=world.authorities["foundation-seoul"].issue("x"))
    evaluation = world.evaluation()
    evaluate(world, referral_id, evaluation)

    def ask(who, function="evaluation", *args):
        return world.ask(world.referral, "credit-evaluation", function, who, *(args or (referral_id,)))

    assert ask(world.seoul) == evaluation
    with refused("NOT_EVALUATOR"):
        ask(world.gyeonggi)
    with refused("NOT_EVALUATOR"):
        ask(world.semas)
    with refused("NOT_PARTY"):
        ask(world.gyeonggi, "referral_letter")
    assert ask(world.seoul, "stored", "foundation-seoul", referral_id)
    with pytest.raises(PeerError):
        ask(world.gyeonggi, "stored", "foundation-seoul", referral_id)
    with pytest.raises(PeerError):
        ask(world.semas, "stored", "foundations", referral_id)
    with pytest.raises(PeerError):
        world.referral.evaluate(
            "credit-evaluation",
            "stored",
            "foundation-seoul",
            referral_id,
            caller=world.gyeonggi.caller,
            peer="foundation-seoul",
        )


def test_another_foundation_cannot_endorse(confirmed):
    world = confirmed.world
    referral_id = refer(world, confirmed.letter)
    assert world.referral.policy_of(f"referral/{referral_id}", chaincode="credit-evaluation") == key_policy(
        ["foundation-seoul"]
    )
    transient = {
        "referral": plain(Referral(salt=new_id(), letter=world.confirmation(confirmed.form, new_id())))
    }
    for endorsers in (["semas"], ["foundation-seoul"], ["semas", "foundation-gyeonggi"]):
        with failed():
            world.referral.submit(
                "credit-evaluation",
                "refer",
                new_id(),
                "foundation-seoul",
                START,
                transient=transient,
                caller=world.semas.caller,
                endorsers=endorsers,
            )
    with failed():
        world.referral.submit(
            "credit-evaluation",
            "decline",
            referral_id,
            START,
            caller=world.seoul.caller,
            endorsers=["foundation-gyeonggi", "semas"],
        )


def low(world):
    """An evaluation below the threshold."""
    form = world.evaluation().form.model_copy(
        update={"total_borrowing_krw": 900_000_000, "annual_sales_krw": 1, "rent_deposit_krw": 0}
    )
    evaluation = world.evaluation(form=form)
    assert not evaluation.guaranteeable
    return evaluation


def test_below_the_threshold_two_officers_must_differ(confirmed):
    world = confirmed.world
    referral_id = refer(world, confirmed.letter)
    with refused("WRONG_STATE"):
        reserve(world, referral_id)
    evaluate(world, referral_id, low(world))
    with refused("BELOW_THRESHOLD"):
        reserve(world, referral_id)

    def override(who):
        request = OverrideRequest(
            salt=new_id(), ground="outside-the-model", reason="orders for three years in hand"
        )
        return world.at_foundation("override", who, referral_id, START, request=request)

    override(world.seoul)
    with refused("BELOW_THRESHOLD"):
        reserve(world, referral_id)
    with refused("SAME_OFFICER"):
        override(world.seoul)
    override(world.seoul_reviewer)
    with refused("WRONG_STATE"):
        override(world.authorities["foundation-seoul"].issue("third", role="evaluator"))
    stored = world.ask(
        world.referral,
        "credit-evaluation",
        "stored",
        world.seoul,
        "foundation-seoul",
        f"{referral_id}.override",
    )
    assert len(Override.model_validate_json(stored).reasons) == 2
    assert reserve(world, referral_id).state == "cleared"


def test_firm_is_supported_once(confirmed):
    world, form = confirmed.world, confirmed.form
    seoul = refer(world, confirmed.letter)
    gyeonggi = refer(
        world, world.confirmation(form, new_id(), "foundation-gyeonggi"), foundation="foundation-gyeonggi"
    )
    evaluate(world, seoul, world.evaluation())
    evaluate(world, gyeonggi, world.evaluation(), who=world.gyeonggi)

    def endorse(referral_id, who):
        reservation = Reservation(salt=new_id(), guarantee_id=new_id(), bank="bank-a")
        return world.referral.endorse(
            "credit-evaluation",
            "reserve_support",
            referral_id,
            START,
            transient={"reservation": plain(reservation)},
            caller=who.caller,
            endorsers=[who.msp_id],
        )

    both = endorse(seoul, world.seoul), endorse(gyeonggi, world.gyeonggi)
    # In one block the first entry's key-level policy comes before the version check of the second.
    assert world.referral.commit(*both) == ["VALID", "ENDORSEMENT_POLICY_FAILURE"]
    with refused("DUPLICATE_SUPPORT"):
        reserve(world, gyeonggi, who=world.gyeonggi)
    # One representative with a second registration is the same person.
    second = form.firm.model_copy(update={"business_number": "220-81-62517"})
    again = form.model_copy(update={"firm": second})
    twice = refer(
        world, world.confirmation(again, new_id(), "foundation-gyeonggi"), foundation="foundation-gyeonggi"
    )
    evaluate(world, twice, world.evaluation(), who=world.gyeonggi)
    with refused("DUPLICATE_SUPPORT"):
        reserve(world, twice, who=world.gyeonggi)
    index = world.referral.private("foundation-gyeonggi", "foundations", "credit-evaluation")
    assert not [key for key in index if form.firm.business_number.replace("-", "") in key]


def test_rekeyed_entries_still_hold_and_release(confirmed):
    world, form, guarantee_id = confirmed.world, confirmed.form, new_id()
    referral_id = cleared(world, confirmed.letter, guarantee_id)
    with refused("NOT_NEEDED"):
        reserve(world, referral_id, guarantee_id=guarantee_id, function="rekey_support")
    secret = {"salt": new_id(), "key_version": 2, "secret": "cd" * 32}
    with refused("KEY_VERSION"):
        world.at_foundation(
            "share_duplicate_key", world.admins["foundation-seoul"], secret={**secret, "key_version": 3}
        )
    with failed():
        world.at_foundation("share_duplicate_key", world.admins["foundation-seoul"], secret=secret)
    world.referral.submit(
        "credit-evaluation",
        "share_duplicate_key",
        transient={"secret": secret},
        caller=world.admins["foundation-seoul"].caller,
        endorsers=["foundation-seoul", "foundation-gyeonggi"],
    )
    other = refer(
        world, world.confirmation(form, new_id(), "foundation-gyeonggi"), foundation="foundation-gyeonggi"
    )
    evaluate(world, other, world.evaluation(), who=world.gyeonggi)
    with refused("DUPLICATE_SUPPORT"):
        reserve(world, other, who=world.gyeonggi)
    reserve(world, referral_id, guarantee_id=guarantee_id, function="rekey_support")
    with refused("DUPLICATE_SUPPORT"):
        reserve(world, other, who=world.gyeonggi)

    def release(signer, **changes):
        values = {"referral_id": referral_id, "guarantee_id": guarantee_id, "closed_on": START}
        letter = world.letter(
            signer, LetterKind.RELEASE, "foundation-seoul", new_id(), ReleaseBody(**{**values, **changes})
        )
        return world.at_foundation("release", world.seoul, referral_id, START, letter=letter)

    with refused("LETTER_ISSUER"):
        release(world.bank_b)
    with refused("LETTER_MISMATCH"):
        release(world.bank_a, guarantee_id=new_id())
    with refused("DATE_BACKWARDS"):
        release(world.bank_a, closed_on=START + timedelta(days=1))
    assert release(world.bank_a).state == "released"
    with refused("WRONG_STATE"):
        release(world.bank_a)
    assert reserve(world, other, who=world.gyeonggi).state == "cleared"


def test_governance_is_the_administrators(consortium):
    world = consortium
    seoul, gyeonggi = (world.admins[one] for one in ("foundation-seoul", "foundation-gyeonggi"))
    with refused("NOT_PERMITTED"):
        world.at_foundation("vote_threshold", world.seoul, new_id(), table=world.thresholds(1))
    with refused("NOT_PERMITTED"):
        world.at_foundation(
            "share_duplicate_key",
            world.seoul,
            secret={"salt": new_id(), "key_version": 2, "secret": "cd" * 32},
        )
    with refused("NOT_PERMITTED"):
        world.referral.submit(
            "credit-evaluation", "vote_model", model2().digest, START, caller=world.admins["semas"].caller
        )
    with refused("WRONG_STATE"):
        world.referral.submit(
            "credit-evaluation",
            "vote_model",
            model2().digest,
            START,
            caller=world.admins["foundation-seoul"].caller,
        )
    with refused("UNKNOWN_MODEL"):
        world.referral.submit("credit-evaluation", "vote_model", "0" * 64, START, caller=seoul.caller)
    table, threshold_id = world.thresholds(1), new_id()
    world.at_foundation("vote_threshold", seoul, threshold_id, table=table)
    with refused("ALREADY_VOTED"):
        world.at_foundation("vote_threshold", seoul, threshold_id, table=table)
    with refused("THRESHOLD_DIFFERS"):
        world.at_foundation("vote_threshold", gyeonggi, threshold_id, table=world.thresholds(2))
    with refused("THRESHOLD_VERSION"):
        world.at_foundation("vote_threshold", gyeonggi, threshold_id, table=table)


def test_a_second_table_needs_a_majority_of_the_evaluators(consortium):
    world = consortium
    table = world.thresholds(1).model_copy(update={"version": 2})
    threshold_id = new_id()
    seoul, gyeonggi = (world.admins[one] for one in ("foundation-seoul", "foundation-gyeonggi"))
    world.at_foundation("vote_threshold", seoul, threshold_id, table=table)
    with failed():
        world.at_foundation("vote_threshold", gyeonggi, threshold_id, table=table)
    view = world.referral.submit(
        "credit-evaluation",
        "vote_threshold",
        threshold_id,
        transient={"table": plain(table)},
        caller=gyeonggi.caller,
        endorsers=["foundation-seoul", "foundation-gyeonggi"],
    )
    assert view.state == "active"


def test_evidence_reaches_the_foundation_until_revoked(consortium):
    world, bundle_id = consortium, new_id()
    _, _, documents, consent, consent_id = applied(world)
    narrow = consent.model_copy(update={"recipients": ("semas", "foundation-gyeonggi")})
    with refused("NOT_IN_CONSENT"):
        forwarded(world, documents, narrow, consent_id, bundle_id)
    with refused("LETTER_MISMATCH"):
        forwarded(world, documents, consent, new_id(), bundle_id)
    forwarded(world, documents, consent, consent_id, bundle_id)
    with refused("ALREADY_EXISTS"):
        forwarded(world, documents, consent, consent_id, bundle_id)

    def read(who, on=START):
        return world.ask(world.referral, "document-exchange", "evidence", who, bundle_id, on)

    assert read(world.seoul).consent_id == consent_id

    def destroy(who, on, ended_on):
        return world.referral.endorse(
            "document-exchange",
            "destroy_evidence",
            bundle_id,
            on,
            ended_on,
            caller=who.caller,
            endorsers=["semas", "foundation-seoul"],
        )

    with refused("RETENTION"):
        destroy(world.seoul, START + timedelta(days=1826), START)
    with refused("DATE_BACKWARDS"):
        destroy(world.seoul, START + timedelta(days=1826), START - timedelta(days=1))
    with refused("NOT_PARTY"):
        destroy(world.gyeonggi, START + timedelta(days=1827), START)
    with refused("NOT_PARTY"):
        read(world.gyeonggi)
    with refused("CONSENT_EXPIRED"):
        read(world.seoul, START + timedelta(days=366))
    body = RevocationBody(revoked_on=START)
    letter = world.letter(world.semas, LetterKind.REVOCATION, "foundation-seoul", consent_id, body)
    view = world.hand_over(
        "document-exchange", "record_revocation", consent_id, "foundation-seoul", START, letter=letter
    )
    assert view.state == "revoked"
    with refused("CONSENT_REVOKED"):
        read(world.seoul)
    with refused("CONSENT_REVOKED"):
        forwarded(world, documents, consent, consent_id, new_id())
    assert world.referral.private("semas", "semas_foundation-seoul", "document-exchange")
    assert world.referral.commit(destroy(world.seoul, START + timedelta(days=1827), START)) == ["VALID"]
    assert not world.referral.private("semas", "semas_foundation-seoul", "document-exchange")


def test_one_officer_with_two_certificates_is_no_second_officer(confirmed):
    world = confirmed.world
    referral_id = refer(world, confirmed.letter)
    evaluate(world, referral_id, low(world))

    def override(who):
        request = OverrideRequest(
            salt=new_id(), ground="outside-the-model", reason="orders for three years in hand"
        )
        return world.at_foundation("override", who, referral_id, START, request=request)

    override(world.seoul)
    with refused("SAME_OFFICER"):
        override(world.authorities["foundation-seoul"].issue("evaluator", role="evaluator"))


def test_reservation_names_a_bank(confirmed):
    world = confirmed.world
    referral_id = refer(world, confirmed.letter)
    evaluate(world, referral_id, world.evaluation())
    own = Reservation(salt=new_id(), guarantee_id=new_id(), bank="foundation-seoul")
    with refused("BAD_ARGUMENT"):
        world.at_foundation("reserve_support", world.seoul, referral_id, START, reservation=own)


def test_a_relayed_letter_replaces_no_evidence(consortium):
    world, bundle_id = consortium, new_id()
    _, _, documents, consent, consent_id = applied(world)
    forwarded(world, documents, consent, consent_id, bundle_id)
    sealed = SealedLetter(
        salt=new_id(), concerns=new_id(), ciphertext="c2VhbGVk", wrapped_keys={"foundation-seoul": "a2V5"}
    )
    with refused("ALREADY_EXISTS"):
        world.hand_over(
            "document-exchange", "relay_letter", bundle_id, "foundation-seoul", START, sealed=sealed
        )
    assert world.ask(world.referral, "document-exchange", "evidence", world.seoul, bundle_id, START)
