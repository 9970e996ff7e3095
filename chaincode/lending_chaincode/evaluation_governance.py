"""What the evaluating organizations keep among themselves: thresholds, the duplicate check's secret.

Written by one foundation's endorser at a time; the contract counts the votes.
"""

from __future__ import annotations

import hashlib

from hlf_chaincode import ContractError, Private, key_policy, majority_of, query, transaction
from lending_chaincode.caller import by_administrator, on_channel
from lending_chaincode.charter import Chartered, majority
from lending_chaincode.context import Context
from lending_chaincode.model_book import (
    by_evaluating_administrator,
    by_evaluating_member,
    criteria_of,
    evaluators,
    keep_version,
    shared_collection,
    version_of,
    voter_of,
)
from lending_chaincode.organizations import Kind
from lending_chaincode.refusals import refuse_all, require, require_id
from lending_domain.model import Threshold
from lending_domain.model_rules import threshold_violations
from lending_domain.records import RecordView, encode
from lending_domain.records_evaluation import (
    DuplicateKeyRing,
    DuplicateSecret,
    ThresholdBallot,
    ThresholdTable,
)
from lending_domain.records_model import ModelVersion
from lending_domain.score import Evaluation

_KEY_RING = "duplicate-keys"


class EvaluationGovernance(Chartered):
    """Thresholds and the duplicate check's secret."""

    @transaction
    @by_evaluating_administrator
    def vote_threshold(self, ctx: Context, threshold_id: str, table: Private[ThresholdTable]) -> RecordView:
        """Vote for a table of thresholds; every voter passes the very same one, salt included.

        The vote that carries it notes its hash in the version's public record, which a majority's peers
        endorse: what one foundation alone writes among the foundations is no threshold.
        """
        require_id(threshold_id, "threshold_id")
        voter, voters = voter_of(ctx), evaluators(ctx)
        version = version_of(ctx, table.model_digest)
        alive = version.state not in ("rejected", "withdrawn")
        require(
            alive, "WRONG_STATE", f"thresholds need a version that can be used; this one is {version.state}"
        )
        refuse_all(threshold_violations(table.entries, criteria_of(ctx, version.id)))
        shared = ctx.private(shared_collection(ctx))
        new = ThresholdBallot(salt=table.salt, table=table, votes=())
        before = shared.get_json(threshold_id, ThresholdBallot) or new
        require(before.table == table, "THRESHOLD_DIFFERS", "the other votes are for another table")
        require(voter not in before.votes, "ALREADY_VOTED", f"{voter} has voted for this already")
        votes = tuple(sorted({*before.votes, voter}))
        shared.put(threshold_id, encode(new.model_copy(update={"votes": votes})))
        carried = majority(len(set(votes) & set(voters)), len(voters))
        if carried:
            _adopt(ctx, table, version)
        return RecordView(id=threshold_id, state="active" if carried else "proposed")

    @query
    @by_evaluating_member
    def thresholds(self, ctx: Context, model_digest: str) -> ThresholdTable:
        """The adopted table of a version, for the evaluating members' staff and administrators."""
        return _adopted(ctx, model_digest)

    @query
    @by_evaluating_member
    def threshold_ballot(self, ctx: Context, threshold_id: str) -> ThresholdBallot:
        """A table put to the vote and who has voted for it: whoever votes passes this very one."""
        require_id(threshold_id, "threshold_id")
        return ctx.read(shared_collection(ctx), threshold_id, ThresholdBallot)

    @transaction
    @by_administrator(Kind.FOUNDATION)
    @on_channel("referral")
    def share_duplicate_key(self, ctx: Context, secret: Private[DuplicateSecret]) -> RecordView:
        """Add a version of the secret under which firms are indexed; from now on new entries use it."""
        shared = ctx.private(shared_collection(ctx))
        before = shared.get_json(_KEY_RING, DuplicateKeyRing)
        known = before.secrets if before else {}
        due = max(map(int, known), default=0) + 1
        require(secret.key_version == due, "KEY_VERSION", f"the next version is {due}")
        ring = DuplicateKeyRing(salt=secret.salt, secrets={**known, str(due): secret.secret})
        shared.put(_KEY_RING, encode(ring))
        # From now on all foundations endorse a change: whoever could swap the secret alone could support a
        # firm twice unseen.
        shared.set_policy(_KEY_RING, key_policy(evaluators(ctx)))
        return RecordView(id=f"duplicate-key-{due}", state="shared")


def _adopt(ctx: Context, table: ThresholdTable, version: ModelVersion) -> None:
    """Put a table in force, and note its hash in the version's record; schema 1 has no place for it."""
    shared, key = ctx.private(shared_collection(ctx)), _threshold_key(table.model_digest)
    known = shared.get_json(key, ThresholdTable)
    due = known.version + 1 if known else 1
    require(table.version == due, "THRESHOLD_VERSION", f"the next table is version {due}")
    shared.put(key, encode(table))
    shared.set_policy(key, majority_of(evaluators(ctx)))
    if version.schema_version > 1:
        adopted = hashlib.sha256(encode(table)).hexdigest()
        keep_version(ctx, version.model_copy(update={"thresholds": adopted}))


def threshold_for(ctx: Context, result: Evaluation) -> Threshold:
    """The adopted threshold of the result's version, class and industry; read by the evaluator's own peer."""
    found = _adopted(ctx, result.model_digest).threshold_of(result)
    if found is None:
        raise ContractError("NO_THRESHOLD", "no threshold has been adopted for this class and industry")
    return found


def _adopted(ctx: Context, model_digest: str) -> ThresholdTable:
    """The table that the version's record names by its hash; schema 1 kept no hash."""
    shared, key = shared_collection(ctx), _threshold_key(model_digest)
    found = ctx.private(shared).hash(key)
    version = version_of(ctx, model_digest)
    of_schema_1 = version.thresholds is None and version.schema_version == 1
    if found is None or not (of_schema_1 or found.hex() == version.thresholds):
        raise ContractError("NO_THRESHOLD", "no thresholds of this version have been adopted")
    return ctx.read(shared, key, ThresholdTable)


def key_ring(ctx: Context) -> DuplicateKeyRing:
    """The secrets of the duplicate check."""
    ring = ctx.private(shared_collection(ctx)).get_json(_KEY_RING, DuplicateKeyRing)
    if ring is None:
        raise ContractError("NO_DUPLICATE_KEY", "the foundations have not shared a secret yet")
    return ring


def _threshold_key(model_digest: str) -> str:
    return f"thresholds/{model_digest}"
