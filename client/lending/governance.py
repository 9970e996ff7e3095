"""An administrator's client: charters, the AHP model, thresholds, the duplicate check's secret."""

from __future__ import annotations

from hlf.errors import EvaluateError
from hlf.flows import Flow
from lending.institution import Committed, G, Institution, verb
from lending_domain.letters import SignedLetter
from lending_domain.model import Model
from lending_domain.records import Charter
from lending_domain.records_evaluation import DuplicateSecret, ThresholdTable


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

    @verb
    def propose_model(self, channel: str, model: Model) -> Flow[Committed]:
        """Put a model to the vote; the proposer's vote is cast with it."""
        return (yield from self._vote_on_models(channel, "propose_model", model))

    @verb
    def vote_model(self, channel: str, digest: str) -> Flow[Committed]:
        """Vote for a proposed model."""
        return (yield from self._vote_on_models(channel, "vote_model", digest))

    @verb
    def vote_threshold(self, channel: str, threshold_id: str, table: ThresholdTable) -> Flow[Committed]:
        """Vote for a table of thresholds, which stays among the foundations."""
        return (
            yield from self.execute(
                channel,
                "credit-evaluation",
                "vote_threshold",
                threshold_id,
                private={"table": table},
                endorsers=(self.organization,),
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

    def _vote_on_models(self, channel: str, function: str, argument: object) -> Flow[Committed]:
        endorsers = yield from self._members(channel, "credit-evaluation")
        return (
            yield from self.execute(channel, "credit-evaluation", function, argument, endorsers=endorsers)
        )

    def _members(self, channel: str, chaincode: str) -> Flow[tuple[str, ...]]:
        """The members of the charter in force: what was voted is locked to a majority of their peers."""
        present = yield from type(self).charter.flow(self, channel, chaincode)
        return () if present is None else present.members
