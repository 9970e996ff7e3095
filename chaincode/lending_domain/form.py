"""The evaluation form of P2 figure 6, its filter ("filter first") and its checks across fields."""

from enum import StrEnum

from lending_domain.enterprise import Sector, small_enterprise
from lending_domain.money import Won
from lending_domain.values import Count, Flag, Value
from lending_domain.violations import Violation, Violations


class Industry(StrEnum):
    """The model's five industry classes; OTHER uses the common model alone."""

    MANUFACTURING = "manufacturing"
    WHOLESALE = "wholesale"
    RETAIL_FOOD_PERSONAL = "retail-food-personal"
    BUSINESS_SERVICES = "business-services"
    OTHER = "other"


class CompanyClass(StrEnum):
    """창업기업 (under one year since establishment, or not yet established) or 일반기업."""

    STARTUP = "startup"
    GENERAL = "general"


class RealEstate(StrEnum):
    """부동산 보유현황; of two or more the applicant chooses one."""

    DETACHED = "detached"
    APARTMENT = "apartment"
    ROW_HOUSE = "row-house"
    MULTI_FAMILY = "multi-family"
    LAND_OR_OTHER = "land-or-other"
    NONE = "none"


class Arrears(StrEnum):
    """임금 및 임차료 연체여부."""

    NONE = "none"
    WAGES = "wages"
    RENT = "rent"
    BOTH = "both"


class Certificate(StrEnum):
    """국가자격증소지여부, where it bears on the business."""

    MASTER_ENGINEER = "master-engineer"
    ENGINEER = "engineer"
    CRAFTSMAN_OR_OTHER = "craftsman-or-other"
    NONE = "none"


class EnteredBy(StrEnum):
    """입력구분 of figure 6's header: who filled the form in. The name beside it there is no field here."""

    APPLICANT = "applicant"
    BANK = "bank"
    SUPPORT_CENTRE = "support-centre"
    FOUNDATION = "foundation"


class Months(Value):
    """A span as the form asks for it: years and months."""

    years: Count
    months: Count = 0

    @property
    def total(self) -> int:
        """All in months."""
        return self.years * 12 + self.months


_SECTORS = {
    Sector.MANUFACTURING: Industry.MANUFACTURING,
    Sector.WHOLESALE: Industry.WHOLESALE,
    Sector.RETAIL: Industry.RETAIL_FOOD_PERSONAL,
    Sector.LODGING_FOOD: Industry.RETAIL_FOOD_PERSONAL,
    Sector.PERSONAL_SERVICES: Industry.RETAIL_FOOD_PERSONAL,
    Sector.BUSINESS_SERVICES: Industry.BUSINESS_SERVICES,
}


def industry_of(sector: Sector) -> Industry:
    """The model's industry class of a sector."""
    return _SECTORS.get(sector, Industry.OTHER)


class Screening(Value):
    """Sign-up facts that the filter judges before the form may be filled in."""

    sector: Sector
    regular_workers: Count
    business_open: Flag
    excluded_industry: Flag = False
    tax_arrears: Flag = False
    credit_default_registered: Flag = False
    guarantee_accident_outstanding: Flag = False


class EvaluationForm(Value):
    """Figure 6's fields, amounts in won, and the officer's judgement grades (item id -> 1 best .. 6 worst).

    industry_career and wage_rent_arrears are asked for and stored, and not scored: model 2 dropped them.
    The words, hints and choices of each field are data: `lending_domain.form_fields`.
    """

    industry: Industry
    established: Flag = True
    premises_owned: Flag
    rent_deposit_krw: Won
    total_borrowing_krw: Won
    annual_sales_krw: Won
    industry_career: Months
    real_estate: RealEstate
    real_estate_pledged: Flag
    bank_credit_loan_krw: Won
    wage_rent_arrears: Arrears
    arrears_months: Count = 0
    cash_advance_krw: Won
    business_age: Months
    residence: Months
    moves_in_two_years: Count = 0
    overdue_loans_3m: Count
    lender_count: Count
    joint_guarantee: Flag = False
    certificate: Certificate = Certificate.NONE
    judgement: dict[str, Count]
    # Optional, since it came later: an evaluation made before keeps its commitment.
    entered_by: EnteredBy | None = None

    @property
    def company_class(self) -> CompanyClass:
        """Startup before one year since establishment."""
        young = not self.established or self.business_age.total < 12
        return CompanyClass.STARTUP if young else CompanyClass.GENERAL


