"""The catalogue of policy funds: which one a firm can get, why, and what paper is missing (P1 tables 3-7)."""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from pydantic import Field

from lending_domain.enterprise import Sector, full_years, small_enterprise
from lending_domain.money import Percent, Won
from lending_domain.packaged import table
from lending_domain.values import Count, Flag, Value
from lending_domain.violations import Violation, Violations, refuse


class DocumentKind(Value):
    """One kind of evidence document and the organization that issues it.

    sensitive: needs a consent of its own (PIPA article 23). third_parties: names others than the applicant.
    """

    id: str
    ko: str
    en: str
    issuer: str
    sensitive: Flag = False
    third_parties: Flag = False


class Requirement(Value):
    """Documents of which one is enough, demanded only `when` a fact of the applicant is true."""

    any_of: tuple[str, ...] = Field(min_length=1)
    when: str | None = None


class Rule(Value):
    """One eligibility rule: a fact and exactly one bound."""

    fact: str
    at_least: int | None = None
    less_than: int | None = None
    is_true: Flag | None = None


class Fund(Value):
    """A policy fund. spread: per cent a year over the base rate. limit: won a firm."""

    id: str
    ko: str
    en: str
    rule: Rule
    documents: tuple[Requirement, ...]
    spread: Percent
    limit_adjustment_krw: int
    limit_krw: Won
    months: int
    grace_months: int
    plan: Literal["equal-principal", "equal-instalment", "semas"]
    rate: Literal["floating", "fixed"]


class Catalogue(Value):
    """All funds and documents of one version of the catalogue."""

    version: str
    source: str
    common_documents: tuple[str, ...]
    documents: dict[str, DocumentKind]
    facts: dict[str, dict[str, str]]
    funds: tuple[Fund, ...]
    base_rates: dict[str, Percent]
    base_rates_source: str

    def fund(self, fund_id: str) -> Fund:
        """The fund of that id; `Refused` FUND_UNKNOWN."""
        for fund in self.funds:
            if fund.id == fund_id:
                return fund
        raise refuse("FUND_UNKNOWN", "없는 자금입니다.", "There is no such fund.", "fund")

    def document(self, document_id: str) -> DocumentKind:
        """The document kind of that id; `Refused` DOCUMENT_UNKNOWN."""
        if document_id not in self.documents:
            raise refuse("DOCUMENT_UNKNOWN", "없는 서류입니다.", "There is no such document.", "document")
        return self.documents[document_id]


class FirmProfile(Value):
    """What the applicant tells of the firm for guidance. Dates and facts, no names and no numbers."""

    sector: Sector
    regular_workers: Count
    business_registered_on: date | None = None
    transformed_into_corporation: Flag = False
    disabled_company_certificate: Flag = False
    woman_head_of_household: Flag = False
    selected_small_enterprise_cooperative: Flag = False
    completed_re_entrepreneur_package_education: Flag = False
    disaster_certificate: Flag = False
    receives_job_stabilisation_fund: Flag = False
    reached_crowdfunding_target: Flag = False
    address_in_employment_crisis_area: Flag = False


class Reason(Value):
    """Why a fund is or is not open to the firm."""

    code: str
    met: Flag
    ko: str
    en: str


class FundAnswer(Value):
    """The guidance for one fund: required and missing documents are lists of alternatives."""

    fund: str
    ko: str
    en: str
    eligible: Flag
    reasons: tuple[Reason, ...]
    required: tuple[tuple[str, ...], ...]
    missing: tuple[tuple[str, ...], ...]
    limit_krw: Won


@cache
def catalogue() -> Catalogue:
    """The packaged catalogue."""
    raw: dict[str, Any] = table("funds")
    terms = raw["terms"]
    shared = {name: terms[name] for name in ("months", "grace_months", "plan", "rate")}
    funds = [
        {**shared, "limit_krw": raw["limit_krw"] + fund["limit_adjustment_krw"], **fund}
        for fund in raw["funds"]
    ]
    return Catalogue.model_validate(
        {
            "version": raw["version"],
            "source": raw["source"],
            "common_documents": raw["common_documents"],
            "documents": {name: {"id": name, **kind} for name, kind in raw["documents"].items()},
            "facts": raw["facts"],
            "funds": funds,
            "base_rates": raw["base_rates"]["quarters"],
            "base_rates_source": raw["base_rates"]["source"],
        }
    )


