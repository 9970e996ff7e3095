"""What the evaluating organizations decide together: model, thresholds, the duplicate check's secret.

The criteria are public and voted in the open. Thresholds and the secret are not: they live among the
foundations, written by one foundation's endorser at a time, and the contract counts the votes.
"""

from __future__ import annotations

from hlf_chaincode import (
    Context,
    ContractError,
    Private,
    Requirement,
    key_policy,
    majority_of,
    query,
    requires,
    transaction,
)
from lending_chaincode.books import charter_of, read_private, require, require_id
from lending_chaincode.caller import Kind, administrator, by_administrator, kind_of
from lending_chaincode.charter import Chartered, cast, enact, majority
from lending_domain.canonical import canonical, parse
from lending_domain.model import Model, Threshold
from lending_domain.records import Ballot, RecordView, encode
from lending_domain.records_evaluation import (
    DuplicateKeyRing,
    DuplicateSecret,
    ThresholdBallot,
    ThresholdTable,
)
from lending_domain.score import Evaluation

_MODEL_IN_FORCE = "model-in-force"
_KEY_RING = "duplicate-keys"


def evaluating_kind(ctx: Context) -> Kind:
    """Who evaluates on this channel: foundations on `referral`, SEMAS for direct loans on `application`."""
    return Kind.SEMAS if ctx.channel == "application" else Kind.FOUNDATION


by_evaluating_administrator = requires(
    Requirement("administrator of an evaluating member", lambda ctx: administrator(ctx, evaluating_kind(ctx)))
)


class EvaluationGovernance(Chartered):
    """Model versions, thresholds and the duplicate check's secret."""

    @transaction
    @by_evaluating_administrator
    def propose_model(self, ctx: Context, model: Model) -> RecordView:
        """Put a version of the AHP model to the vote; its id is its digest. The proposer's vote is cast."""
        new = ctx.state.get(_model_key(model.digest)) is None
        require(new, "ALREADY_EXISTS", "this model was proposed already")
        return _vote(ctx, model)

    @transaction
    @by_evaluating_administrator
    def vote_model(self, ctx: Context, model_digest: str) -> RecordView:
        """Vote for a proposed model; it is in force once a majority of the evaluating members has voted."""
        return _vote(ctx, _proposed(ctx, model_digest))

    @query
    def model(self, ctx: Context, model_digest: str) -> Model:
        """A proposed or adopted model: the criteria, disclosed."""
        return _proposed(ctx, model_digest)

    @query
    def active_model(self, ctx: Context) -> Model:
        """The model in force."""
        return model_in_force(ctx)

    @transaction
    @by_evaluating_administrator
    def vote_threshold(self, ctx: Context, threshold_id: str, table: Private[ThresholdTable]) -> RecordView:
        """Vote for a table of thresholds; every voter passes the very same one, salt included."""
        require_id(threshold_id, "threshold_id")
        _proposed(ctx, table.model_digest)
        voter, voters = ctx.client.msp_id, evaluators(ctx)
        require(voter in voters, "NOT_PERMITTED", f"{voter} has no vote here")
        shared = ctx.private(shared_collection(ctx))
        raw = shared.get(threshold_id)
        before = ThresholdBallot.model_validate(parse(raw)) if raw else None
        if before is not None:
            require(before.table == table, "THRESHOLD_DIFFERS", "the other votes are for another table")
            require(voter not in before.votes, "ALREADY_VOTED", f"{voter} has voted for this already")
        votes = tuple(sorted({*(before.votes if before else ()), voter}))
        shared.put(threshold_id, encode(ThresholdBallot(salt=table.salt, table=table, votes=votes)))
        carried = majority(len(set(votes) & set(voters)), len(voters))
        if carried:
            key = _threshold_key(table.model_digest)
            known = shared.get(key)
            due = ThresholdTable.model_validate(parse(known)).version + 1 if known else 1
            require(table.version == due, "THRESHOLD_VERSION", f"the next table is version {due}")
            shared.put(key, encode(table))
            shared.set_policy(key, majority_of(voters))
        return RecordView(id=threshold_id, state="active" if carried else "proposed")

    @transaction
    @by_administrator(Kind.FOUNDATION)
    def share_duplicate_key(self, ctx: Context, secret: Private[DuplicateSecret]) -> RecordView:
        """Add a version of the secret under which firms are indexed; from now on new entries use it."""
        require(ctx.channel == "referral", "WRONG_CHANNEL", "this is done on referral")
        shared = ctx.private(shared_collection(ctx))
        raw = shared.get(_KEY_RING)
        known = DuplicateKeyRing.model_validate(parse(raw)).secrets if raw else {}
        due = max(map(int, known), default=0) + 1
        require(secret.key_version == due, "KEY_VERSION", f"the next version is {due}")
        ring = DuplicateKeyRing(salt=secret.salt, secrets={**known, str(due): secret.secret})
        shared.put(_KEY_RING, encode(ring))
        # From now on all foundations endorse a change: whoever could swap the secret alone could support a
        # firm twice unseen.
        shared.set_policy(_KEY_RING, key_policy(evaluators(ctx)))
        return RecordView(id=f"duplicate-key-{due}", state="shared")


