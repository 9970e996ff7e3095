"""Direct loans by SEMAS; and what a stranger to a record can find on the ledger."""

import hashlib
import json
from datetime import timedelta
from decimal import Decimal

from lending_domain.canonical import canonical, plain
from lending_domain.letters import LetterKind
from lending_domain.loan_events import Payoff
from lending_domain.loan_state import advance
from lending_domain.model import model2
from lending_domain.records_evaluation import Referral
from lending_domain.servicing import fold
from tests.unit.lending_chaincode.consortium import FOUNDED, START, new_id, refused
from tests.unit.lending_chaincode.steps import applied, cleared, forwarded, quarter_day


def test_semas_evaluates_and_lends_directly(consortium):
    world = consortium
    admin = world.admins["semas"]
    digest = model2().digest
    view = world.at_application("credit-evaluation", "propose_model", admin, plain(model2()), FOUNDED)
    assert view.state == "carried"
    world.at_application("credit-evaluation", "activate_model", admin, digest, FOUNDED, FOUNDED)
    table = world.thresholds(35_000_000)
    alone = {"caller": admin.caller, "endorsers": ["semas"], "transient": {"table": plain(table)}}
    view = world.application.submit("credit-evaluation", "vote_threshold", new_id(), **alone)
    assert view.state == "active"
    form = world.form(new_id(), [], foundation=None, loan_type="direct")
    letter = world.confirmation(form, new_id(), "semas")
    referral_id = new_id()
    world.at_application(
        "credit-evaluation",
        "refer",
        world.semas,
        referral_id,
        "semas",
        START,
        referral=Referral(salt=new_id(), letter=letter),
    )
    evaluation = world.evaluation()
    view = world.application.submit(
        "credit-evaluation",
        "evaluate",
        referral_id,
        START,
        transient={"evaluation": plain(evaluation)},
        caller=world.semas.caller,
        endorsers=["semas"],
    )
    assert view.state == "evaluated"
    contract = world.contract(letter)
    rules = contract.disbursement.servicing.model_copy(update={"coverage": Decimal(0)})
    contract = contract.model_copy(
        update={"disbursement": contract.disbursement.model_copy(update={"servicing": rules})}
    )
    loan_id = new_id()
    view = world.at_application("loan-execution", "execute", world.semas, loan_id, START, contract=contract)
    assert view.state == "executed"
    with refused("LETTER_USED"):
        world.at_application("loan-execution", "execute", world.semas, new_id(), START, contract=contract)
    head = world.ask(world.application, "loan-execution", "head", world.applicant, loan_id)
    on = quarter_day(1)
    event = Payoff(on=on, amount=advance(fold(head.events), on).payoff)
    view = world.at_application(
        "loan-execution",
        "pay_off",
        world.semas,
        loan_id,
        on,
        head=head,
        entry={"salt": new_id(), "event": plain(event)},
    )
    assert view.state == "executed"


def test_public_state_tells_nothing_and_private_values_cannot_be_guessed(consortium):
    world, guarantee_id, loan_id, bundle_id = consortium, new_id(), new_id(), new_id()
    form, letter, documents, consent, consent_id = applied(world)
    forwarded(world, documents, consent, consent_id, bundle_id)
    referral_id = cleared(world, letter, guarantee_id, bundle_id)
    file = world.file(referral_id)
    world.at_guarantee("issue", world.seoul, guarantee_id, "bank-a", START, file=file)
    world.executed(loan_id, guarantee_id, file)
    world.at_guarantee("accept", world.bank_a, guarantee_id, loan_id, START + timedelta(days=1), file=file)

    number = form.firm.business_number
    told = [form.firm.name, form.firm.representative, form.firm.representative_link, number]
    told += [number.replace("-", ""), str(form.amount_krw), str(file.guaranteed_krw), '"general"']
    told += [str(world.evaluation().result.total)]
    guesses = {hashlib.sha256(canonical(one)).hexdigest() for one in [*told, form.amount_krw]}
    guesses |= {hashlib.sha256(one.encode()).hexdigest() for one in told}
    ledgers = (world.application, world.referral, world.guarantee, world.execution)
    governed = ("charter", "model", "letter/key")
    seen = 0
    for ledger in ledgers:
        for transaction in ledger.transactions:
            assert not any(one.encode() in transaction.result for one in told)
            assert set(json.loads(transaction.result)) == {"id", "state"}
        for chaincode in ("document-exchange", "loan-application", "credit-evaluation", "guarantee"):
            try:
                state = ledger.state_of(chaincode)
            except ValueError:
                continue
            for key, value in state.items():
                if not key.startswith(governed):
                    text = key + value.decode()
                    assert not any(one in text for one in [*told, *guesses]), key
        for event in ledger.events:
            assert set(json.loads(event.payload)) == {"id", "state"}
    holdings = [
        (world.application, "semas", "document-exchange", "applicants_semas"),
        (world.application, "semas", "document-exchange", "applicants_semas_documents"),
        (world.application, "semas", "loan-application", "applicants_semas"),
        (world.referral, "foundation-seoul", "document-exchange", "semas_foundation-seoul"),
        (world.referral, "foundation-seoul", "credit-evaluation", "semas_foundation-seoul"),
        (world.referral, "foundation-seoul", "credit-evaluation", "foundation-seoul"),
        (world.referral, "foundation-seoul", "credit-evaluation", "foundations"),
        (world.guarantee, "bank-a", "guarantee", "foundation-seoul_bank-a"),
        (world.execution, "bank-a", "loan-execution", "applicants_bank-a"),
    ]
    for ledger, organization, chaincode, collection in holdings:
        for value in ledger.private(organization, collection, chaincode).values():
            fields = json.loads(value)
            random = fields.get("salt") or fields["letter"]["nonce"]
            assert len(random) >= 32
            assert hashlib.sha256(value).hexdigest() not in guesses
            seen += any(one in value.decode() for one in told)
    # The control: the same scan over the parties' own stores does find the values.
    assert seen >= 5
    assert letter.letter.kind is LetterKind.CONFIRMATION