def quarter_of(day: date) -> str:
    """The quarter of a day, e.g. 2026Q3."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def quarter_start(quarter: str) -> date:
    """The first day of a quarter such as 2026Q3."""
    return date(int(quarter[:4]), 3 * int(quarter[5]) - 2, 1)


def annual_rate(base: Decimal, fund: Fund) -> Decimal:
    """Per cent a year: the quarter's base rate plus the fund's spread."""
    return base + fund.spread


def required_documents(fund: Fund, profile: FirmProfile) -> tuple[tuple[str, ...], ...]:
    """Alternatives, one tuple each: the four common documents, then the fund's own whose `when` holds."""
    common = tuple((document,) for document in catalogue().common_documents)
    own = tuple(
        need.any_of for need in fund.documents if need.when is None or bool(getattr(profile, need.when))
    )
    return common + own


def missing_documents(
    fund: Fund, profile: FirmProfile, held: tuple[str, ...] | list[str] | frozenset[str]
) -> tuple[tuple[str, ...], ...]:
    """The requirements that none of the documents in `held` fulfils."""
    have = set(held)
    return tuple(need for need in required_documents(fund, profile) if not have & set(need))


def _reason(rule: Rule, profile: FirmProfile, at: date) -> Reason:
    name = catalogue().facts[rule.fact]
    code = rule.fact.upper()
    if rule.is_true is not None:
        met = bool(getattr(profile, rule.fact)) is rule.is_true
        return Reason(
            code=code,
            met=met,
            ko=f"{name['ko']}: {'해당' if met else '해당 없음'}",
            en=f"{name['en']}: {'yes' if met else 'no'}",
        )
    registered = profile.business_registered_on
    if registered is None or registered > at:
        # A firm not yet registered counts as under one year only once it is registered (P1 table 3).
        return Reason(
            code="NOT_REGISTERED",
            met=False,
            ko="사업자등록이 없습니다.",
            en="The business is not registered.",
        )
    years = full_years(registered, at)
    if rule.at_least is not None:
        met, ko, en = years >= rule.at_least, f"{rule.at_least}년 이상", f"at least {rule.at_least}"
    else:
        bound = rule.less_than or 0
        met, ko, en = years < bound, f"{bound}년 미만", f"under {bound}"
    return Reason(
        code=code,
        met=met,
        ko=f"{name['ko']} {ko}: {'충족' if met else '미충족'}",
        en=f"{name['en']} {en}: {'met' if met else 'not met'}",
    )


def guidance(
    profile: FirmProfile, at: date, held: tuple[str, ...] | list[str] | frozenset[str] = ()
) -> tuple[FundAnswer, ...]:
    """For every fund: whether the firm can get it on the day `at`, why, and the documents still missing."""
    size = small_enterprise(profile.sector, profile.regular_workers)
    answers = []
    for fund in catalogue().funds:
        reasons = [Reason(code=one.code, met=False, ko=one.ko, en=one.en) for one in size] or [
            Reason(
                code="SMALL_ENTERPRISE",
                met=True,
                ko="소상공인에 해당합니다.",
                en="The firm is a micro-enterprise.",
            )
        ]
        reasons.append(_reason(fund.rule, profile, at))
        answers.append(
            FundAnswer(
                fund=fund.id,
                ko=fund.ko,
                en=fund.en,
                eligible=all(reason.met for reason in reasons),
                reasons=tuple(reasons),
                required=required_documents(fund, profile),
                missing=missing_documents(fund, profile, held),
                limit_krw=fund.limit_krw,
            )
        )
    return tuple(answers)


def application_violations(
    profile: FirmProfile, fund_id: str, amount: int, at: date, held: tuple[str, ...] | list[str]
) -> Violations:
    """Everything that stands against confirming `amount` won of a fund to the firm on the day `at`."""
    fund = catalogue().fund(fund_id)
    answer = next(one for one in guidance(profile, at, held) if one.fund == fund_id)
    found = list(small_enterprise(profile.sector, profile.regular_workers))
    found.extend(
        Violation(code="NOT_ELIGIBLE", ko=reason.ko, en=reason.en, field=f"profile.{reason.code.lower()}")
        for reason in answer.reasons[-1:]
        if not reason.met
    )
    for need in answer.missing:
        names = [catalogue().document(one) for one in need]
        found.append(
            Violation(
                code="DOCUMENT_MISSING",
                ko=f"서류가 없습니다: {' 또는 '.join(one.ko for one in names)}.",
                en=f"A document is missing: {' or '.join(one.en for one in names)}.",
                field=f"documents.{need[0]}",
            )
        )
    if amount <= 0 or amount > fund.limit_krw:
        found.append(
            Violation(
                code="AMOUNT_OVER_LIMIT",
                ko=f"금액은 1원 이상 {fund.limit_krw:,}원 이하여야 합니다.",
                en=f"The amount must be between 1 and {fund.limit_krw:,} won.",
                field="amount",
            )
        )
    return tuple(found)
