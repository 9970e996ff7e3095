"""Versions of the AHP model: proposed, commented, voted, activated from a date, superseded.

Criteria are public to the channel's members, and so are votes and comments. The contract counts the votes:
peers endorse by themselves, so that a majority of peers alone is no vote; and the locks see to it that no
minority's peers can write what the contract did not.
"""

from __future__ import annotations

from datetime import date, timedelta

from hlf_chaincode import query, transaction
from lending_chaincode.charter import Chartered, majority
from lending_chaincode.context import Context
from lending_chaincode.model_book import (
    by_evaluating_administrator,
    criteria_of,
    evaluators,
    keep_criteria,
    keep_register,
    keep_version,
    model_in_force,
    register_of,
    version_of,
    voter_of,
)
from lending_chaincode.refusals import refuse_all, require
from lending_domain.model import Model
from lending_domain.model_rules import comment_violations, model_violations
from lending_domain.records import RecordView
from lending_domain.records_model import (
    MOST_COMMENTS,
    Activation,
    BallotView,
    Comment,
    CommentText,
    ModelVersion,
    Vote,
)
from lending_domain.states import LIVES

# However far a change is announced ahead: one administrator signs the date, and none earlier can follow it.
_FURTHEST = timedelta(days=366)
_DEAD = ("rejected", "withdrawn")


