"""What an evaluation has to be: of the firm confirmed, and to the unit what the contract computes."""

from __future__ import annotations

from lending_chaincode.caller import officer
from lending_chaincode.context import PAIR, Context, pair
from lending_chaincode.correspondence import said
from lending_chaincode.evaluation_governance import threshold_for
from lending_chaincode.organizations import Kind
from lending_chaincode.refusals import refuse_all, require
from lending_domain.form import industry_of, screen
from lending_domain.model import Model
from lending_domain.records import Record
from lending_domain.records_evaluation import EvaluationRecord, Referral
from lending_domain.records_letters import ConfirmationBody
from lending_domain.records_review import EvaluationOfficers
from lending_domain.score import by_item, evaluate, guaranteeable

EVALUATORS = (Kind.FOUNDATION, Kind.SEMAS)


def handed_over(ctx: Context, evaluator: str) -> str:
    """The collection in which SEMAS hands over; its own applications' for a direct loan."""
    return PAIR if ctx.channel == "application" else pair("semas", evaluator)


def confirmed(ctx: Context, referral_id: str, evaluator: str) -> ConfirmationBody:
    """What SEMAS confirmed of the firm."""
    referral = ctx.read(handed_over(ctx, evaluator), referral_id, Referral)
    return said(referral.letter.letter, ConfirmationBody)


def check(ctx: Context, record: Record, evaluation: EvaluationRecord, model: Model) -> None:
    """Refuse an evaluation, computed off-chain, that is by a unit another than the one computed here."""
    sector = confirmed(ctx, record.id, ctx.client.msp_id).profile.sector
    same = (evaluation.screening.sector, evaluation.form.industry) == (sector, industry_of(sector))
    require(same, "FORM_INVALID", "sector and industry are not those of the confirmation letter")
    refuse_all(screen(evaluation.screening))
    computed = evaluate(evaluation.form, model)
    require(
        evaluation.result.total == computed.total,
        "SCORE_MISMATCH",
        "the score submitted is not the one that the form and the model give",
    )
    require(
        by_item(evaluation.result) == by_item(computed),
        "RESULT_MISMATCH",
        "the breakdown is not the one computed here",
    )
    reaches = guaranteeable(computed, threshold_for(ctx, computed))
    answered = evaluation.guaranteeable == reaches
    require(answered, "RESULT_MISMATCH", "the answer is not what score and threshold give")


def note_officer(ctx: Context, referral_id: str, review: str, salt: str) -> None:
    """Keep who made an evaluation, in its review or as the first one; the evaluator's own knowledge."""
    by_review = {**evaluators_of(ctx, referral_id), review: officer(ctx)}
    officers = EvaluationOfficers(salt=salt, by_review=by_review)
    ctx.keep(ctx.client.msp_id, f"{referral_id}.officers", officers)


def evaluators_of(ctx: Context, referral_id: str) -> dict[str, str]:
    """Who evaluated, by review; empty for an evaluation of before this was kept."""
    owner = ctx.private(ctx.client.msp_id)
    known = owner.get_json(f"{referral_id}.officers", EvaluationOfficers)
    return known.by_review if known else {}
