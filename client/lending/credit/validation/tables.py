"""A revalidation as text: tables in the form of P2 11 and 12, and what stands around them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from lending.credit.validation.fit import Classification
from lending.credit.validation.logit import Fit
from lending.credit.validation.revalidation import Revalidation

Rows = list[tuple[str, ...]]


def p_text(p: float) -> str:
    """A p-value with three decimals; below that `<0.001`, since none is zero."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def coefficient_table(result: Revalidation) -> Rows:
    """The form of P2 table 11, with Exp(B) and its interval; first row the header."""
    fit: Fit = result.logit.selection.fit
    header = ("평가 항목 Item", "B", "S.E.", "Wald", "p", "Exp(B)", "95 % CI")
    rows: Rows = [header]
    rows += [
        (
            " ".join(dict.fromkeys(result.name(row.item))),
            f"{row.b:.3f}",
            f"{row.se:.3f}",
            f"{row.wald:.3f}",
            p_text(row.p),
            f"{row.exp_b:.3f}",
            f"{row.exp_low:.3f} to {row.exp_high:.3f}",
        )
        for row in fit.coefficients
    ]
    return rows


def classification_table(table: Classification) -> Rows:
    """The form of P2 table 12; first row the header, last the column totals."""
    hit, miss = table.true_positive, table.false_negative
    alarm, clear = table.false_positive, table.true_negative
    return [
        ("관측 Observed", "예측 Predicted 1", "예측 Predicted 0", "합계 Total"),
        ("Y=1 사고 Accident", str(hit), str(miss), str(hit + miss)),
        ("Y=0 건전 Healthy", str(alarm), str(clear), str(alarm + clear)),
        ("합계 Total", str(hit + alarm), str(miss + clear), str(hit + miss + alarm + clear)),
    ]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, the first flush left; Korean letters are two cells wide."""
    widths = [max(_cells(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            _pad(text, width, left=column == 0)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_text(result: Revalidation) -> str:
    """The whole result on some fifty lines, notes first."""
    logit, fit = result.logit, result.logit.selection.fit
    parts = [f"* {note.ko}\n  {note.en}" for note in result.notes]
    parts.append(
        f"{len(result.portfolio)} firms; balanced draw of {result.draw.accidents} accidents and "
        f"{result.draw.healthy} healthy firms in {len(result.draw.strata)} strata, seed {result.seed}"
    )
    parts += [
        f"  {one.code} {one.field}: {one.rows} rows. {one.en}"
        if one.rows
        else f"  {one.code} {one.field}: {one.en}"
        for one in result.findings
    ]
    selection = logit.selection
    parts.append(f"\nSelection (entry p {selection.entry:g}, removal p {selection.removal:g})")
    parts += [
        f"  {step.number}. {'+' if step.action == 'enter' else '-'} {step.item}"
        f"  chi2 {step.statistic:.3f}  p {p_text(step.p)}"
        for step in selection.steps
    ]
    parts.append(
        "\n표 11 양식 In the form of P2 table 11: stepwise logit, accident = 1\n"
        + aligned(coefficient_table(result))
    )
    parts.append(
        f"n {fit.n}, -2LL {fit.minus_two_log_likelihood:.3f}, LR chi2 {fit.lr_chi2:.3f} ({fit.lr_df} df, "
        f"p {p_text(fit.lr_p)}), R2 Cox-Snell (ML) {fit.r2_cox_snell:.4f}, "
        f"R2 Nagelkerke {fit.r2_nagelkerke:.4f}"
    )
    parts.append(
        "\n표 12 양식 In the form of P2 table 12: cutoff 0.5\n"
        + aligned(classification_table(logit.classification))
    )
    parts.append(f"CCR {logit.classification.accuracy:.4f}, computed from the table")
    parts.append(
        f"\nIntercept {fit.intercept:.3f} at {logit.sampled_rate:.2%} accidents in the draw -> "
        f"{logit.intercept_corrected:.3f} at {logit.rate:.3%} in the population (King & Zeng 2001)"
    )
    parts.append("\n" + aligned(_measures(result)))
    if result.stability is not None:
        rows: Rows = [("안정성 Stability", "PSI", "")]
        shifts = [*result.stability.population, *result.stability.items]
        if result.stability.score is not None:
            shifts.insert(0, result.stability.score)
        rows += [(one.name, f"{one.psi:.4f}", str(one.shift)) for one in shifts]
        parts.append("\n" + aligned(rows))
    return "\n".join(parts)


def _measures(result: Revalidation) -> Rows:
    logit = result.logit
    found = [("logit, draw", logit.discrimination)]
    if result.score is not None:
        found.append((f"score, {result.score.model}", result.score.discrimination))
    rows: Rows = [("판별력 Discrimination", "AUC", "S.E.", "95 % CI", "Gini", "KS")]
    rows += [
        (
            name,
            f"{one.auc:.4f}",
            f"{one.auc_se:.4f}",
            f"{one.auc_low:.4f} to {one.auc_high:.4f}",
            f"{one.gini:.4f}",
            f"{one.ks:.4f}",
        )
        for name, one in found
    ]
    rows.append(("보정 Calibration", "Brier", "slope", "intercept", "HL chi2", "p"))
    for name, part in (("logit, draw", logit.in_sample), ("corrected, all firms", logit.population)):
        test = part.hosmer_lemeshow
        rows.append(
            (
                name,
                f"{part.brier.score:.4f}",
                f"{part.slope:.3f}",
                f"{part.intercept:.3f}",
                f"{test.chi2:.3f} ({test.df} df)",
                p_text(test.p),
            )
        )
    return rows


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _pad(text: str, width: int, *, left: bool) -> str:
    gap = " " * (width - _cells(text))
    return text + gap if left else gap + text
