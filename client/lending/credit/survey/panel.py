"""A synthetic panel: 189 raters of whom the screen accepts 118, calibrated to P2's tables 15 to 19.

P2 publishes weights and two counts, no answers. The panel is made backwards from them: it shows what the
pipeline does with such a survey and replicates nothing, since its result is its input. No person answered.
Judgements are real-valued ratios within the scale, not its steps: only so can a mean be met exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from lending.credit.ahp import weigh_many
from lending.credit.survey.definition import Criterion, Definition, Matrix, SurveyError, packaged
from lending.credit.survey.response import Origin, SignedResponse, respond

LABEL_KO = "합성 자료: 논문의 표에 맞추어 프로그램이 만든 응답이며, 실제 응답도 논문의 재현도 아닙니다."
LABEL_EN = (
    "SYNTHETIC: answers drawn by a program and calibrated to the paper's tables; "
    "no person gave them, and they replicate nothing."
)
RATERS, ACCEPTED, LIMIT = 189, 118, 0.2
"""P2 section 4.3."""
_NOBODY_ANSWERED = datetime(1970, 1, 1, tzinfo=UTC)
_SPREAD = 0.4
"""Half the width of a rater's deviation from the mean, of logarithms: ratios stay within 1/9 to 9."""
_EVEN, _TORN = 0.3, 0.9
"""Deviation of a judgement's logarithm from consistency, of raters who pass the screen and who do not."""

Target = Mapping[str, Mapping[str, float]]
"""Matrix id -> item id -> local weight."""


@dataclass(frozen=True)
class Panel:
    """Synthetic responses, and what they were made to meet."""

    definition: Definition
    seed: int
    accepted: int
    target: Target
    source: str
    responses: tuple[SignedResponse, ...]

    def to_dict(self) -> dict[str, Any]:
        """The file of the panel, labelled."""
        return {
            "synthetic": True,
            "label_ko": LABEL_KO,
            "label_en": LABEL_EN,
            "survey": self.definition.id,
            "definition_digest": self.definition.digest,
            "seed": self.seed,
            "raters": len(self.responses),
            "accepted": self.accepted,
            "limit": LIMIT,
            "target": {
                "source": self.source,
                "met_by": "arithmetic mean of the accepted raters' local weights (eigenvector)",
                "local_weights": {name: dict(weights) for name, weights in self.target.items()},
            },
            "responses": [one.model_dump(mode="json") for one in self.responses],
        }


def p2_target(definition: Definition) -> tuple[Target, str]:
    """Local weights that round to every figure of tables 15 to 19, and where they are from."""
    text = (files(__package__) / "data" / "p2-target.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    leaves = {name: {k: float(v) for k, v in block.items()} for name, block in content["leaves"].items()}
    totals: dict[str, float] = {}
    target: dict[str, dict[str, float]] = {}

    def total(node: Criterion, block: str) -> float:
        if not node.children:
            return leaves[block][node.id] if node.id in leaves[block] else totals[node.id]
        weights = {child.id: total(child, block) for child in node.children}
        summed = sum(weights.values())
        target[node.id] = {name: weight / summed for name, weight in weights.items()}
        return summed

    # The base comes last: it asks for the totals of what fills it.
    for block in (*definition.blocks[1:], definition.blocks[0]):
        summed = total(block, block.id)
        if block.fills is not None and block.scale is None:
            totals[block.fills] = summed
    return target, content["source"]


def calibrated_panel(
    definition: Definition | None = None,
    *,
    seed: int = 2007,
    raters: int = RATERS,
    accepted: int = ACCEPTED,
    target: Target | None = None,
) -> Panel:
    """Synthetic raters of whom `accepted` pass the screen at 0.2 and average to `target`.

    The target defaults to P2's (for its survey). Each matrix of each accepted rater has a given principal
    eigenvector and a consistency ratio of at most 0.2; these vectors' arithmetic mean is the target, to
    about 1e-15. Each rejected rater exceeds 0.2 in one to three matrices. The same seed, the same panel.
    """
    definition = definition or packaged()
    source = "given by the caller"
    if target is None:
        target, source = p2_target(definition)
    screened = definition.screened
    if not 0 < accepted <= raters or (accepted < raters and not screened):
        raise SurveyError("a panel has raters, some accepted; a survey of pairs alone rejects nobody")
    random = np.random.default_rng(seed)
    torn = np.zeros((raters, len(screened)), dtype=bool)
    for row in torn[accepted:]:
        count = min(int(random.integers(1, 4)), len(screened))
        row[random.permutation(len(screened))[:count]] = True
    answers: list[dict[str, str]] = [{} for _ in range(raters)]
    for matrix in definition.matrices.values():
        if matrix.size < 2:
            continue
        mean = np.array([target[matrix.id][item] for item in matrix.items])
        weights = np.concatenate(
            [_around(mean, accepted, random, exact=True), _around(mean, raters - accepted, random)]
        )
        bad = torn[:, screened.index(matrix)] if matrix in screened else np.zeros(raters, dtype=bool)
        for place, judged in enumerate(_judge(weights, bad, definition.scale.largest, random)):
            answers[place].update(_as_answers(matrix, judged))
    order = random.permutation(raters)
    responses = tuple(
        respond(
            definition,
            answers[place],
            _NOBODY_ANSWERED,
            rater=f"synthetic-{number:03d}",
            origin=Origin.SYNTHETIC,
        )
        for number, place in enumerate(order.tolist(), 1)
    )
    return Panel(definition, seed, accepted, target, source, responses)


def _around(
    mean: NDArray[np.float64], count: int, random: np.random.Generator, *, exact: bool = False
) -> NDArray[np.float64]:
    """(count, n) weights about a mean; `exact` fits rows of sum 1 to it by iterative proportional fitting."""
    weights = mean * np.exp(random.uniform(-_SPREAD, _SPREAD, size=(count, len(mean))))
    weights /= weights.sum(axis=1, keepdims=True)
    if exact:
        for _ in range(200):
            weights *= mean / weights.mean(axis=0)
            weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _judge(
    weights: NDArray[np.float64], torn: NDArray[np.bool_], largest: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """(raters, n, n): matrices of exactly these principal eigenvectors, inconsistent as `torn` asks.

    Scaled by its own eigenvector, any reciprocal matrix has the eigenvector (1, ..., 1); multiplied by the
    ratios of the weights it has theirs, and keeps its consistency ratio.
    """
    judged: NDArray[np.float64] = weights[:, :, None] / weights[:, None, :]
    if weights.shape[1] == 2:
        return judged
    ratios = judged.copy()
    left = np.arange(len(weights))
    while left.size:
        spread = np.where(torn[left], _TORN, _EVEN)[:, None, None]
        noise = np.triu(spread * random.standard_normal((left.size, *ratios.shape[1:])), 1)
        errors = np.exp(noise - noise.transpose(0, 2, 1))
        own = weigh_many(errors).weights
        judged[left] = ratios[left] * errors * own[:, None, :] / own[:, :, None]
        high = weigh_many(judged[left]).consistency_ratio > LIMIT
        fits = (high == torn[left]) & (judged[left].max(axis=(1, 2)) <= largest)
        left = left[~fits]
    return judged


def _as_answers(matrix: Matrix, judged: NDArray[np.float64]) -> dict[str, str]:
    return {
        f"{matrix.id}.{a}.{b}": format(float(judged[i, j]), ".17f")
        for i, a in enumerate(matrix.items)
        for j, b in enumerate(matrix.items)
        if i < j
    }
