"""What `dure ahp` says to people: bars, figures in words, and what to think over."""

from __future__ import annotations

from collections.abc import Sequence

from lending.cli.desk import width
from lending.credit.ahp import ComparisonMatrix, Consistency, Repair, Weights, ratio_text

_BAR = 32


def bars(found: Weights) -> str:
    """A line an item: its weight, and a bar of which the heaviest item's is the longest."""
    wide = max(map(width, found.labels))
    most = float(found.values.max())
    lines = []
    for label, value in found.as_dict().items():
        eighths = round(value / most * _BAR * 8)
        bar = "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]
        lines.append(f"{label}{' ' * (wide - width(label))}  {value:.4f}  {bar}")
    return "\n".join(lines)


def sentence(matrix: ComparisonMatrix, found: Weights, completion: str, random_index: str) -> str:
    """How consistent the comparisons are, and how many were not made."""
    missing = len(matrix.missing)
    gaps = f" {missing} comparisons were not made and completed by {completion}." if missing else ""
    if missing == 1:
        gaps = f" One comparison was not made and completed by {completion}."
    if not found.random_index:
        return "Nothing can be inconsistent here: each comparison stands alone." + gaps
    figures = (
        f"lambda_max {found.lambda_max:.4f}, consistency index {found.consistency_index:.4f}, "
        f"random index {found.random_index:.4g} ({random_index})"
    )
    verdict = (
        "consistent enough by Saaty's rule of 0.1"
        if found.consistency_ratio <= 0.1
        else "over Saaty's rule of 0.1; `dure ahp repair` says which judgement to think over"
    )
    return f"Consistency ratio {found.consistency_ratio:.3f} ({figures}): {verdict}.{gaps}"


def check_lines(report: Consistency, limit: float, acceptable: bool, worst: int) -> list[str]:
    """The verdict, every index, and the worst comparisons and triads."""
    verdict = "at most" if acceptable else "over"
    lines = [
        f"Consistency ratio {report.consistency_ratio:.4f}, {verdict} the limit of {limit:g}.",
        "",
        f"lambda_max                   {report.lambda_max:.6f}",
        f"consistency index            {report.consistency_index:.6f}",
        f"random index                 {report.random_index:.4g}",
        f"geometric consistency index  {report.geometric_consistency_index:.6f}  "
        f"({report.geometric_limit:g} goes with a ratio of 0.1)",
        f"Koczkodaj's index            {report.koczkodaj_index:.6f}",
    ]
    off = [one for one in report.cells if abs(one.error - 1) > 1e-9][:worst]
    if off:
        lines += ["", "Comparisons furthest from the weights:", *(f"  {one}" for one in off)]
    against = [one for one in report.triads if one.factor > 1 + 1e-9][:worst]
    if against:
        lines += ["", "Triads that contradict most:", *(f"  {one}" for one in against)]
    return lines


def repair_lines(
    before: Weights, after: Weights, singles: Sequence[Repair], steps: Sequence[Repair], limit: float
) -> list[str]:
    """Single changes, the sequence, and how the weights would move."""
    if before.consistency_ratio <= limit:
        return [
            f"The consistency ratio is {before.consistency_ratio:.3f}, at most {limit:g}: nothing to repair."
        ]
    lines = ["One change alone, the most effective first:"]
    lines += [f"  {one}" + _exactly(one) for one in singles[:5]]
    lines += ["", "In this order, each after the others:", *(f"  {one}" for one in steps)]
    if after.consistency_ratio > limit:
        lines += ["", f"No further change on Saaty's scale helps: {after.consistency_ratio:.3f} remains."]
    moved = [
        f"{label} {old:.3f} -> {new:.3f}"
        for label, old, new in zip(before.labels, before.values, after.values, strict=True)
    ]
    return [*lines, "", f"The weights would move: {', '.join(moved)}."]


def _exactly(one: Repair) -> str:
    if one.nearest is None:
        return ""
    return f" (off the scale, {ratio_text(one.nearest)} is just enough, {ratio_text(one.best)} best)"
