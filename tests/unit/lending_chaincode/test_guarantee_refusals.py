"""What guarantee refuses, and every step endorsed by one party alone."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from hlf_chaincode import key_policy, majority_of
from lending_domain.canonical import plain
from lending_domain.loan_events import (
    Acceleration,
    Accident,
    Closing,
    Payoff,
    Recovery,
    Repayment,
    Subrogation,
)
from lending_domain.loan_state import advance
from lending_domain.records_servicing import Entry, SubrogationClaim, owed_on
from lending_domain.servicing import fold
from tests.unit.lending_chaincode.consortium import BANKS, FOUNDATIONS, START, failed, new_id, refused
from tests.unit.lending_chaincode.steps import quarter_day


def entry(event):
    return Entry(salt=new_id(), event=event)


@pytest.fixture
def issued(consortium):
    guarantee_id, file = new_id(), consortium.file(new_id())
    consortium.at_guarantee("issue", consortium.seoul, guarantee_id, "bank-a", START, file=file)
    return SimpleNamespace(world=consortium, id=guarantee_id, file=file, loan=new_id())


def stored(case):
    return case.world.ask(case.world.guarantee, "guarantee", "file", case.world.seoul, case.id)


def accept(case, who=None, on=START, **named):
    world = case.world
    return world.at_guarantee(
        "accept", who or world.bank_a, case.id, case.loan, on, file=named.pop("file", case.file), **named
    )


def test_issue(consortium):
    world = consortium

    def issue(who=world.seoul, bank="bank-a", on=START, **changes):
        return world.at_guarantee("issue", who, new_id(), bank, on, file=world.file(new_id(), **changes))

    with refused("NOT_PERMITTED"):
        issue(who=world.bank_a)
    with refused("NOT_PERMITTED"):
        issue(who=world.authorities["foundation-seoul"].issue("clerk"))
    with refused("BAD_ARGUMENT"):
        issue(bank="semas")
    with refused("OVER_COVERAGE"):
        issue(guaranteed_krw=50_000_000)
    with refused("AMOUNT_OVER_LIMIT"):
        issue(principal_krw=80_000_000, guaranteed_krw=68_000_000)
    with refused("GUARANTEE_EXPIRED"):
        issue(on=START + timedelta(days=61))
    with refused("FUND_UNKNOWN"):
        issue(fund="gold")


def test_letter_is_the_two_parties_own(issued):
    world = issued.world
    assert world.guarantee.policy_of(f"guarantee/{issued.id}") == key_policy(["foundation-seoul", "bank-a"])
    with refused("NOT_PARTY"):
        accept(issued, who=world.bank_b)
    with refused("NOT_PERMITTED"):
        accept(issued, who=world.seoul)
    with refused("NOT_PARTY"):
        world.ask(world.guarantee, "guarantee", "file", world.gyeonggi, issued.id)
    with refused("STALE_VALUE"):
        accept(issued, file=issued.file.model_copy(update={"valid_until": START + timedelta(days=900)}))
    with refused("GUARANTEE_EXPIRED"):
        accept(issued, on=START + timedelta(days=61))
    with refused("BAD_ARGUMENT"):
        world.at_guarantee("accept", world.bank_a, issued.id, "x", START, file=issued.file)
    assert accept(issued).state == "accepted"
    with refused("WRONG_STATE"):
        accept(issued)
    with refused("WRONG_STATE"):
        world.at_guarantee("cancel", world.seoul, issued.id, START)
    assert not world.ask(world.guarantee, "guarantee", "guarantees", world.bank_b, "")
    assert len(world.ask(world.guarantee, "guarantee", "guarantees", world.seoul, "accepted")) == 1


def test_cancelled_is_not_accepted(issued):
    issued.world.at_guarantee("cancel", issued.world.seoul, issued.id, START)
    with refused("WRONG_STATE"):
        accept(issued)


def test_one_party_alone_writes_nothing(issued):
    world = issued.world
    for alone in (["foundation-seoul"], ["bank-a"], ["foundation-seoul", "bank-b"]):
        with failed():
            accept(issued, endorsers=alone)
        with failed():
            world.guarantee.submit(
                "guarantee",
                "issue",
                new_id(),
                "bank-a",
                START,
                transient={"file": plain(world.file(new_id()))},
                caller=world.seoul.caller,
                endorsers=alone,
            )
    assert len(FOUNDATIONS) == len(BANKS) == 2
    assert accept(issued).state == "accepted"


@pytest.fixture
def broken(issued):
    """An accepted guarantee whose loan is accelerated and under accident on `execution`."""
    world = issued.world
    accept(issued)
    world.executed(issued.loan, issued.id, issued.file)
    day = quarter_day(1) + timedelta(days=40)
    world.serve("accelerate", issued.loan, Acceleration(on=day, notified_on=day - timedelta(days=15)))
    issued.accident = Accident(on=day, occurred_on=day, reason="arrears")
    world.serve("report_accident", issued.loan, issued.accident)
    issued.day = day
    return issued


def step(case, function, who, on, **private):
    return case.world.at_guarantee(
        function, who, case.id, on, file=private.pop("file", None) or stored(case), **private
    )


def notify(case):
    return step(case, "notify_accident", case.world.bank_a, case.day, entry=entry(case.accident))


def claim(case, events=None):
    events = events or case.world.head(case.loan).events
    return step(
        case, "claim", case.world.bank_a, case.day, claim=SubrogationClaim(salt=new_id(), events=events)
    )


def test_order_from_accident_to_closing(broken):
    world, day = broken.world, broken.day
    events = world.head(broken.loan).events
    with refused("WRONG_STATE"):
        claim(broken)
    late = Accident(on=day, occurred_on=day - timedelta(days=61), reason="closure")
    with refused("ACCIDENT_NOTICE_DEADLINE"):
        step(broken, "notify_accident", world.bank_a, day, entry=entry(late))
    with refused("NOT_PERMITTED"):
        step(broken, "notify_accident", world.seoul, day, entry=entry(broken.accident))
    with refused("BAD_ARGUMENT"):
        step(broken, "notify_accident", world.bank_a, day, entry=entry(Repayment(on=day, amount=1)))
    with refused("BAD_ARGUMENT"):
        step(broken, "notify_accident", world.bank_a, day - timedelta(days=1), entry=entry(broken.accident))
    before = stored(broken)
    assert notify(broken).state == "accident"
    with refused("STALE_VALUE"):
        step(
            broken,
            "claim",
            world.bank_a,
            day,
            file=before,
            claim=SubrogationClaim(salt=new_id(), events=events),
        )
    with refused("NOT_PERMITTED"):
        step(broken, "close", world.seoul, day, entry=entry(Closing(on=day, outcome="repaid")))
    bigger = events[0].model_copy(
        update={"terms": events[0].terms.model_copy(update={"principal": 60_000_000})}
    )
    for wrong in ((bigger, *events[1:]), events[:-1], (*events[:-1], late)):
        with refused("CLAIM_MISMATCH"):
            claim(broken, wrong)
    assert claim(broken).state == "claimed"
    paid_on = day + timedelta(days=30)
    owed = owed_on(stored(broken), paid_on)
    for amount, on in ((owed + 1, paid_on), (owed - 1, paid_on), (owed, paid_on + timedelta(days=9))):
        with refused("SUBROGATION_AMOUNT"):
            step(broken, "subrogate", world.seoul, on, entry=entry(Subrogation(on=on, amount=amount)))
    with refused("NOT_PERMITTED"):
        step(
            broken,
            "subrogate",
            world.bank_a,
            paid_on,
            entry=entry(Subrogation(on=paid_on, amount=owed)),
        )
    payment = entry(Subrogation(on=paid_on, amount=owed))
    assert step(broken, "subrogate", world.seoul, paid_on, entry=payment).state == "subrogated"
    with refused("OVERPAYMENT"):
        step(
            broken,
            "record_recovery",
            world.seoul,
            paid_on,
            entry=entry(Recovery(on=paid_on, amount=900_000_000)),
        )
    with refused("DATE_BEFORE_LAST_EVENT"):
        step(broken, "record_recovery", world.seoul, day, entry=entry(Recovery(on=day, amount=1)))
    step(broken, "record_recovery", world.bank_a, paid_on, entry=entry(Recovery(on=paid_on, amount=500_000)))
    for outcome in ("repaid", "recovered"):
        with refused("CLOSING_OUTCOME"):
            step(
                broken,
                "close",
                world.seoul,
                paid_on,
                entry=entry(Closing(on=paid_on, outcome=outcome)),
            )
    with refused("NOT_PERMITTED"):
        step(
            broken,
            "close",
            world.bank_a,
            paid_on,
            entry=entry(Closing(on=paid_on, outcome="written-off")),
        )
    closing = entry(Closing(on=paid_on, outcome="written-off"))
    assert step(broken, "close", world.seoul, paid_on, entry=closing).state == "closed"
    with refused("WRONG_STATE"):
        step(broken, "record_recovery", world.seoul, paid_on, entry=entry(Recovery(on=paid_on, amount=1)))


def test_repaid_is_closed_by_the_bank(issued):
    world = issued.world
    accept(issued)
    with refused("CLOSING_OUTCOME"):
        step(
            issued,
            "close",
            world.bank_a,
            START,
            entry=entry(Closing(on=START, outcome="written-off")),
        )
    with refused("NOT_PERMITTED"):
        step(issued, "close", world.seoul, START, entry=entry(Closing(on=START, outcome="repaid")))
    view = step(issued, "close", world.bank_a, START, entry=entry(Closing(on=START, outcome="repaid")))
    assert view.state == "closed"


def test_repaid_after_accident_or_claim_is_closed_by_the_bank(broken):
    world, day = broken.world, broken.day
    notify(broken)
    claim(broken)
    with refused("CLOSING_OUTCOME"):
        step(broken, "close", world.bank_a, day, entry=entry(Closing(on=day, outcome="written-off")))
    payoff = advance(fold(world.head(broken.loan).events), day).payoff
    world.serve("pay_off", broken.loan, Payoff(on=day, amount=payoff))
    assert world.serve("close", broken.loan, Closing(on=day, outcome="repaid")) == "closed"
    view = step(broken, "close", world.bank_a, day, entry=entry(Closing(on=day, outcome="repaid")))
    assert view.state == "closed"


def test_claim_is_made_again_when_the_borrower_paid_meanwhile(broken):
    world, day = broken.world, broken.day
    notify(broken)
    claim(broken)
    before = owed_on(stored(broken), day)
    laid_open = world.head(broken.loan).events
    world.serve("repay", broken.loan, Repayment(on=day, amount=1_000_000))
    shorter = (*laid_open[:-2], laid_open[-1])
    with refused("CLAIM_MISMATCH"):
        claim(broken, shorter)
    assert claim(broken).state == "claimed"
    assert owed_on(stored(broken), day) < before
    owed = advance(fold(world.head(broken.loan).events), day).subrogation_amount
    payment = entry(Subrogation(on=day, amount=owed))
    assert step(broken, "subrogate", world.seoul, day, entry=payment).state == "subrogated"


def test_two_peers_alone_replace_no_charter(consortium):
    """The chaincode's policy is met by one foundation and one bank, the charter's by three of the four."""
    world = consortium
    second = world.charter(*world.guarantee.organizations, version=2)
    pair = ["foundation-seoul", "bank-a"]

    def vote(who, endorsers):
        caller = world.admins[who].caller
        return world.guarantee.submit("guarantee", "vote_charter", second, caller=caller, endorsers=endorsers)

    for voter in pair:
        assert vote(voter, pair).state == "proposed"
    with failed():
        vote("bank-b", pair)
    assert vote("bank-b", [*pair, "bank-b"]).state == "in-force"
    assert world.guarantee.policy_of("charter") == majority_of(world.guarantee.organizations).to_bytes()