def evaluators(ctx: Context) -> tuple[str, ...]:
    """The members who evaluate and vote on the model."""
    kind = evaluating_kind(ctx)
    return tuple(sorted(one for one in charter_of(ctx).members if kind_of(one) is kind))


def shared_collection(ctx: Context) -> str:
    """Where the evaluators keep what they share and do not publish."""
    return "semas" if ctx.channel == "application" else "foundations"


def model_in_force(ctx: Context) -> Model:
    """The model in force; refused without one."""
    raw = ctx.state.get(_MODEL_IN_FORCE)
    if raw is None:
        raise ContractError("MODEL_NOT_ACTIVE", "no model has been adopted yet")
    return _proposed(ctx, raw.decode())


def threshold_for(ctx: Context, result: Evaluation) -> Threshold:
    """The adopted threshold of the result's model, class and industry; read by the evaluator's own peer."""
    raw = ctx.private(shared_collection(ctx)).get(_threshold_key(result.model_digest))
    table = ThresholdTable.model_validate(parse(raw)) if raw else None
    for entry in table.entries if table else ():
        if (entry.composition, entry.company_class, entry.industry) == (
            result.composition,
            result.company_class,
            result.industry,
        ):
            return entry
    raise ContractError("NO_THRESHOLD", "no threshold has been adopted for this class and industry")


def key_ring(ctx: Context) -> DuplicateKeyRing:
    """The secrets of the duplicate check."""
    if ctx.private(shared_collection(ctx)).hash(_KEY_RING) is None:
        raise ContractError("NO_DUPLICATE_KEY", "the foundations have not shared a secret yet")
    return read_private(ctx, shared_collection(ctx), _KEY_RING, DuplicateKeyRing)


def _vote(ctx: Context, model: Model) -> RecordView:
    voters = evaluators(ctx)
    ballot = cast(ctx, _model_key(model.digest), _plain(model), voters)
    if ballot.state == "carried":
        enact(ctx, _MODEL_IN_FORCE, model.digest.encode(), voters)
    return RecordView(id=model.digest, state="active" if ballot.state == "carried" else "proposed")


def _proposed(ctx: Context, model_digest: str) -> Model:
    raw = ctx.state.get(_model_key(model_digest))
    if raw is None:
        raise ContractError("UNKNOWN_MODEL", "no model of this digest was proposed")
    return Model.model_validate(Ballot.model_validate(parse(raw)).proposal)


def _plain(model: Model) -> dict[str, object]:
    return dict(Model.model_validate(parse(canonical(model))).model_dump(mode="json"))


def _model_key(model_digest: str) -> str:
    return f"model/{model_digest}"


def _threshold_key(model_digest: str) -> str:
    return f"thresholds/{model_digest}"
