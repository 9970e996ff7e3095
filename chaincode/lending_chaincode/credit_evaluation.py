"""Referral, evaluation, duplicate-support check: on `referral`, and on `application` for direct loans.

SEMAS co-endorses only the creation of a referral; from then on the record is the evaluating organization's
own and so is its endorsement. Where a function reads a private value it writes, that one organization is the
only endorser.
"""

from __future__ import annotations

from datetime import date

from hlf_chaincode import ContractError, Private, key_policy, query, transaction
from lending_chaincode.caller import by_party, by_staff, officer
from lending_chaincode.context import Context
from lending_chaincode.correspondence import use_once, verified
from lending_chaincode.evaluated import EVALUATORS, check, confirmed, handed_over, note_officer
from lending_chaincode.evaluation_governance import EvaluationGovernance, key_ring
from lending_chaincode.evaluation_review import EvaluationReview
from lending_chaincode.model_book import evaluating_kind, model_in_force, shared_collection
from lending_chaincode.model_governance import ModelGovernance
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import require
from lending_domain.duplicates import duplicate_keys
from lending_domain.letters import SignedLetter
from lending_domain.records import Record, RecordView
from lending_domain.records_evaluation import (
    EvaluationRecord,
    IndexEntry,
    Override,
    OverrideRequest,
    Referral,
    Reservation,
    Reserved,
)
from lending_domain.records_letters import ConfirmationBody, ReleaseBody
from lending_domain.records_review import FIRST


class CreditEvaluation(ModelGovernance, EvaluationGovernance, EvaluationReview):
    """P2's credit evaluation by the foundation named, and the check that a firm is supported once."""

    name = "credit-evaluation"

    @transaction
    @by_staff(Kind.SEMAS)
    def refer(
        self,
        ctx: Context,
        referral_id: str,
        foundation: str,
        business_date: date,
        referral: Private[Referral],
    ) -> RecordView:
        """SEMAS hands a confirmed application to one foundation; on `application`, to itself."""
        evaluates = kind_of(foundation) is evaluating_kind(ctx)
        require(evaluates, "BAD_ARGUMENT", f"{foundation} does not evaluate here")
        body = verified(ctx, referral.letter, ConfirmationBody, "semas", foundation, role="officer")
        require(business_date <= body.valid_until, "LETTER_EXPIRED", "the confirmation is no longer valid")
        bundle = {"bundle": referral.bundle_id} if referral.bundle_id else {}
        referred = ctx.create("referral", referral_id, business_date, (foundation,), references=bundle)
        use_once(ctx, referral.letter, sorted({"semas", foundation}), referral_id)
        ctx.keep_new(handed_over(ctx, foundation), referral_id, referral)
        return referred

    @transaction
    @by_party("referral", *EVALUATORS)
    def evaluate(
        self, ctx: Context, referral_id: str, business_date: date, evaluation: Private[EvaluationRecord]
    ) -> RecordView:
        """Record an evaluation, computed off-chain and here again: both must agree to the last unit."""
        owner, record = ctx.client.msp_id, ctx.ready("referral", referral_id)
        model = model_in_force(ctx, business_date)
        in_force = evaluation.model_digest == model.digest
        require(in_force, "MODEL_NOT_ACTIVE", "the model is not the one in force")
        check(ctx, record, evaluation, model)
        ctx.keep(owner, referral_id, evaluation)
        note_officer(ctx, referral_id, FIRST, evaluation.salt)
        commitments = {"evaluation": evaluation.commitment}
        return ctx.advance(record, business_date, commitments=commitments)

    @transaction
    @by_party("referral", *EVALUATORS)
    def override(
        self, ctx: Context, referral_id: str, business_date: date, request: Private[OverrideRequest]
    ) -> RecordView:
        """One of the two officers who depart from a score below the threshold, with ground and reason."""
        owner, record = ctx.client.msp_id, ctx.ready("referral", referral_id)
        evaluation = ctx.read(owner, referral_id, EvaluationRecord)
        require(not evaluation.guaranteeable, "NOT_NEEDED", "the score reaches the threshold")
        before = _override(ctx, owner, record) or Override(salt=request.salt, officers=(), reasons=())
        caller, officers = officer(ctx), before.officers
        require(caller not in officers, "SAME_OFFICER", "the second officer must be another one")
        require(len(officers) < 2, "NOT_NEEDED", "two officers have signed already")
        override = Override(
            salt=request.salt,
            officers=(*officers, caller),
            reasons=(*before.reasons, request.reason),
            grounds=(*(before.grounds or ()), request.ground),
            evaluation=evaluation.commitment,
        )
        ctx.keep(owner, f"{referral_id}.override", override)
        state = "overridden" if officers else "override-proposed"
        commitments = {"override": override.commitment}
        return ctx.advance(record, business_date, state=state, commitments=commitments)

    @transaction
    @by_party("referral", Kind.FOUNDATION)
    def reserve_support(
        self, ctx: Context, referral_id: str, business_date: date, reservation: Private[Reservation]
    ) -> RecordView:
        """Enter firm and representative into the foundations' index: exactly one foundation can."""
        owner, record = ctx.client.msp_id, ctx.ready("referral", referral_id)
        evaluation = ctx.read(owner, referral_id, EvaluationRecord)
        if not evaluation.guaranteeable:
            granted = _override(ctx, owner, record)
            require(
                granted is not None and len(granted.officers) == 2,
                "BELOW_THRESHOLD",
                "the score does not reach the threshold and two officers have not overridden it",
            )
        _enter(ctx, record, business_date, reservation, own=())
        return ctx.advance(record, business_date)

    @transaction
    @by_party("referral", Kind.FOUNDATION)
    def rekey_support(
        self, ctx: Context, referral_id: str, business_date: date, reservation: Private[Reservation]
    ) -> RecordView:
        """Move the firm's entries under the newest secret."""
        owner, record = ctx.client.msp_id, ctx.ready("referral", referral_id)
        held = ctx.read(owner, f"{referral_id}.index", Reserved)
        newest = max(key_ring(ctx).in_bytes())
        require(held.key_version < newest, "NOT_NEEDED", "the entries are under the newest secret")
        require(
            (held.guarantee_id, held.bank) == (reservation.guarantee_id, reservation.bank),
            "BAD_ARGUMENT",
            "the entries are for another guarantee",
        )
        _enter(ctx, record, business_date, reservation, own=held.keys)
        _drop(ctx, held)
        return ctx.advance(record, business_date)

    @transaction
    @by_party("referral", *EVALUATORS)
    def decline(self, ctx: Context, referral_id: str, business_date: date) -> RecordView:
        """Close a referral that is filtered out, below the threshold or supported elsewhere."""
        return ctx.advance(ctx.load("referral", referral_id), business_date)

    @transaction
    @by_party("referral", Kind.FOUNDATION)
    def release(
        self, ctx: Context, referral_id: str, business_date: date, letter: Private[SignedLetter]
    ) -> RecordView:
        """Take the firm out of the index: the bank's letter says that the loan is closed."""
        owner, record = ctx.client.msp_id, ctx.ready("referral", referral_id)
        held = ctx.read(owner, f"{referral_id}.index", Reserved)
        body = verified(ctx, letter, ReleaseBody, held.bank, owner, role="officer")
        require(
            (body.referral_id, body.guarantee_id) == (referral_id, held.guarantee_id),
            "LETTER_MISMATCH",
            "the letter releases another guarantee",
        )
        require(body.closed_on <= business_date, "DATE_BACKWARDS", "the loan closed after the business date")
        _drop(ctx, held)
        return ctx.advance(record, business_date, references={"release": letter.letter.id})

    @query
    def referral(self, ctx: Context, referral_id: str) -> Record:
        """The public record, for any member."""
        return ctx.load("referral", referral_id)

    @query
    @by_party("referral", *EVALUATORS)
    def referral_letter(self, ctx: Context, referral_id: str) -> Referral:
        """What SEMAS handed over, for the foundation named."""
        return ctx.read(handed_over(ctx, ctx.client.msp_id), referral_id, Referral)

    @query
    @by_staff(*EVALUATORS)
    def evaluation(self, ctx: Context, referral_id: str) -> EvaluationRecord:
        """The evaluation, for the organization that made it."""
        caller, record = ctx.client.msp_id, ctx.load("referral", referral_id)
        require(caller in record.parties, "NOT_EVALUATOR", "another organization evaluated this referral")
        return ctx.read(caller, referral_id, EvaluationRecord)

    @query
    @by_staff(Kind.SEMAS, Kind.FOUNDATION)
    def stored(self, ctx: Context, collection: str, key: str) -> bytes:
        """A private value as it is stored, for an institution's staff: Fabric's member-only rule decides."""
        value = ctx.private(collection).get(key)
        if value is None:
            raise ContractError("UNKNOWN_RECORD", "the collection holds no such value")
        return value


