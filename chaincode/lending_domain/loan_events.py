"""The events of a loan's life (사후관리). Events are the truth; every balance is derived from them.

`on` is a business date: signed by the responsible institution, never earlier than the event before it.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator

from lending_domain.money import Percent, PositiveWon
from lending_domain.schedules import LoanTerms, MonthCount
from lending_domain.values import Count, Flag, Quarter, Value


class Component(StrEnum):
    """What a repayment can be allocated to."""

    FEE = "fee"
    OVERDUE_INTEREST = "overdue-interest"
    INTEREST = "interest"
    PRINCIPAL = "principal"


class ServicingTerms(Value):
    """The contract's rules of servicing; per cent are a year where they are rates.

    spread: the fund's, over the policy base rate. overdue_spread: over the loan's rate (at most three points
    by the Financial Services Commission's notice). coverage: per cent of the claim that the guarantee covers;
    0 for a direct loan. accident_notice_days: after the accident, by which the bank must have told the
    foundation.
    """

    floating: Flag = True
    spread: Percent
    overdue_spread: Annotated[Percent, Field(le=3)] = Decimal(3)
    allocation: tuple[Component, Component, Component, Component] = (
        Component.FEE,
        Component.OVERDUE_INTEREST,
        Component.INTEREST,
        Component.PRINCIPAL,
    )
    prepayment_fee: Percent = Decimal(0)
    extension_limit_months: MonthCount = 36
    acceleration_after_days: Count = 30
    acceleration_notice_days: Count = 10
    coverage: Percent = Decimal(85)
    accident_after_days: Count = 30
    accident_notice_days: Count = 60

    @model_validator(mode="after")
    def _each_component_once(self) -> "ServicingTerms":
        # A component missing or twice would swallow a part of a repayment.
        if set(self.allocation) != set(Component):
            raise ValueError("the allocation names each component once")
        return self


class _Event(Value):
    on: date


class Disbursement(_Event):
    """실행: the loan is paid out; the first day of interest."""

    kind: Literal["disbursement"] = "disbursement"
    terms: LoanTerms
    servicing: ServicingTerms


class Repayment(_Event):
    """상환: of what is due, or of a part of it."""

    kind: Literal["repayment"] = "repayment"
    amount: PositiveWon


class FeeCharge(_Event):
    """A cost of collection charged to the borrower."""

    kind: Literal["fee"] = "fee"
    amount: PositiveWon
    reason: str = Field(max_length=200)


class RateReset(_Event):
    """금리변동: the quarter's base rate from mss's notice; in force from `on`."""

    kind: Literal["rate-reset"] = "rate-reset"
    quarter: Quarter
    base: Percent


class Prepayment(_Event):
    """일부조기상환: of principal not yet due."""

    kind: Literal["prepayment"] = "prepayment"
    amount: PositiveWon


class Payoff(_Event):
    """전액상환: everything, interest to the day included; the amount must be exact."""

    kind: Literal["payoff"] = "payoff"
    amount: PositiveWon


class Extension(_Event):
    """기한연장: maturity moves by whole months."""

    kind: Literal["extension"] = "extension"
    months: Annotated[MonthCount, Field(ge=1)]


class Acceleration(_Event):
    """기한이익상실: all becomes due. notified_on: the borrower was told what would happen."""

    kind: Literal["acceleration"] = "acceleration"
    notified_on: date


class AccidentReason(StrEnum):
    """P2's definition of an accident: arrears, suspension or closure of the business."""

    ARREARS = "arrears"
    SUSPENSION = "suspension"
    CLOSURE = "closure"


class Accident(_Event):
    """사고통지: the bank tells the foundation."""

    kind: Literal["accident"] = "accident"
    occurred_on: date
    reason: AccidentReason


class Subrogation(_Event):
    """대위변제: the foundation pays; the amount must be exact."""

    kind: Literal["subrogation"] = "subrogation"
    amount: PositiveWon


class Recovery(_Event):
    """회수: from the borrower after subrogation, split pro rata between foundation and bank."""

    kind: Literal["recovery"] = "recovery"
    amount: PositiveWon


class Outcome(StrEnum):
    """How a loan ends."""

    REPAID = "repaid"
    RECOVERED = "recovered"
    WRITTEN_OFF = "written-off"


class Closing(_Event):
    """종결."""

    kind: Literal["closing"] = "closing"
    outcome: Outcome


AnyEvent = (
    Disbursement
    | Repayment
    | FeeCharge
    | RateReset
    | Prepayment
    | Payoff
    | Extension
    | Acceleration
    | Accident
    | Subrogation
    | Recovery
    | Closing
)
Event = Annotated[AnyEvent, Field(discriminator="kind")]
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Event)
"""Reads an event of any kind: EVENT.validate_json(...), EVENT.validate_python(...)."""
