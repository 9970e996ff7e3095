"""An administrator's client: charters, the AHP model, thresholds, the duplicate check's secret."""

from __future__ import annotations

from datetime import date

from hlf.errors import EvaluateError
from hlf.flows import Flow
from lending.institution import Committed, G, Institution, verb
from lending_domain.letters import SignedLetter
from lending_domain.model import Model
from lending_domain.records import Charter
from lending_domain.records_evaluation import DuplicateSecret, ThresholdBallot, ThresholdTable
from lending_domain.records_model import BallotView, Comment, ModelVersion


class GovernanceClient(Institution[G]):
    """An administrator of one member, who votes for it; which channels it may speak on, its gateway knows."""

    @verb
    def charter(self, channel: str, chaincode: str) -> Flow[Charter | None]:
        """The charter in force for one contract of a channel, or None before there is one."""
        try:
            answer = yield from self.ask(channel, chaincode, "charter")
        except EvaluateError as error:
            if "NO_CHARTER" in str(error):
                return None
            raise
        return Charter.model_validate(answer)

    @verb
    def vote_charter(self, channel: str, chaincode: str, charter: Charter) -> Flow[Committed]:
        """Vote for a charter; it is in force once a majority has voted for the very same text.

        Every member's peer is asked to endorse, where a charter is in force: it is locked to a majority.
        """
        endorsers = yield from self._members(channel, chaincode)
        return (yield from self.execute(channel, chaincode, "vote_charter", charter, endorsers=endorsers))

    # -- versions of the evaluation model: on `referral`, and on `application` for direct loans

    @verb
    def propose_model(self, channel: str, model: Model, on: date) -> Flow[Committed]:
        """Put a version to the vote; the proposer's vote for it is cast with it."""
        return (yield from self._on_models(channel, "propose_model", model, on))

    @verb
    def comment_model(self, channel: str, digest: str, on: date, text: str) -> Flow[Committed]:
        """Remark on a version, in public: at most 500 characters and nobody's personal data."""
        return (yield from self._on_models(channel, "comment_model", digest, on, text))

    @verb
    def vote_model(self, channel: str, digest: str, on: date, support: bool = True) -> Flow[Committed]:
        """Vote for or against a version; more than half of the evaluating members carry it."""
        return (yield from self._on_models(channel, "vote_model", digest, on, support))

    @verb
    def withdraw_model(self, channel: str, digest: str, on: date) -> Flow[Committed]:
        """Take one's own open proposal back."""
        return (yield from self._on_models(channel, "withdraw_model", digest, on))

    @verb
    def activate_model(
        self, channel: str, digest: str, on: date, effective_from: date | None = None
    ) -> Flow[Committed]:
        """Put a carried version in force from a business date on, `on` itself by default."""
        since = effective_from or on
        return (yield from self._on_models(channel, "activate_model", digest, on, since))

    @verb
    def models(self, channel: str) -> Flow[tuple[ModelVersion, ...]]:
        """Every version with its state, dates and votes, in the order of proposal."""
        answer = yield from self.ask(channel, "credit-evaluation", "models")
        return tuple(ModelVersion.model_validate(one) for one in answer)

    @verb
    def model(self, channel: str, digest: str) -> Flow[Model]:
        """A version's criteria, old ones too."""
        return Model.model_validate((yield from self.ask(channel, "credit-evaluation", "model", digest)))

    @verb
    def active_model(self, channel: str, on: date) -> Flow[Model]:
        """The version that evaluations of a business date use."""
        return Model.model_validate((yield from self.ask(channel, "credit-evaluation", "active_model", on)))

    @verb
    def model_comments(self, channel: str, digest: str) -> Flow[tuple[Comment, ...]]:
        """What the members have said of a version."""
        answer = yield from self.ask(channel, "credit-evaluation", "model_comments", digest)
        return tuple(Comment.model_validate(one) for one in answer)

    @verb
    def ballot(self, channel: str, digest: str) -> Flow[BallotView]:
        """How the vote on a version stands."""
        return BallotView.model_validate(
            (yield from self.ask(channel, "credit-evaluation", "ballot", digest))
        )

    # -- what the evaluating members keep among themselves

    @verb
    def thresholds(self, channel: str, digest: str) -> Flow[ThresholdTable]:
        """The adopted thresholds of a version; for the evaluating members alone."""
        return ThresholdTable.model_validate((yield from self._shared(channel, "thresholds", digest)))

    @verb
    def threshold_ballot(self, channel: str, threshold_id: str) -> Flow[ThresholdBallot]:
        """A table put to the vote: whoever votes passes this very one, salt included."""
        return ThresholdBallot.model_validate(
            (yield from self._shared(channel, "threshold_ballot", threshold_id))
        )

    @verb
    def next_thresholds(self, channel: str, digest: str) -> Flow[int]:
        """The number that the next table of a version has."""
        try:
            present = yield from type(self).thresholds.flow(self, channel, digest)
        except EvaluateError as error:
            if error.chaincode_message.startswith("NO_THRESHOLD"):
                return 1
            raise
        return present.version + 1

    @verb
    def vote_threshold(self, channel: str, threshold_id: str, table: ThresholdTable) -> Flow[Committed]:
        """Vote for a table of thresholds, which stays among the foundations.

        This organization's peer endorses; the vote that carries the table, all evaluating members' peers:
        it writes what is locked to a majority of them.
        """
        ballot = yield from type(self).ballot.flow(self, channel, table.model_digest)
        voters = {self.organization, *(yield from self._voters(channel, threshold_id))}
        carries = 2 * len(voters & set(ballot.electorate)) > len(ballot.electorate)
        endorsers = ballot.electorate if carries else (self.organization,)
        return (
            yield from self.execute(
                channel,
                "credit-evaluation",
                "vote_threshold",
                threshold_id,
                private={"table": table},
                endorsers=endorsers,
            )
        )

    @verb
    def share_duplicate_key(self, secret: DuplicateSecret) -> Flow[Committed]:
        """Add a version of the secret under which the foundations index firms."""
        return (
            yield from self.execute(
                "referral",
                "credit-evaluation",
                "share_duplicate_key",
                private={"secret": secret},
                endorsers=(self.organization,),
            )
        )

    @verb
    def register_sealing_key(self, channel: str, key: SignedLetter) -> Flow[Committed]:
        """Put the caller's sealing key into a channel's directory; staff and applicants do this too."""
        return (yield from self.execute(channel, "document-exchange", "register_sealing_key", key))

    def _on_models(self, channel: str, function: str, *args: object) -> Flow[Committed]:
        endorsers = yield from self._members(channel, "credit-evaluation")
        return (yield from self.execute(channel, "credit-evaluation", function, *args, endorsers=endorsers))

    def _voters(self, channel: str, threshold_id: str) -> Flow[tuple[str, ...]]:
        """Who has voted for a table of thresholds so far."""
        try:
            return (yield from type(self).threshold_ballot.flow(self, channel, threshold_id)).votes
        except EvaluateError as error:
            if error.chaincode_message.startswith("UNKNOWN_RECORD"):
                return ()
            raise

    def _shared(self, channel: str, function: str, key: str) -> Flow[object]:
        own = (self.organization,)
        return (yield from self.ask(channel, "credit-evaluation", function, key, peers_of=own))

    def _members(self, channel: str, chaincode: str) -> Flow[tuple[str, ...]]:
        """The members of the charter in force: what was voted is locked to a majority of their peers."""
        present = yield from type(self).charter.flow(self, channel, chaincode)
        return () if present is None else present.members
