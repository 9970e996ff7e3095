"""The foundation's off-chain computation: the filter, the form, the score, and the record to submit.

The score is computed by the very function that the foundation's chaincode recomputes it with.
"""

import os

from lending_domain.form import EvaluationForm, Screening, screen
from lending_domain.model import Model, Threshold, model2
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.score import by_item, evaluate, guaranteeable
from lending_domain.violations import require


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
    """Whether the record opens the commitment and its result follows from its form by the model.

    For whoever was given the opening: the applicant, a reviewer, an auditor.
    """
    computed = by_item(evaluate(record.form, model))
    return record.commitment == commitment and computed == by_item(record.result)
