"""A sample applicant from a file: what the registers know, what is asked for, and the evaluation form."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from lending.documents.issuer import Subject
from lending_domain.form import EvaluationForm, Screening
from lending_domain.funds import FirmProfile
from lending_domain.model import Threshold
from lending_domain.money import Percent, PositiveWon
from lending_domain.schedules import Plan
from lending_domain.score import UNIT, Evaluation
from lending_domain.values import Organization, Value


class Correction(Value):
    """A field of the source that contradicts another one, and what stands here instead."""

    field: str
    printed: Any
    corrected: Any
    why: str


class LoanRequest(Value):
    """What the applicant asks for, and from whom. plan: repayment; coverage: per cent guaranteed."""

    fund: str
    amount_krw: PositiveWon
    foundation: Organization
    bank: Organization
    plan: Plan
    coverage: Percent
    purpose: str


class Applicant(Value):
    """One sample applicant. label says that it is illustrative; threshold is the demonstration's, in 1.

    misentered: figures as the foundation's officer enters them at first; the applicant has them corrected.
    """

    label: str
    source: str
    grade_map: str
    as_of: date
    corrections: tuple[Correction, ...] = ()
    subject: Subject
    profile: FirmProfile
    screening: Screening
    form: EvaluationForm
    misentered: dict[str, int] = Field(default_factory=dict)
    documents: tuple[str, ...] = Field(min_length=4)
    request: LoanRequest
    threshold: Decimal


def load_applicant(path: Path | str) -> Applicant:
    """The applicant in a YAML file; pydantic's ValidationError names the field."""
    return Applicant.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))


def threshold_for(applicant: Applicant, evaluation: Evaluation) -> Threshold:
    """The demonstration's threshold for the evaluation's model, class, industry and composition."""
    return Threshold(
        model=evaluation.model,
        composition=evaluation.composition,
        company_class=evaluation.company_class,
        industry=evaluation.industry,
        units=int(applicant.threshold * UNIT),
    )
