"""The report as one HTML page that needs no network: lanes, letters, the score's waterfall, who sees what."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from lending.credit.explanation import in_order
from lending.credit.explanation_words import BLOCK_WORDS, points_text
from lending_domain.score import Evaluation

_LANES = ("application", "referral", "guarantee", "execution")
_FOUNDING = {
    "vote_charter",
    "propose_model",
    "comment_model",
    "vote_model",
    "activate_model",
    "vote_threshold",
    "share_duplicate_key",
}
# Parts of the story by what a step's title ends with; the rest is the first applicant's.
_PARTS = {
    "(second applicant)": "The second applicant's loan, beside it",
    "(staged for the attempts)": "A third application, staged for the attempts",
}
_BEFORE = "What the consortium decided before"
_MAIN = "The loan, channel by channel"


def page(report: Mapping[str, Any]) -> str:
    """Render the page; every figure on it is the report's own."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(resources.files("lending").joinpath("report.html").read_text())
    final = report["final"]
    return template.render(
        report=report,
        final=final,
        lanes=_LANES,
        main=_MAIN,
        parts=_parts([_step(step, final["letters"]) for step in report["steps"]]),
        waterfall=_waterfall(final.get("evaluation")),
        explanation=final.get("explanation"),
        review=_review(final.get("review")),
    )


def _review(review: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The second applicant's review: its dates, and the scores before and after as text."""
    if review is None:
        return None
    return {**review, **{f"{name}_score": points_text(review[name]["total"]) for name in ("before", "after")}}


def _parts(steps: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The steps by part of the story; empty parts are left out."""
    parts: dict[str, list[dict[str, Any]]] = {_BEFORE: [], _MAIN: []}
    for step in steps:
        name = next((part for ending, part in _PARTS.items() if step["title"].endswith(ending)), _MAIN)
        if step["function"] in _FOUNDING:
            name = _BEFORE
        parts.setdefault(name, []).append(step)
    return {name: found for name, found in parts.items() if found}


def _step(step: Mapping[str, Any], letters: list[Mapping[str, Any]]) -> dict[str, Any]:
    lane = step.get("channel")
    return {
        "channel": None,
        "chaincode": "",
        "function": "",
        "transaction_id": "",
        "block_number": None,
        "validation_code": "",
        "endorsers": [],
        **step,
        "column": _LANES.index(lane) + 1 if lane in _LANES else 0,
        "letters": [letter for letter in letters if letter["step"] == step["step"]],
    }


def _waterfall(evaluation: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Rows in per cent of the highest score that can be had; points are integers of 1/60,000,000.

    Block by block as the explanation has them; base and bonus apart, each with its subtotal.
    """
    if evaluation is None:
        return None
    result = Evaluation.model_validate(evaluation)
    ordered = in_order(result)
    highest = max(sum(row.most for row in ordered), 1)
    rows, reached = [], 0
    for row in ordered:
        rows.append(
            {
                **row.model_dump(),
                "left": 100 * reached / highest,
                "width": 100 * row.points / highest,
                "pale": 100 * row.most / highest,
                "earned": points_text(row.points),
                "lost": points_text(row.most - row.points),
            }
        )
        reached += row.points
    base = sum(row.most for row in ordered if row.block != "bonus")
    return {
        "blocks": {block: words[1] for block, words in BLOCK_WORDS.items()},
        "base_rows": [row for row in rows if row["block"] != "bonus"],
        "bonus_rows": [row for row in rows if row["block"] == "bonus"],
        "base": _sum(result.base, base, highest),
        "bonus": _sum(result.bonus, highest - base, highest),
        "total": points_text(result.total),
        "width": 100 * result.total / highest,
    }


def _sum(units: int, most: int, highest: int) -> dict[str, Any]:
    return {
        "score": points_text(units),
        "most": points_text(most),
        "lost": points_text(most - units),
        "width": 100 * units / highest,
    }
