"""A revalidation from end to end: data quality, draw, logit, discrimination, calibration, stability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lending.credit.validation.calibration import Band, Calibration, bands, calibrate
from lending.credit.validation.discrimination import Discrimination, discriminate
from lending.credit.validation.errors import RevalidationError
from lending.credit.validation.fit import Classification, classify
from lending.credit.validation.logit import Selection, select
from lending.credit.validation.portfolio import SYNTHETIC_EN, SYNTHETIC_KO, Portfolio
from lending.credit.validation.priors import corrected_intercept
from lending.credit.validation.published import published
from lending.credit.validation.quality import Finding, check, item_levels, usable
from lending.credit.validation.sampling import Draw, balanced_draw
from lending.credit.validation.stability import Stability, stability, stability_of_grades, stability_of_scores
from lending_domain.model import Model, model2

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Note:
    """What a reader must know before using a figure."""

    code: str
    ko: str
    en: str


@dataclass(frozen=True)
class Group:
    """A row of the forms of P2 tables 8 and 9; shares are of all firms and of all accidents."""

    name: str
    firms: int
    firm_share: float
    accidents: int
    accident_share: float
    rate: float


@dataclass(frozen=True)
class ItemSummary:
    """A row of the form of P2 table 10: grades there are, mean, sd (n - 1), the commonest grade's share."""

    item: str
    graded: int
    levels: tuple[int, ...]
    mean: float
    sd: float
    commonest: int
    commonest_share: float


@dataclass(frozen=True, eq=False)
class LogitResult:
    """The refitted logit on the balanced draw, and carried to the population.

    discrimination and calibration `in_sample` are of the firms it was fitted on and flatter it;
    `population` calibrates the corrected probabilities on all `firms` that have an outcome and a grade for
    every candidate.
    outcomes: of the draw, shape (n,), in the order of the fit's probabilities.
    """

    selection: Selection
    classification: Classification
    discrimination: Discrimination
    in_sample: Calibration
    firms: int
    sampled_rate: float
    rate: float
    intercept_corrected: float
    population: Calibration
    outcomes: Floats = field(repr=False, metadata={"json": False})


@dataclass(frozen=True)
class ScoreResult:
    """The model's own score against outcomes; bands from the lowest score to the highest."""

    model: str
    firms: int
    discrimination: Discrimination
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class StabilityResult:
    """PSI against the baseline: of the score (None when neither has one), the population and each item."""

    baseline_firms: int
    baseline_synthetic: bool
    score: Stability | None
    population: tuple[Stability, ...]
    items: tuple[Stability, ...]


@dataclass(frozen=True, eq=False)
class Revalidation:
    """All results; `to_json` gives them as plain values."""

    portfolio: Portfolio
    synthetic: bool
    seed: int
    notes: tuple[Note, ...]
    findings: tuple[Finding, ...]
    company_classes: tuple[Group, ...]
    industries: tuple[Group, ...]
    items: tuple[ItemSummary, ...]
    draw: Draw
    logit: LogitResult
    score: ScoreResult | None
    stability: StabilityResult | None
    names: Mapping[str, tuple[str, str]]

    def name(self, item: str) -> tuple[str, str]:
        """An item's Korean and English name; its id where it has none."""
        return ("상수", "Constant") if item == "const" else self.names.get(item, (item, item))

    def to_json(self) -> dict[str, Any]:
        """Objects, lists, numbers and texts; a number that does not exist is null."""
        left_out = {"portfolio", "names"}
        return {one.name: plain(getattr(self, one.name)) for one in fields(self) if one.name not in left_out}


