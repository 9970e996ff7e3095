"""The foundation's off-chain computation: the filter, the form, the score, and the record to submit.

The score is computed by the very function that the foundation's chaincode recomputes it with.
"""

import os
from collections.abc import Iterator

from lending_domain.form import EvaluationForm, Screening, screen
from lending_domain.model import Model, Threshold, model2
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.score import Evaluation, evaluate, evaluation_violations, guaranteeable
from lending_domain.violations import Violation, Violations, require


def compute(
    screening: Screening, form: EvaluationForm, threshold: Threshold, model: Model | None = None
) -> EvaluationRecord:
    """The evaluation of a firm that passed the filter, with a fresh salt: the opening of its commitment.

    model: the version in force, model 2 as published by default. Raises `Refused` with every violation of
    the filter, then of the form, and THRESHOLD_OF_ANOTHER_MODEL.
    """
    require(screen(screening))
    model = model or model2()
    result = evaluate(form, model)
    return EvaluationRecord(
        salt=os.urandom(32).hex(),
        model_digest=model.digest,
        screening=screening,
        form=form,
        result=result,
        guaranteeable=guaranteeable(result, threshold),
    )


def reproduces(record: EvaluationRecord, commitment: str, model: Model) -> bool:
    """Whether the record opens the commitment and its result follows from its form by the model."""
    return not opening_violations(record, commitment, model)


def opening_violations(record: EvaluationRecord, commitment: str, model: Model) -> Violations:
    """All that speaks against an opening; empty when it is what was committed to and follows from its form.

    For whoever was given the record: the applicant, a reviewer, an auditor. The answer itself follows from
    the threshold, which they do not have, and is not checked.
    """
    return tuple(_opening(record, commitment, model))


def _opening(record: EvaluationRecord, commitment: str, model: Model) -> Iterator[Violation]:
    if record.commitment != commitment:
        yield _found(
            "COMMITMENT_MISMATCH",
            "기록이 원장의 확약과 다릅니다.",
            "The record is not what the ledger's commitment was made of.",
            "commitment",
        )
    if {record.model_digest, record.result.model_digest} != {model.digest}:
        yield _found(
            "ANOTHER_MODEL",
            "다른 평가모형으로 산출된 기록입니다.",
            "The record names another version of the model than the one given.",
            "model_digest",
        )
        return
    yield from screen(record.screening)
    broken = evaluation_violations(record.form, model)
    yield from broken
    if not broken:
        yield from _differences(record.result, evaluate(record.form, model))


def _differences(recorded: Evaluation, computed: Evaluation) -> Iterator[Violation]:
    rows = {row.item: row for row in recorded.items}
    if len(rows) != len(recorded.items) or set(rows) != {row.item for row in computed.items}:
        yield _found(
            "ITEMS_MISMATCH",
            "평가항목이 모형과 다릅니다.",
            "The items are not those of the model.",
            "result.items",
        )
    for row in computed.items:
        if row.item in rows and rows[row.item] != row:
            yield _found(
                "ITEM_MISMATCH",
                f"{row.ko} 항목이 다시 계산한 것과 다릅니다.",
                f"{row.en} is not what the form and the model give.",
                f"result.items.{row.item}",
            )
    for field in ("model", "composition", "company_class", "industry", "base", "bonus", "total"):
        if getattr(recorded, field) != getattr(computed, field):
            yield _found(
                "RESULT_MISMATCH",
                "다시 계산한 결과와 다릅니다.",
                "It is not what the form and the model give.",
                f"result.{field}",
            )


def _found(code: str, ko: str, en: str, field: str) -> Violation:
    return Violation(code=code, ko=ko, en=en, field=field)
