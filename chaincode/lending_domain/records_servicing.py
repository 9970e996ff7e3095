"""Guarantee and loan: the private sides, each with the log of events from which its balances follow."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from lending_domain.letters import SignedLetter
from lending_domain.loan_events import Accident, Disbursement, Event
from lending_domain.loan_state import LoanState, Stage, advance
from lending_domain.money import Percent, PositiveWon, percent_of
from lending_domain.records import RecordId, Salted
from lending_domain.servicing import fold
from lending_domain.values import Count, Identifier
from lending_domain.violations import Violation, Violations


class Entry(Salted):
    """One event to be recorded, with the letter that it rests on where it needs one."""

    event: Event
    letter: SignedLetter | None = None


class GuaranteeFile(Salted):
    """What foundation and bank share about a guarantee.

    coverage: per cent of the claim. valid_until: by when the bank must have executed. events: the loan's log,
    from the bank's claim on.
    """

    referral_id: RecordId
    holder: Identifier
    fund: str
    principal_krw: PositiveWon
    coverage: Percent
    guaranteed_krw: PositiveWon
    valid_until: date
    accident_notice_days: Count = 60
    accident: Accident | None = None
    events: tuple[Event, ...] = ()


class SubrogationClaim(Salted):
    """The bank's claim: the loan's whole log, from which the foundation computes what it owes."""

    events: tuple[Event, ...] = Field(min_length=2)


class LoanContract(Salted):
    """The loan as it is executed: against which letter, at which notified rate, on which terms.

    letter: the guarantee letter; for a direct loan the confirmation letter.
    """

    holder: Identifier
    letter: SignedLetter
    rate_notice: SignedLetter
    disbursement: Disbursement


class LoanHead(Salted):
    """What bank and applicant share about a loan: what it rests on, and the log."""

    holder: Identifier
    fund: str
    referral_id: RecordId | None = None
    guarantee_id: RecordId | None = None
    foundation: str | None = None
    events: tuple[Event, ...] = Field(min_length=1)


def loan_state_name(state: LoanState) -> str:
    """The public state of a loan: its stage, and for a running one whether something is overdue."""
    if state.stage is Stage.ACTIVE:
        return "overdue" if state.days_past_due > 0 else "executed"
    return str(state.stage)


def guarantee_violations(file: GuaranteeFile, limit_krw: int) -> Violations:
    """What is wrong with a guarantee as it is issued: amount x coverage, within the fund's limit."""
    found = []
    if file.guaranteed_krw != percent_of(file.principal_krw, file.coverage):
        found.append(
            Violation(
                code="OVER_COVERAGE",
                ko="보증금액이 대출금액에 보증비율을 곱한 금액과 다릅니다.",
                en="The guaranteed amount is not the principal times the coverage.",
                field="guaranteed_krw",
            )
        )
    if file.principal_krw > limit_krw:
        found.append(
            Violation(
                code="AMOUNT_OVER_LIMIT",
                ko="자금의 한도를 넘습니다.",
                en="The principal exceeds the fund's limit.",
                field="principal_krw",
            )
        )
    if file.accident is not None or file.events:
        found.append(
            Violation(
                code="BAD_ARGUMENT",
                ko="새 보증에는 사고나 거래가 없습니다.",
                en="A new guarantee has neither accident nor events.",
                field="events",
            )
        )
    return tuple(found)


def claim_violations(file: GuaranteeFile, claim: SubrogationClaim) -> Violations:
    """Why a loan's log does not support a claim; `Refused` when the log itself is impossible."""
    first = claim.events[0]
    fits = (
        isinstance(first, Disbursement)
        and first.terms.principal == file.principal_krw
        and first.servicing.coverage == file.coverage
    )
    # A claim made again, after a repayment, goes on from the log that was laid open before.
    continues = claim.events[: len(file.events)] == file.events
    same_accident = file.accident in [one for one in claim.events if isinstance(one, Accident)]
    if fits and continues and same_accident and fold(claim.events).stage is Stage.ACCIDENT:
        return ()
    return (
        Violation(
            code="CLAIM_MISMATCH",
            ko="대출 내역이 보증 또는 사고통지와 맞지 않습니다.",
            en="The loan's log does not fit the guarantee and its accident notice.",
            field="events",
        ),
    )


def owed_on(file: GuaranteeFile, on: date) -> int:
    """What the foundation pays on that day, in won."""
    return advance(fold(file.events), on).subrogation_amount
