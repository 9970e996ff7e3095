"""The AHP model as a value: items, weights in millionths, grade maps, composition, origin; its thresholds.

A model is public criteria: the foundations vote on its digest. Scoring by it is `lending_domain.score`, what
a version must fulfil to be proposed `lending_domain.model_rules`.
"""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cache, cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from lending_domain.canonical import canonical
from lending_domain.form import Certificate, CompanyClass, Industry, RealEstate
from lending_domain.money import short, split
from lending_domain.packaged import table
from lending_domain.values import Flag, Hex256, Identifier, Value

MILLIONTHS = 1_000_000
"""Weight units in 1."""

Block = Literal["financial", "fact", "judgement", "bonus"]
Grade = Annotated[int, Field(ge=1, le=6)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]


def millionths(weight: Decimal) -> int:
    """A weight as an integer; ValueError when it is not a whole number of millionths."""
    scaled = weight.scaleb(6)
    if scaled != scaled.to_integral_value():
        raise ValueError("a weight is a whole number of millionths")
    return int(scaled)


def _weight(value: Decimal) -> Decimal:
    millionths(short(value))
    return value


Weight = Annotated[Decimal, Field(ge=0, le=1), AfterValidator(_weight)]


class Composition(StrEnum):
    """How printed weights become the model's: P2's industry blocks total 0.166, the common one 0.195.

    as_published: as printed. block_rescaled: the industry's judgement block scaled to 0.195 (ours, not the
    paper's). normalised: all base weights scaled to sum to 1. Bonuses stay as printed in each.
    """

    AS_PUBLISHED = "as_published"
    BLOCK_RESCALED = "block_rescaled"
    NORMALISED = "normalised"


class Item(Value):
    """An item: grades K, block, and its weight by company class where it is not a judgement item."""

    ko: str
    en: str
    block: Block
    kind: Literal["fact", "judgement"]
    grades: Annotated[int, Field(ge=4, le=6)]
    weight: dict[CompanyClass, Weight] = Field(default_factory=dict)
    provenance: str


class GradeMap(Value):
    """Bounds by which raw answers become grades; see data/model2.yaml for each bound's meaning."""

    label: str
    rent_deposit_percent_over: tuple[int, int, int, int, int]
    average_deposit_krw: dict[Industry, Annotated[int, Field(gt=0)]]
    borrowing_krw_at_most: tuple[int, int, int, int]
    sales_krw_at_least: tuple[int, int, int]
    real_estate_grade: dict[RealEstate, Grade]
    pledged_steps_down: int
    bank_credit_loan_krw_over: tuple[int, int, int, int, int]
    cash_advance_free_krw: int
    lenders_free: int
    business_age_months_at_least: tuple[int, int, int, int, int]
    residence_months_at_least: tuple[int, int, int, int, int]
    certificate_grade: dict[Certificate, Grade]


class Source(Value):
    """What a version rests on. digest: SHA-256 of the survey's result or the file, where there is one."""

    kind: Literal["paper", "table", "survey", "revalidation", "decision"]
    citation: Text
    digest: Hex256 | None = None


class PrintedParent(Value):
    """A parent's weight as its source prints it, and its leaves: they are the truth and must agree nearly."""

    name: Text
    weight: Weight
    items: tuple[Identifier, ...] = Field(min_length=1)
    company_class: CompanyClass = CompanyClass.GENERAL
    industry: Industry = Industry.OTHER


class Origin(Value):
    """Where a version comes from.

    predecessor: the digest of the version it departs from. synthetic: made from a synthetic panel or from
    synthetic firms, and no evidence about real ones; said wherever the version is shown.
    """

    label: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    predecessor: Hex256 | None = None
    sources: tuple[Source, ...] = Field(min_length=1, max_length=20)
    synthetic: Flag = False
    parents: tuple[PrintedParent, ...] = Field(default=(), max_length=60)


class Model(Value):
    """A version of the AHP model: public criteria, voted on by the foundations by its digest."""

    id: Identifier
    source: str
    composition: Composition
    joint_guarantee: Flag
    bonus_cap_units: int | None
    industries: tuple[Industry, ...]
    items: dict[str, Item]
    judgement: dict[Industry, dict[str, Weight]]
    grade_map: GradeMap
    origin: Origin | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Model":
        for industry in self.industries:
            if set(self.judgement.get(industry, {})) - set(self.items):
                raise ValueError(f"judgement.{industry.value} names unknown items")
        if self.joint_guarantee and self.composition is not Composition.AS_PUBLISHED:
            raise ValueError("the joint-guarantee bonus exists only in as_published")
        return self

    @property
    def text(self) -> bytes:
        """The canonical JSON that stands on the ledger; one without an origin is written as before."""
        return canonical(self.model_dump(mode="python", exclude={"origin"} if self.origin is None else None))

    @cached_property
    def digest(self) -> str:
        """What the foundations vote on: the SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text).hexdigest()

    @property
    def synthetic(self) -> bool:
        """Whether the version says of itself that it was made from synthetic answers."""
        return self.origin is not None and self.origin.synthetic

    def weights(self, company: CompanyClass, industry: Industry) -> Mapping[str, int]:
        """Item id -> weight in millionths, base items first, then the bonus items in force."""
        return self._weights[company, industry]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> "Model":
        """A copy; what is derived from the fields is derived anew, since `update` may change them."""
        copied = super().model_copy(update=update, deep=deep)
        for derived in ("digest", "_weights"):
            copied.__dict__.pop(derived, None)
        return copied

    @cached_property
    def _weights(self) -> Mapping[tuple[CompanyClass, Industry], Mapping[str, int]]:
        # Once a model: a score of one firm takes less time than its weights do.
        return {
            (company, industry): MappingProxyType(self._composed(company, industry))
            for company in CompanyClass
            for industry in self.judgement
        }

    def _composed(self, company: CompanyClass, industry: Industry) -> dict[str, int]:
        fixed = {
            name: millionths(item.weight[company])
            for name, item in self.items.items()
            if item.block in {"financial", "fact"} and company in item.weight
        }
        block = {name: millionths(weight) for name, weight in self.judgement[industry].items()}
        if self.composition is Composition.BLOCK_RESCALED:
            target = sum(millionths(weight) for weight in self.judgement[Industry.OTHER].values())
            block = _scaled(block, target)
        base = fixed | block
        if self.composition is Composition.NORMALISED:
            base = _scaled(base, MILLIONTHS)
        bonus = {
            name: millionths(item.weight[company])
            for name, item in self.items.items()
            if item.block == "bonus" and company in item.weight
            if name != "joint_guarantee" or self.joint_guarantee
        }
        return base | bonus


class Threshold(Value):
    """심사기준점: governed by the foundations, not published; of one model, class, industry, composition."""

    model: str
    composition: Composition
    company_class: CompanyClass
    industry: Industry
    units: Annotated[int, Field(ge=0)]


def _scaled(weights: dict[str, int], total: int) -> dict[str, int]:
    # Ties go by name: a model read from its JSON has its items in another order and the same weights.
    names = sorted(weights)
    parts = dict(zip(names, split(total, [weights[name] for name in names]), strict=True))
    return {name: parts[name] for name in weights}


@cache
def model2() -> Model:
    """The packaged model 2, as published."""
    return Model.model_validate(table("model2"))


def compose(model: Model, composition: Composition) -> Model:
    """The same model under another composition; the joint-guarantee bonus goes with as_published."""
    keep = model.joint_guarantee and composition is Composition.AS_PUBLISHED
    return model.model_copy(update={"composition": composition, "joint_guarantee": keep})