def _enter(ctx: Context, record: Record, on: date, reservation: Reservation, *, own: tuple[str, ...]) -> None:
    """Enter firm and representative under the newest secret, unless another than `own` stands there."""
    releasable = kind_of(reservation.bank) is Kind.BANK
    require(
        releasable, "BAD_ARGUMENT", "the guarantee is for a bank, whose letter alone releases the entries"
    )
    owner, index = ctx.client.msp_id, ctx.private(shared_collection(ctx))
    ring = key_ring(ctx).in_bytes()
    firm = confirmed(ctx, record.id, owner).firm
    keys = duplicate_keys(ring, firm.business_number, firm.representative_link)
    taken = [one for one in keys if one.key not in own and index.hash(one.key) is not None]
    require(not taken, "DUPLICATE_SUPPORT", "the firm or its representative is supported already")
    newest = max(ring)
    entered = tuple(one.key for one in keys if one.version == newest)
    entry = IndexEntry(salt=reservation.salt, owner=owner, referral_id=record.id, since=on)
    for key in entered:
        ctx.keep(index.name, key, entry)
        index.set_policy(key, key_policy([owner]))
    held = Reserved(
        salt=reservation.salt,
        key_version=newest,
        keys=entered,
        guarantee_id=reservation.guarantee_id,
        bank=reservation.bank,
    )
    ctx.keep(owner, f"{record.id}.index", held)


def _drop(ctx: Context, held: Reserved) -> None:
    index = ctx.private(shared_collection(ctx))
    for key in held.keys:
        index.delete(key)


def _override(ctx: Context, owner: str, record: Record) -> Override | None:
    """The override of the evaluation that stands; one of an evaluation since replaced counts no more."""
    found = ctx.private(owner).get_json(f"{record.id}.override", Override)
    # None: of before overrides named their evaluation.
    stands = found is not None and found.evaluation in (None, record.commitments.get("evaluation"))
    return found if stands else None
