"""Who is a micro-enterprise (소상공인): P2's rule, P1's "with exceptions" spelled out."""

from datetime import date
from enum import StrEnum

from lending_domain.violations import Violation, Violations


class Sector(StrEnum):
    """The sector of the Korean standard industrial classification, as far as the definition needs it."""

    MINING = "mining"
    MANUFACTURING = "manufacturing"
    CONSTRUCTION = "construction"
    TRANSPORT = "transport"
    WHOLESALE = "wholesale"
    RETAIL = "retail"
    LODGING_FOOD = "lodging-food"
    PERSONAL_SERVICES = "personal-services"
    BUSINESS_SERVICES = "business-services"
    OTHER = "other"


_TEN = frozenset({Sector.MINING, Sector.MANUFACTURING, Sector.CONSTRUCTION, Sector.TRANSPORT})


def worker_limit(sector: Sector) -> int:
    """Regular workers must be fewer than this: ten in four sectors, five elsewhere."""
    return 10 if sector in _TEN else 5


def small_enterprise(sector: Sector, regular_workers: int) -> Violations:
    """Empty when the firm is a micro-enterprise."""
    limit = worker_limit(sector)
    if regular_workers < limit:
        return ()
    return (
        Violation(
            code="NOT_A_SMALL_ENTERPRISE",
            ko=f"상시근로자가 {limit}명 미만인 소상공인이 아닙니다.",
            en=f"A micro-enterprise of this sector has fewer than {limit} regular workers.",
            field="regular_workers",
        ),
    )


def anniversary(start: date, years: int) -> date:
    """The day on which `years` years since `start` are complete.

    29 February ends on the last day of February in other years (Civil Act, article 160 (3)).
    """
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return date(start.year + years, 2, 28)


def full_years(start: date, at: date) -> int:
    """Complete years from `start` to `at`; -1 when `at` is before `start`."""
    if at < start:
        return -1
    years = at.year - start.year
    return years if anniversary(start, years) <= at else years - 1


def full_months(start: date, at: date) -> int:
    """Complete calendar months from `start` to `at`, never negative."""
    months = (at.year - start.year) * 12 + at.month - start.month
    return max(0, months if at.day >= start.day or _last_day(at) else months - 1)


def _last_day(day: date) -> bool:
    return day.month != date.fromordinal(day.toordinal() + 1).month
