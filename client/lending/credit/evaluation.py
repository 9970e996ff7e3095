"""The foundation's off-chain computation: the filter, the form, the score, and its salted commitment.

The score is computed by the very function that the foundation's chaincode recomputes it with.
"""

import os

from lending_domain.commitment import Commitment, commit
from lending_domain.form import EvaluationForm, Screening, screen
from lending_domain.score import Evaluation, Model, evaluate, model2
from lending_domain.values import Nonce, Value
from lending_domain.violations import require


class Opening(Value):
    """What the foundation keeps and the applicant gets: form, result, and the salt of their commitment."""

    form: EvaluationForm
    evaluation: Evaluation
    salt: Nonce

    @property
    def commitment(self) -> Commitment:
        """What the channel sees of it."""
        value = {"evaluation": self.evaluation, "form": self.form}
        return Commitment(commitment=commit(value, bytes.fromhex(self.salt)), salt=self.salt)


def compute(
    screening: Screening, form: EvaluationForm, model: Model | None = None, *, salt: bytes | None = None
) -> Opening:
    """The evaluation of a firm that passed the filter. Raises `Refused` with every violation otherwise.

    model: the version in force, model 2 as published by default. salt: 32 fresh random bytes by default.
    """
    require(screen(screening))
    evaluation = evaluate(form, model or model2())
    return Opening(form=form, evaluation=evaluation, salt=(salt or os.urandom(32)).hex())


def reproduces(opening: Opening, commitment: str, model: Model) -> bool:
    """Whether the opening fits the commitment and its result follows from its form by the model.

    For whoever was given the opening: the applicant, a reviewer, an auditor.
    """
    return opening.commitment.commitment == commitment and evaluate(opening.form, model) == opening.evaluation
