"""What becomes of an executed loan: repayment, rate reset, arrears … to closing and the release letter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from lending.correspondence import write_letter
from lending.demo.story import Story, rate_notice
from lending.institution import Committed, new_salt
from lending_domain.funds import quarter_of
from lending_domain.letters import LetterKind, SignedLetter
from lending_domain.loan_events import (
    Acceleration,
    Accident,
    AccidentReason,
    AnyEvent,
    Closing,
    Extension,
    Outcome,
    Payoff,
    Prepayment,
    RateReset,
    Recovery,
    Repayment,
    Subrogation,
)
from lending_domain.loan_state import LoanState, advance
from lending_domain.records_letters import RateNoticeBody, ReleaseBody, SubrogationBody
from lending_domain.records_servicing import Entry, GuaranteeFile, SubrogationClaim
from lending_domain.schedules import add_months
from lending_domain.servicing import fold


class Servicing:
    """The bank's side of one story after execution, with the foundation's where it comes in."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.cast = story.cast
        self.bank = story.cast.bank(story.bank)
        self.foundation = story.cast.foundation(story.foundation)
        self.executed = story.start + timedelta(days=17)

    def due(self, months: int, days: int = 0) -> date:
        """The due date of a month of the loan, or some days after it."""
        return add_months(self.executed, months) + timedelta(days=days)

    # -- the two lives

    def pays_in_full(self) -> None:
        """One instalment, then all of it; the bank closes loan and guarantee and releases the firm."""
        self.repay(self.due(1), "the first instalment")
        on = self.due(1, 20)
        amount = self.state(on).payoff
        self.serve("pay_off", Payoff(on=on, amount=amount), "everything is repaid, to the won")
        self.close(Closing(on=on, outcome=Outcome.REPAID))

    def pays_for_a_while(self) -> None:
        """Repayment, rate reset, partial prepayment, arrears paid, extension."""
        self.repay(self.due(1), "the first instalment")
        self.reset(self.due(2, 3))
        self.repay(self.due(3), "two months at once")
        on = self.due(3, 2)
        self.serve("prepay", Prepayment(on=on, amount=5_000_000), "5,000,000 won of principal, early")
        self.arrears(self.due(4, 12), "12 days in arrears")
        self.repay(self.due(4, 20), "the arrears are paid, with overdue interest")
        on = self.due(4, 21)
        self.serve("extend", Extension(on=on, months=12), "twelve months more")

    def fails(self) -> None:
        """Arrears, acceleration, accident, subrogation, recovery, closing."""
        self.arrears(self.due(5, 31), "31 days in arrears")
        on = self.due(5, 50)
        told = self.due(5, 32)
        self.serve("accelerate", Acceleration(on=on, notified_on=told), "all becomes due (기한이익상실)")
        accident = Accident(on=self.due(5, 60), occurred_on=on, reason=AccidentReason.ARREARS)
        self.serve("report_accident", accident, "the accident, on the loan")
        story = self.story
        self.guaranteed(
            "the accident notice (사고통지)",
            lambda: self.bank.notify_accident(
                story.guarantee_id, story.foundation, self.file(), _entry(accident)
            ),
        )
        self.subrogate(self.due(5, 90))
        self.recover(self.due(9), 20_000_000)
        on = self.due(15)
        state = self.state(on)
        self.recover(on, state.foundation_claim + state.bank_claim)
        self.close(Closing(on=on, outcome=Outcome.RECOVERED))

    # -- the bank's steps

    def state(self, on: date) -> LoanState:
        """The loan's balances on a day, folded from its log."""
        return advance(fold(self.bank.read_loan(self.story.loan_id).events), on)

    def serve(self, function: str, event: AnyEvent, title: str, letter: SignedLetter | None = None) -> None:
        """Add an event to the loan's log."""
        head = self.bank.read_loan(self.story.loan_id)
        entry = Entry(salt=new_salt(), event=event, letter=letter)
        self._tell(
            title, self.story.loan_id, lambda: self.bank.serve(function, self.story.loan_id, head, entry)
        )

    def repay(self, on: date, title: str) -> None:
        """Pay what is due on a day."""
        self.serve("repay", Repayment(on=on, amount=self.state(on).due.total), title)

    def arrears(self, on: date, title: str) -> None:
        """Say on the channel that something is overdue."""
        head = self.bank.read_loan(self.story.loan_id)
        self._tell(
            title,
            self.story.loan_id,
            lambda: self.bank.record_arrears(self.story.loan_id, on, head),
        )

    def reset(self, on: date) -> None:
        """The quarter's rate, by mss's signed notice."""
        notice = rate_notice(self.cast, quarter_of(on))
        base = RateNoticeBody.model_validate(notice.letter.body).base_rate
        self.story.narrator.letter("rate notice", "mss", self.story.bank, "application", "execution")
        event = RateReset(on=on, quarter=quarter_of(on), base=base)
        self.serve("reset_rate", event, f"the rate of {event.quarter}, by mss's notice", notice)

    # -- with the foundation

    def file(self) -> GuaranteeFile:
        """The guarantee's present private value."""
        return self.bank.read_guarantee(self.story.guarantee_id)

    def guaranteed(self, title: str, act: Callable[[], Committed]) -> Committed:
        """A step on the guarantee."""
        return self._tell(title, self.story.guarantee_id, act)

    def subrogate(self, on: date) -> None:
        """Claim, payment by the foundation, its letter, receipt by the bank."""
        story, file = self.story, self.bank.read_guarantee(self.story.guarantee_id)
        claim = SubrogationClaim(salt=new_salt(), events=self.bank.read_loan(story.loan_id).events)
        self.guaranteed(
            "the claim, with the loan's whole log",
            lambda: self.bank.claim(story.guarantee_id, story.foundation, on, file, claim),
        )
        claimed = self.foundation.read_guarantee(story.guarantee_id)
        event = Subrogation(on=on, amount=self.state(on).subrogation_amount)
        done = self.guaranteed(
            "subrogation (대위변제), to the won",
            lambda: self.foundation.subrogate(story.guarantee_id, story.bank, claimed, _entry(event)),
        )
        body = SubrogationBody(loan_id=story.loan_id, amount_krw=event.amount, paid_on=on)
        letter = write_letter(
            self.cast.identity(story.foundation, "evaluator"),
            LetterKind.SUBROGATION,
            story.bank,
            story.guarantee_id,
            body.model_dump(mode="json"),
            about=done,
        )
        story.narrator.letter("subrogation letter", story.foundation, story.bank, "guarantee", "execution")
        self.serve("receive_subrogation", event, "the bank is paid", letter)

    def recover(self, on: date, amount: int) -> None:
        """A recovery, on the guarantee and on the loan."""
        story, event = self.story, Recovery(on=on, amount=amount)
        file = self.foundation.read_guarantee(story.guarantee_id)
        self.guaranteed(
            "a recovery, split by the claims",
            lambda: self.foundation.record_recovery(story.guarantee_id, story.bank, file, _entry(event)),
        )
        self.serve("record_recovery", event, "the recovery, on the loan")

    def close(self, event: Closing) -> None:
        """Close loan and guarantee; the bank's release letter takes the firm out of the index."""
        story = self.story
        self.serve("close", event, f"the loan is closed: {event.outcome}")
        file = self.bank.read_guarantee(story.guarantee_id)
        if event.outcome is Outcome.REPAID:
            closing = self.guaranteed(
                "the guarantee is closed",
                lambda: self.bank.close_guarantee(story.guarantee_id, story.foundation, file, _entry(event)),
            )
        else:
            closing = self.guaranteed(
                "the guarantee is closed",
                lambda: self.foundation.close_guarantee(story.guarantee_id, story.bank, file, _entry(event)),
            )
        body = ReleaseBody(referral_id=story.referral_id, guarantee_id=story.guarantee_id, closed_on=event.on)
        letter = write_letter(
            self.cast.identity(story.bank, "officer"),
            LetterKind.RELEASE,
            story.foundation,
            story.loan_id,
            body.model_dump(mode="json"),
            about=closing,
        )
        story.narrator.letter("release letter", story.bank, story.foundation, "execution", "referral")
        self._tell(
            "the firm is free to be supported again",
            story.referral_id,
            lambda: self.foundation.release(story.referral_id, event.on, letter),
        )

    def _tell(self, title: str, record_id: str, act: Callable[[], Committed]) -> Committed:
        return self.story.narrator.submit(title + self.story.label, record_id, act)


def _entry(event: AnyEvent) -> Entry:
    return Entry(salt=new_salt(), event=event)