def revalidate(
    portfolio: Portfolio,
    *,
    baseline: Portfolio | None = None,
    model: Model | None = None,
    seed: int = 0,
    entry: float = 0.20,
    removal: float | None = None,
    items: Sequence[str] | None = None,
    rate: float | None = None,
) -> Revalidation:
    """Revalidate a model on firms with outcomes, as P2 section 3.3.

    model: scores firms that bring no score (model 2 unless said). items: candidates of the selection; by
    default, as in P2, those graded for every firm and not by an officer's judgement. rate: the population's
    accident rate for the prior correction; the portfolio's unless said. Firms without outcome count for PSI
    alone. RevalidationError when accidents or healthy firms are lacking, or no item enters.
    """
    model = model or model2()
    scales = item_levels(model)
    whole = portfolio.with_scores(model)
    known = whole.only(np.isin(whole.accident, (0.0, 1.0)))
    names = {**published().names, **{name: (item.ko, item.en) for name, item in model.items.items()}}
    candidates, left_out = _candidates(known, model, scales, items)
    for item in candidates:
        known = known.only(usable(known, item, scales.get(item, tuple(range(1, 7)))))
    draw = balanced_draw(known, seed=seed)
    before = baseline.with_scores(model) if baseline is not None else None
    synthetic = whole.synthetic or (before is not None and before.synthetic)
    return Revalidation(
        portfolio=whole,
        synthetic=synthetic,
        seed=seed,
        notes=_notes(synthetic, before is not None),
        findings=check(whole, model),
        company_classes=_groups(whole, whole.company_class),
        industries=_groups(whole, whole.industry),
        items=tuple(_summary(whole, item, scales) for item in whole.items),
        draw=draw,
        logit=_logit(known, draw, candidates, left_out, entry, removal, rate),
        score=_score(whole, model),
        stability=None if before is None else _stability(whole, before),
        names=names,
    )


