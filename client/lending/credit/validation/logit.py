"""Logit by maximum likelihood (statsmodels) and stepwise selection of items by p-value, as P2 section 3.3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from lending.credit.validation.discrimination import two_groups
from lending.credit.validation.errors import RevalidationError, SeparationError
from lending.credit.validation.fit import cox_snell, nagelkerke

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Coefficient:
    """A row of the form of P2 table 11, with Exp(B) and its 95 % interval. wald = (b / se) ** 2, 1 df."""

    item: str
    b: float
    se: float
    wald: float
    p: float
    exp_b: float
    exp_low: float
    exp_high: float


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted logit, accident = 1. The constant is the first coefficient, named const."""

    coefficients: tuple[Coefficient, ...]
    n: int
    accidents: int
    minus_two_log_likelihood: float
    null_minus_two_log_likelihood: float
    lr_chi2: float
    lr_df: int
    lr_p: float
    r2_cox_snell: float
    r2_nagelkerke: float
    probabilities: Floats = field(repr=False, metadata={"json": False})

    @property
    def items(self) -> tuple[str, ...]:
        """The items in the model, in the order of entry."""
        return tuple(row.item for row in self.coefficients[1:])

    @property
    def intercept(self) -> float:
        """The constant, of the sample's rate of accidents."""
        return self.coefficients[0].b

    def linear(self, grades: Floats, items: Sequence[str]) -> Floats:
        """Sum of slopes x grades of firms with shape (n, len(items)), the constant left out."""
        total = np.zeros(len(grades))
        for row in self.coefficients[1:]:
            total += row.b * grades[:, items.index(row.item)]
        return total


@dataclass(frozen=True)
class Step:
    """One step of the selection: `statistic` is the score chi squared on entry, Wald's on removal."""

    number: int
    action: Literal["enter", "remove"]
    item: str
    statistic: float
    p: float


@dataclass(frozen=True, eq=False)
class Selection:
    """The path of a stepwise selection and the fit at its end; `left_out`: item -> why it was none."""

    steps: tuple[Step, ...]
    fit: Fit
    entry: float
    removal: float
    candidates: tuple[str, ...]
    left_out: dict[str, str]


def fit_logit(accident: ArrayLike, grades: ArrayLike, items: Sequence[str]) -> Fit:
    """Maximum likelihood by Newton's method; grades of shape (n, len(items)).

    SeparationError when no finite estimate exists, RevalidationError when items are linearly dependent.
    """
    outcome, design = _checked(accident, grades, items)
    found = _estimate(outcome, design, items)
    names = ("const", *items)
    reach = float(stats.norm.ppf(0.975))
    rows = [
        Coefficient(
            item=name,
            b=float(b),
            se=float(se),
            wald=float((b / se) ** 2),
            p=float(stats.chi2.sf((b / se) ** 2, 1)),
            exp_b=float(np.exp(b)),
            exp_low=float(np.exp(b - reach * se)),
            exp_high=float(np.exp(b + reach * se)),
        )
        for name, b, se in zip(names, found.params, found.bse, strict=True)
    ]
    n, accidents = len(outcome), int(outcome.sum())
    share = accidents / n
    null = n * (share * np.log(share) + (1 - share) * np.log(1 - share))
    chi2 = max(2 * (float(found.llf) - float(null)), 0.0)
    r2 = cox_snell(float(found.llf), float(null), n)
    return Fit(
        coefficients=tuple(rows),
        n=n,
        accidents=accidents,
        minus_two_log_likelihood=-2 * float(found.llf),
        null_minus_two_log_likelihood=-2 * float(null),
        lr_chi2=chi2,
        lr_df=len(items),
        lr_p=float(stats.chi2.sf(chi2, len(items))) if items else 1.0,
        r2_cox_snell=r2,
        r2_nagelkerke=nagelkerke(r2, accidents, n),
        probabilities=np.asarray(found.predict(design), dtype=float),
    )


def select(
    accident: ArrayLike,
    grades: ArrayLike,
    items: Sequence[str],
    *,
    entry: float = 0.20,
    removal: float | None = None,
) -> Selection:
    """Stepwise selection: forward by the score test's p-value, backward by Wald's after each entry.

    An item enters with p <= entry (0.20 in P2, which names neither test nor the limit for removal) and leaves
    with p > removal (default: entry). It ends when nothing enters, or when a set of items comes back.
    """
    removal = entry if removal is None else removal
    if not (0 < entry < 1 and 0 < removal < 1):
        raise RevalidationError(
            f"entry {entry} and removal {removal}: p-values between 0 and 1, both excluded, are needed"
        )
    matrix = np.asarray(grades, dtype=float)
    left_out = {
        name: "every firm has the same grade"
        for name, column in zip(items, matrix.T, strict=True)
        if np.ptp(column) == 0
    }
    candidates = [name for name in items if name not in left_out]
    columns = {name: matrix[:, items.index(name)] for name in candidates}
    chosen: list[str] = []
    steps: list[Step] = []
    for action, name, statistic, p in _path(accident, columns, chosen, left_out, entry, removal):
        steps.append(Step(len(steps) + 1, action, name, statistic, p))
    return Selection(
        steps=tuple(steps),
        fit=fit_logit(accident, _stack(columns, chosen, len(matrix)), chosen),
        entry=entry,
        removal=removal,
        candidates=tuple(columns),
        left_out=left_out,
    )


