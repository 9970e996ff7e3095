"""Guidance: at least one positive and one negative per fund, and the days at which a year is complete."""

from datetime import date

import pytest

from lending_domain.enterprise import Sector, full_months, full_years, small_enterprise
from lending_domain.funds import FirmProfile, application_violations, catalogue, guidance, missing_documents

ON = date(2026, 3, 10)


def profile(**changes: object) -> FirmProfile:
    fields: dict[str, object] = {
        "sector": Sector.RETAIL,
        "regular_workers": 4,
        "business_registered_on": date(2020, 1, 1),
    }
    return FirmProfile.model_validate(fields | changes)


def eligible(firm: FirmProfile, at: date = ON) -> set[str]:
    return {answer.fund for answer in guidance(firm, at) if answer.eligible}


@pytest.mark.parametrize(
    ("fund", "fact"),
    [
        ("disabled", "disabled_company_certificate"),
        ("woman_head", "woman_head_of_household"),
        ("cooperative", "selected_small_enterprise_cooperative"),
        ("transition", "completed_re_entrepreneur_package_education"),
        ("emergency_disaster", "disaster_certificate"),
        ("emergency_jobs", "receives_job_stabilisation_fund"),
        ("crowdfunding", "reached_crowdfunding_target"),
        ("crisis_area", "address_in_employment_crisis_area"),
    ],
)
def test_fund_by_fact(fund: str, fact: str) -> None:
    assert fund in eligible(profile(**{fact: True}))
    assert fund not in eligible(profile())


@pytest.mark.parametrize(
    ("registered", "at", "years"),
    [
        (date(2025, 3, 10), date(2026, 3, 9), 0),  # 364 days
        (date(2025, 3, 10), date(2026, 3, 10), 1),  # 365 days
        (date(2023, 3, 10), date(2024, 3, 9), 0),  # 365 days, over a leap day
        (date(2023, 3, 10), date(2024, 3, 10), 1),  # 366 days
        (date(2024, 2, 29), date(2025, 2, 27), 0),  # 364 days
        (date(2024, 2, 29), date(2025, 2, 28), 1),  # 365 days: the month's last day, Civil Act 160 (3)
        (date(2023, 2, 28), date(2024, 2, 27), 0),
        (date(2023, 2, 28), date(2024, 2, 28), 1),
        (date(2024, 2, 29), date(2028, 2, 28), 3),
        (date(2024, 2, 29), date(2028, 2, 29), 4),
    ],
)
def test_a_year_is_complete(registered: date, at: date, years: int) -> None:
    assert full_years(registered, at) == years
    funds = eligible(profile(business_registered_on=registered), at)
    assert ("general" in funds) == (years >= 1)
    assert ("startup" in funds) == (years < 1)


def test_not_registered_or_registered_later_is_neither() -> None:
    for registered in (None, date(2026, 3, 11)):
        assert not {"general", "startup"} & eligible(profile(business_registered_on=registered))


@pytest.mark.parametrize(
    ("sector", "limit"),
    [
        (Sector.RETAIL, 5),
        (Sector.WHOLESALE, 5),
        (Sector.BUSINESS_SERVICES, 5),
        (Sector.CONSTRUCTION, 10),
        (Sector.MANUFACTURING, 10),
        (Sector.MINING, 10),
        (Sector.TRANSPORT, 10),
    ],
)
def test_small_enterprise(sector: Sector, limit: int) -> None:
    assert small_enterprise(sector, limit - 1) == ()
    assert [one.code for one in small_enterprise(sector, limit)] == ["NOT_A_SMALL_ENTERPRISE"]
    assert eligible(profile(sector=sector, regular_workers=limit)) == set()


def test_documents_are_alternatives_and_depend_on_facts() -> None:
    funds = {fund.id: fund for fund in catalogue().funds}
    common = catalogue().common_documents
    assert len(common) == 4
    assert missing_documents(funds["general"], profile(), common) == ()
    assert missing_documents(funds["general"], profile(transformed_into_corporation=True), common) == (
        ("company_history_confirmation",),
    )
    card = ("disabled_welfare_card", "national_merit_contributor_card")
    assert missing_documents(funds["disabled"], profile(), common) == (card,)
    assert missing_documents(funds["disabled"], profile(), (*common, card[1])) == ()


def test_catalogue_is_complete() -> None:
    assert len(catalogue().funds) == 10
    for fund in catalogue().funds:
        assert {one for need in fund.documents for one in need.any_of} <= set(catalogue().documents)
        assert (fund.months, fund.grace_months) == (60, 24)
    assert {kind.issuer for kind in catalogue().documents.values()} == {"mois", "nts", "moel"}


def test_application_says_everything_at_once() -> None:
    firm = profile(regular_workers=5, business_registered_on=date(2026, 1, 1))
    found = application_violations(firm, "general", 70_000_001, ON, ["proof_of_sales"])
    assert [one.code for one in found] == [
        "NOT_A_SMALL_ENTERPRISE",
        "NOT_ELIGIBLE",
        *["DOCUMENT_MISSING"] * 3,
        "AMOUNT_OVER_LIMIT",
    ]
    assert all(one.ko and one.en and one.field for one in found)
    held = list(catalogue().common_documents)
    assert application_violations(profile(), "general", 70_000_000, ON, held) == ()


def test_full_months() -> None:
    assert full_months(date(2026, 1, 31), date(2026, 2, 28)) == 1
    assert full_months(date(2026, 1, 31), date(2026, 2, 27)) == 0
    assert full_months(date(2026, 3, 1), date(2026, 1, 1)) == 0