def plain(value: Any) -> Any:
    """Dataclasses, arrays and numpy's numbers as what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            one.name: plain(getattr(value, one.name))
            for one in fields(value)
            if one.metadata.get("json", True)
        } | {name: plain(getattr(value, name)) for name in _computed(type(value))}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not isfinite(value):
        return None
    return value


def _computed(kind: type) -> list[str]:
    return [name for name, one in vars(kind).items() if isinstance(one, property)]


def _candidates(
    known: Portfolio, model: Model, scales: Mapping[str, tuple[int, ...]], items: Sequence[str] | None
) -> tuple[list[str], dict[str, str]]:
    if items is not None:
        unknown = [item for item in items if item not in known.items]
        if unknown:
            raise RevalidationError(f"the data have no item {', '.join(unknown)}")
        return list(items), {}
    judged = {margin.item for margin in published().margins if margin.judgement}
    judged |= {name for name, item in model.items.items() if item.kind == "judgement"}
    partial = {margin.item for margin in published().margins if margin.company_class or margin.industry}
    candidates, left_out = [], {}
    for item in known.items:
        if item in judged:
            left_out[item] = "graded by an officer's judgement"
        elif item in partial:
            left_out[item] = "asked of one company class or industry alone"
        elif usable(known, item, scales.get(item, tuple(range(1, 7)))).mean() < 0.5:
            left_out[item] = "graded for less than half of the firms"
        else:
            candidates.append(item)
    return candidates, left_out


def _logit(
    known: Portfolio,
    draw: Draw,
    candidates: list[str],
    left_out: dict[str, str],
    entry: float,
    removal: float | None,
    rate: float | None,
) -> LogitResult:
    sample = known.only(draw.rows)
    columns = [known.items.index(item) for item in candidates]
    selection = select(sample.accident, sample.grades[:, columns], candidates, entry=entry, removal=removal)
    selection.left_out.update(left_out)
    fit = selection.fit
    if not fit.items:
        raise RevalidationError(
            f"no item enters at p <= {entry:g}: raise --entry, or take more firms with accidents"
        )
    sampled = float(sample.accident.mean())
    population_rate = float(known.accident.mean()) if rate is None else rate
    intercept = corrected_intercept(fit.intercept, population_rate, sampled)
    odds = intercept + fit.linear(known.grades, known.items)
    return LogitResult(
        selection=selection,
        classification=classify(sample.accident, fit.probabilities),
        discrimination=discriminate(sample.accident, fit.probabilities),
        in_sample=calibrate(sample.accident, fit.probabilities),
        firms=len(known),
        sampled_rate=sampled,
        rate=population_rate,
        intercept_corrected=intercept,
        population=calibrate(known.accident, 1 / (1 + np.exp(-odds)), fitted=False),
        outcomes=sample.accident,
    )


def _score(whole: Portfolio, model: Model) -> ScoreResult | None:
    scored = whole.only(np.isin(whole.accident, (0.0, 1.0)) & ~np.isnan(whole.score))
    if len(np.unique(scored.accident)) < 2:
        return None
    return ScoreResult(
        model=model.id,
        firms=len(scored),
        # A higher score is a lower risk.
        discrimination=discriminate(scored.accident, -scored.score),
        bands=bands(scored.accident, scored.score),
    )


def _stability(present: Portfolio, before: Portfolio) -> StabilityResult:
    scored = not (np.isnan(present.score).all() or np.isnan(before.score).all())
    return StabilityResult(
        baseline_firms=len(before),
        baseline_synthetic=before.synthetic,
        score=stability_of_scores("score", before.score, present.score) if scored else None,
        population=tuple(
            _stability_of_words(name, getattr(before, name), getattr(present, name))
            for name in ("company_class", "industry")
        ),
        items=tuple(
            stability_of_grades(item, before.column(item), present.column(item))
            for item in present.items
            if item in before.items
        ),
    )


def _stability_of_words(name: str, before: NDArray[np.str_], present: NDArray[np.str_]) -> Stability:
    words = [str(word) for word in np.unique(np.concatenate((before, present)))]
    return stability(
        name, words, [np.sum(before == word) for word in words], [np.sum(present == word) for word in words]
    )


def _groups(portfolio: Portfolio, labels: NDArray[np.str_]) -> tuple[Group, ...]:
    accidents = portfolio.accident == 1
    all_accidents = max(int(accidents.sum()), 1)
    found = []
    for name in np.unique(labels):
        here = labels == name
        known = here & np.isin(portfolio.accident, (0.0, 1.0))
        hits = int((accidents & here).sum())
        found.append(
            Group(
                name=str(name),
                firms=int(here.sum()),
                firm_share=float(here.mean()),
                accidents=hits,
                accident_share=hits / all_accidents,
                rate=hits / int(known.sum()) if known.any() else float("nan"),
            )
        )
    return tuple(found)


def _summary(portfolio: Portfolio, item: str, scales: Mapping[str, tuple[int, ...]]) -> ItemSummary:
    levels = scales.get(item, tuple(range(1, 7)))
    column = portfolio.column(item)[usable(portfolio, item, levels)]
    if not len(column):
        nan = float("nan")
        return ItemSummary(item, 0, levels, nan, nan, 0, nan)
    grades, counts = np.unique(column, return_counts=True)
    return ItemSummary(
        item=item,
        graded=len(column),
        levels=levels,
        mean=float(column.mean()),
        sd=float(column.std(ddof=1)) if len(column) > 1 else float("nan"),
        commonest=int(grades[np.argmax(counts)]),
        commonest_share=float(counts.max() / counts.sum()),
    )


def _notes(synthetic: bool, compared: bool) -> tuple[Note, ...]:
    notes = [Note("SYNTHETIC", SYNTHETIC_KO, SYNTHETIC_EN)] if synthetic else []
    notes += [
        Note(
            "NO_DEFAULT_PROBABILITY",
            "사전확률을 보정하였더라도 참된 부도확률이 아니다. 사고가 드러나기까지 2~3년이 걸리고"
            " 보증이 승인된 기업만 관찰되었기 때문이다(논문 3.1절).",
            "Even with the prior corrected this is no true default probability: accidents take two or three"
            " years to show, and only firms that were accepted are seen (P2 section 3.1).",
        ),
        Note(
            "IN_SAMPLE",
            "균형표본에서 추정한 모형의 판별력과 적합도는 같은 표본에서 잰 것이므로 실제보다 좋게 나온다.",
            "Discrimination and fit of the logit are measured on the sample that it was fitted on, and so"
            " flatter it.",
        ),
    ]
    if not compared:
        notes.append(
            Note(
                "NO_BASELINE",
                "비교할 기준 집단이 주어지지 않아 안정성지수(PSI)는 계산하지 않았다.",
                "Without a baseline there is no stability index: give one with --baseline.",
            )
        )
    return tuple(notes)
