"""What P2 prints about its 33,752 firms, and what follows from the printed figures alone.

Lee, Kim, Ha and Roh (2007), tables 8 to 12 and section 3.3. The firms are not published: every figure here
is the paper's, or derived from the paper's, and is never to be shown as a result of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from lending.credit.validation.discrimination import gini, hanley_mcneil
from lending.credit.validation.fit import Classification, cox_snell_to_chi2, nagelkerke
from lending.credit.validation.priors import corrected_intercept
from lending_domain.model import model2

FLAG = (1, 6)
"""The grades of an item that is a flag."""


@dataclass(frozen=True)
class Margin:
    """A row of table 10: mean and sd of the grades `levels`, of all firms or of one class or industry.

    inferred_mean is what must stand for a mean that cannot have the printed sd; None where it can.
    """

    item: str
    levels: tuple[int, ...]
    mean: float
    sd: float
    company_class: str | None
    industry: str | None
    judgement: bool
    inferred_mean: float | None


@dataclass(frozen=True)
class PrintedCoefficient:
    """A row of table 11; p is text, as printed."""

    item: str
    b: float
    se: float
    wald: float
    p: str


@dataclass(frozen=True)
class Counts:
    """Firms and accidents among them."""

    firms: int
    accidents: int


@dataclass(frozen=True)
class Published:
    """Tables 8 to 12 of P2. names: item -> (Korean, English)."""

    source: str
    total: Counts
    company_class: Mapping[str, Counts]
    industry: Mapping[str, Counts]
    margins: tuple[Margin, ...]
    logit: tuple[PrintedCoefficient, ...]
    classification: Classification
    fit: Mapping[str, float]
    names: Mapping[str, tuple[str, str]]

    @property
    def slopes(self) -> dict[str, float]:
        """Table 11's coefficients without the constant."""
        return {row.item: row.b for row in self.logit if row.item != "const"}

    @property
    def intercept(self) -> float:
        """Table 11's constant, of a sample that is half accidents."""
        return next(row.b for row in self.logit if row.item == "const")

    @property
    def rate(self) -> float:
        """Accidents in all firms, 0.01262."""
        return self.total.accidents / self.total.firms

    def derived(self) -> dict[str, float]:
        """What follows from the printed figures: r2_nagelkerke, lr_chi2, ccr, gini, auc_se, intercept."""
        matrix, auc = self.classification, self.fit["auc"]
        positives = matrix.true_positive + matrix.false_negative
        negatives = matrix.false_positive + matrix.true_negative
        n = positives + negatives
        return {
            "r2_nagelkerke": nagelkerke(self.fit["r2_ml"], positives, n),
            "lr_chi2": cox_snell_to_chi2(self.fit["r2_ml"], n),
            "ccr": matrix.accuracy,
            "sensitivity": matrix.sensitivity,
            "specificity": matrix.specificity,
            "gini": gini(auc),
            "auc_se": hanley_mcneil(auc, positives, negatives),
            "intercept_corrected": corrected_intercept(self.intercept, self.rate, positives / n),
        }


@cache
def published() -> Published:
    """The packaged figures."""
    text = resources.files("lending.credit.validation").joinpath("published.yaml").read_text("utf-8")
    document = yaml.safe_load(text)
    names = {name: (item.ko, item.en) for name, item in model2().items.items()}
    names |= {name: (one["ko"], one["en"]) for name, one in document["dropped_items"].items()}
    return Published(
        source=document["source"],
        total=Counts(document["firms"], document["accidents"]),
        company_class={name: Counts(**one) for name, one in document["company_class"].items()},
        industry={name: Counts(**one) for name, one in document["industry"].items()},
        margins=tuple(
            Margin(
                item=row["item"],
                levels=FLAG if row.get("flag") else tuple(range(1, row["grades"] + 1)),
                mean=row["mean"],
                sd=row["sd"],
                company_class=row.get("company_class"),
                industry=row.get("industry"),
                judgement=row.get("judgement", False),
                inferred_mean=row.get("inferred_mean"),
            )
            for row in document["margins"]
        ),
        logit=tuple(PrintedCoefficient(**row) for row in document["logit"]),
        classification=Classification(**document["classification"]),
        fit=document["fit"],
        names=names,
    )