def _path(
    accident: ArrayLike,
    columns: dict[str, Floats],
    chosen: list[str],
    left_out: dict[str, str],
    entry: float,
    removal: float,
) -> Iterator[tuple[Literal["enter", "remove"], str, float, float]]:
    """The steps; `chosen` is changed in place before each is yielded.

    A rare flag that only accidents have passes the score test and has no finite coefficient: such an item
    moves from `columns` to `left_out`.
    """
    seen: set[frozenset[str]] = set()
    n = len(np.asarray(accident))
    while frozenset(chosen) not in seen:
        seen.add(frozenset(chosen))
        best = _best_entry(accident, columns, chosen, n)
        if best is None or best[2] > entry:
            return
        chosen.append(best[0])
        try:
            fit = fit_logit(accident, _stack(columns, chosen, n), chosen)
        except SeparationError:
            chosen.remove(best[0])
            del columns[best[0]]
            left_out[best[0]] = "one of its grades has accidents alone, or healthy firms alone"
            seen.discard(frozenset(chosen))
            continue
        yield "enter", *best
        while chosen:
            worst = max(fit.coefficients[1:], key=lambda row: row.p)
            if worst.p <= removal:
                break
            chosen.remove(worst.item)
            yield "remove", worst.item, worst.wald, worst.p
            fit = fit_logit(accident, _stack(columns, chosen, n), chosen)


def _best_entry(
    accident: ArrayLike, columns: dict[str, Floats], chosen: list[str], n: int
) -> tuple[str, float, float] | None:
    outcome, design = _checked(accident, _stack(columns, chosen, n), chosen)
    found = _estimate(outcome, design, chosen)
    tests = []
    for name, column in columns.items():
        if name in chosen or np.linalg.matrix_rank(np.column_stack((design, column))) <= design.shape[1]:
            continue
        test = found.score_test(exog_extra=column[:, np.newaxis])
        tests.append((name, float(np.squeeze(test.statistic)), float(np.squeeze(test.pvalue))))
    # The p-value alone would leave the order of overwhelming items to underflow.
    return min(tests, key=lambda one: (one[2], -one[1])) if tests else None


def _stack(columns: dict[str, Floats], chosen: Sequence[str], n: int) -> Floats:
    return np.column_stack([columns[name] for name in chosen]) if chosen else np.empty((n, 0))


def _checked(accident: ArrayLike, grades: ArrayLike, items: Sequence[str]) -> tuple[Floats, Floats]:
    matrix = np.asarray(grades, dtype=float)
    if matrix.ndim != 2 or matrix.shape[1] != len(items):
        raise RevalidationError(f"{len(items)} items need as many columns of grades")
    for name, column in zip(items, matrix.T, strict=True):
        if np.isnan(column).any():
            raise RevalidationError(f"item {name!r} is not graded for every firm of the sample")
    outcome, _ = two_groups(accident, np.zeros(len(matrix)))
    return outcome.astype(float), np.column_stack((np.ones(len(matrix)), matrix))


def _estimate(outcome: Floats, design: Floats, items: Sequence[str]) -> Any:
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise RevalidationError(f"items {', '.join(items)} are linearly dependent: leave one out")
    model = sm.Logit(outcome, design)
    # The library would only warn, and go on to estimates that are not there.
    model.raise_on_perfect_prediction = True
    try:
        found = model.fit(disp=0, method="newton", maxiter=100, warn_convergence=False)
    except (PerfectSeparationError, np.linalg.LinAlgError) as error:
        raise SeparationError(_separated(items)) from error
    # On the way to infinity the odds of some firm leave what any data of this size could show.
    reach = float(np.abs(found.params[1:] * np.ptp(design[:, 1:], axis=0)).max(initial=0.0))
    if not found.mle_retvals["converged"] or reach > _FURTHEST or not np.isfinite(found.bse).all():
        raise SeparationError(_separated(items))
    return found


_FURTHEST = 30.0


def _separated(items: Sequence[str]) -> str:
    return (
        f"items {', '.join(items)} tell accidents from healthy firms without error, if only in one grade, so "
        "a coefficient is infinite: leave an item out, or take more firms"
    )