class ModelGovernance(Chartered):
    """Versions of the model."""

    @transaction
    @by_evaluating_administrator
    def propose_model(self, ctx: Context, model: Model, business_date: date) -> RecordView:
        """Put a version to the vote; its id is its digest. The proposer's vote for it is cast with it."""
        proposer, register = voter_of(ctx), register_of(ctx)
        require(
            model.digest not in register.versions, "ALREADY_EXISTS", "this very model was proposed already"
        )
        refuse_all(model_violations(model))
        others = [version_of(ctx, one, register) for one in register.versions]
        taken = any(one.name == model.id and one.state not in _DEAD for one in others)
        require(not taken, "MODEL_ID_TAKEN", "another version has this id")
        predecessor = model.origin.predecessor if model.origin else None
        known = predecessor is None or predecessor in register.versions
        require(known, "UNKNOWN_MODEL", "the predecessor that the model names was never proposed")
        version = ModelVersion(
            id=model.digest,
            number=len(register.versions) + 1,
            name=model.id,
            label=model.origin.label if model.origin else model.source,
            predecessor=predecessor,
            synthetic=model.synthetic,
            state=LIVES["model-version"]["propose_model"].target or "",
            proposer=proposer,
            on=ctx.dated(business_date),
        )
        keep_criteria(ctx, model)
        keep_register(ctx, register.model_copy(update={"versions": (*register.versions, model.digest)}))
        return _counted(ctx, version, Vote(organization=proposer, support=True, on=business_date))

    @transaction
    @by_evaluating_administrator
    def comment_model(
        self, ctx: Context, model_digest: str, business_date: date, text: CommentText
    ) -> RecordView:
        """Remark on a version, in public and without personal data."""
        author, version = voter_of(ctx), _opened(ctx, model_digest)
        refuse_all(comment_violations(text))
        own = sum(one.organization == author for one in version.comments)
        require(own < MOST_COMMENTS, "TOO_MANY_COMMENTS", f"{author} has made {own} comments on this version")
        comment = Comment(organization=author, on=business_date, text=text)
        return _changed(ctx, version, business_date, comments=(*version.comments, comment))

    @transaction
    @by_evaluating_administrator
    def vote_model(
        self, ctx: Context, model_digest: str, business_date: date, support: bool = True
    ) -> RecordView:
        """Vote for or against a version; more than half of the evaluating members carry it.

        It is rejected as soon as so many have voted against it that no majority is left.
        """
        voter, version = voter_of(ctx), _opened(ctx, model_digest)
        known = {vote.organization for vote in version.votes}
        require(voter not in known, "ALREADY_VOTED", f"{voter} has voted on this already")
        ctx.dated(business_date, version.on)
        return _counted(ctx, version, Vote(organization=voter, support=support, on=business_date))

    @transaction
    @by_evaluating_administrator
    def withdraw_model(self, ctx: Context, model_digest: str, business_date: date) -> RecordView:
        """Take a proposal back, while it is open: its proposer alone can."""
        caller, version = voter_of(ctx), _opened(ctx, model_digest)
        require(caller == version.proposer, "NOT_PROPOSER", "another member proposed this version")
        return _changed(ctx, version, business_date)

    @transaction
    @by_evaluating_administrator
    def activate_model(
        self, ctx: Context, model_digest: str, business_date: date, effective_from: date
    ) -> RecordView:
        """Put a carried version in force from a business date on, and supersede the one before.

        Not before the day on which it is decided, which is not before that of the vote, and after every
        activation made before: which version an evaluation was made by never changes afterwards.
        """
        voter_of(ctx)
        version, register = _opened(ctx, model_digest), register_of(ctx)
        ctx.dated(business_date, version.on)
        require(effective_from >= business_date, "ACTIVATION_DATE", "a version takes effect on a day to come")
        near = effective_from - business_date <= _FURTHEST
        require(near, "ACTIVATION_DATE", f"a version takes effect within {_FURTHEST.days} days")
        last = register.activations[-1] if register.activations else None
        if last is not None:
            later = effective_from > last.since
            require(later, "ACTIVATION_DATE", "another version takes effect on that day or later")
            before = version_of(ctx, last.id, register)
            _changed(ctx, before, business_date, action="supersede_model", superseded_from=effective_from)
        activation = Activation(since=effective_from, id=version.id)
        keep_register(ctx, register.model_copy(update={"activations": (*register.activations, activation)}))
        return _changed(ctx, version, business_date, effective_from=effective_from)

    @query
    def model(self, ctx: Context, model_digest: str) -> Model:
        """A version's criteria, whatever became of it: old evaluations are verified against them."""
        return criteria_of(ctx, model_digest)

    @query
    def models(self, ctx: Context) -> list[ModelVersion]:
        """Every version with its state, dates and votes, in the order of proposal; without the comments."""
        register = register_of(ctx)
        found = [version_of(ctx, one, register) for one in register.versions]
        return [one.model_copy(update={"comments": ()}) for one in found]

    @query
    def active_model(self, ctx: Context, business_date: date | None = None) -> Model:
        """The version in force on a business date, by default the transaction's day."""
        return model_in_force(ctx, business_date or ctx.today)

    @query
    def model_comments(self, ctx: Context, model_digest: str) -> list[Comment]:
        """What the members have said of a version, in order."""
        return list(version_of(ctx, model_digest).comments)

    @query
    def ballot(self, ctx: Context, model_digest: str) -> BallotView:
        """How the vote on a version stands."""
        version, electorate = version_of(ctx, model_digest), evaluators(ctx)
        voted = {vote.organization for vote in version.votes}
        return BallotView(
            id=version.id,
            state=version.state,
            electorate=electorate,
            votes=version.votes,
            needed=len(electorate) // 2 + 1,
            open=tuple(one for one in electorate if one not in voted),
        )


def _opened(ctx: Context, model_digest: str) -> ModelVersion:
    """The version, if the function called is allowed in its state."""
    version = version_of(ctx, model_digest)
    ctx.allowed(version)
    return version


def _counted(ctx: Context, version: ModelVersion, vote: Vote) -> RecordView:
    """Write the version with one more vote, and with what the votes of those who now have one decide."""
    voters = evaluators(ctx)
    version = version.model_copy(update={"votes": (*version.votes, vote), "on": vote.on})
    if majority(version.supporters(voters), len(voters)):
        version = version.model_copy(update={"state": "carried", "carried_on": vote.on})
    elif not majority(len(voters) - version.opponents(voters), len(voters)):
        version = version.model_copy(update={"state": "rejected"})
    return keep_version(ctx, version)


def _changed(
    ctx: Context, version: ModelVersion, on: date, *, action: str = "", **changes: object
) -> RecordView:
    """Write the version's next state."""
    state = ctx.allowed(version, action).target or version.state
    changed = version.model_copy(update={**changes, "state": state, "on": ctx.dated(on, version.on)})
    return keep_version(ctx, changed)