_FILTER = (
    (
        "excluded_industry",
        False,
        "EXCLUDED_INDUSTRY",
        "보증 제한 업종입니다.",
        "The industry is excluded from guarantees.",
    ),
    (
        "business_open",
        True,
        "BUSINESS_CLOSED",
        "휴업 또는 폐업한 사업장입니다.",
        "The business is suspended or closed.",
    ),
    ("tax_arrears", False, "TAX_ARREARS", "국세 또는 지방세 체납이 있습니다.", "There are tax arrears."),
    (
        "credit_default_registered",
        False,
        "CREDIT_DEFAULT",
        "신용도판단정보가 등록되어 있습니다.",
        "A credit default is registered.",
    ),
    (
        "guarantee_accident_outstanding",
        False,
        "ACCIDENT_OUTSTANDING",
        "정리되지 않은 보증사고가 있습니다.",
        "An earlier guarantee accident is not settled.",
    ),
)


def screen(facts: Screening) -> Violations:
    """The filter: every reason why this firm may not fill in the form; empty when it may."""
    found = list(small_enterprise(facts.sector, facts.regular_workers))
    found.extend(
        Violation(code=code, ko=ko, en=en, field=field)
        for field, wanted, code, ko, en in _FILTER
        if getattr(facts, field) is not wanted
    )
    return tuple(found)


def form_violations(form: EvaluationForm) -> Violations:
    """Contradictions between the fields of one form, all of them."""
    rules = (
        (
            form.total_borrowing_krw < form.bank_credit_loan_krw,
            "BORROWING_BELOW_CREDIT_LOAN",
            "총차입금은 은행 신용대출금보다 적을 수 없습니다.",
            "Total borrowing cannot be less than the bank credit loan in it.",
            "total_borrowing_krw",
        ),
        (
            form.total_borrowing_krw > 0 and form.lender_count == 0,
            "LENDERS_MISSING",
            "차입금이 있으면 총차입기관수는 1 이상이어야 합니다.",
            "With borrowing there is at least one lender.",
            "lender_count",
        ),
        (
            form.total_borrowing_krw == 0 and form.lender_count > 0,
            "BORROWING_MISSING",
            "차입기관이 있으면 총차입금이 있어야 합니다.",
            "With a lender there is borrowing.",
            "total_borrowing_krw",
        ),
        (
            form.premises_owned and form.rent_deposit_krw > 0,
            "DEPOSIT_ON_OWN_PREMISES",
            "자가 사업장에는 임차보증금이 없습니다.",
            "Own premises have no rent deposit.",
            "rent_deposit_krw",
        ),
        (
            form.real_estate is RealEstate.NONE and form.real_estate_pledged,
            "PLEDGE_WITHOUT_REAL_ESTATE",
            "부동산이 없으면 담보로 제공할 수 없습니다.",
            "Without real estate nothing can be pledged.",
            "real_estate_pledged",
        ),
        (
            (form.wage_rent_arrears is Arrears.NONE) != (form.arrears_months == 0),
            "ARREARS_MONTHS",
            "연체 여부와 연체 개월이 서로 맞지 않습니다.",
            "Arrears and their months contradict each other.",
            "arrears_months",
        ),
        (
            form.moves_in_two_years > 0 and form.residence.total >= 24,
            "RESIDENCE_AND_MOVES",
            "최근 2년 이내에 이사하였다면 현재 거주기간은 2년 미만입니다.",
            "Who moved within two years has lived at the present place for less.",
            "residence",
        ),
        (
            not form.established and (form.business_age.total > 0 or form.annual_sales_krw > 0),
            "NOT_ESTABLISHED",
            "설립 전 기업에는 업력과 매출이 없습니다.",
            "A firm not yet established has neither age nor sales.",
            "established",
        ),
        (
            form.premises_owned and form.wage_rent_arrears in {Arrears.RENT, Arrears.BOTH},
            "RENT_ON_OWN_PREMISES",
            "자가 사업장에는 임차료 연체가 없습니다.",
            "On own premises no rent is in arrears.",
            "wage_rent_arrears",
        ),
        *(
            (
                span.months > 11,
                "MONTHS_RANGE",
                "개월은 0에서 11까지입니다.",
                "Months run from 0 to 11.",
                field,
            )
            for field, span in (
                ("industry_career", form.industry_career),
                ("business_age", form.business_age),
                ("residence", form.residence),
            )
        ),
    )
    return tuple(
        Violation(code=code, ko=ko, en=en, field=field) for broken, code, ko, en, field in rules if broken
    )
