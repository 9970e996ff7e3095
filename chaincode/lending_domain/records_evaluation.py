"""Referral, evaluation, thresholds and the duplicate-support index: the private sides."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import Field

from lending_domain.commitment import commit
from lending_domain.form import EvaluationForm, Screening
from lending_domain.letters import SignedLetter
from lending_domain.model import Threshold
from lending_domain.records import RecordId, Salted
from lending_domain.score import Evaluation
from lending_domain.values import Flag, Hex256, Organization


class Referral(Salted):
    """SEMAS's confirmation letter for the foundation, and the evidence bundle that goes with it."""

    letter: SignedLetter
    bundle_id: RecordId | None = None


class EvaluationRecord(Salted):
    """One evaluation: what was asked, what was answered, the score, and whether it reaches the threshold."""

    model_digest: Hex256
    screening: Screening
    form: EvaluationForm
    result: Evaluation
    guaranteeable: Flag

    @property
    def commitment(self) -> str:
        """The salted commitment on the channel; whoever is given this record can recompute it.

        Without empty fields, as it is stored: a field that comes later leaves older commitments as they are.
        """
        opened = self.model_dump(mode="python", exclude={"salt"}, exclude_none=True)
        return commit(opened, bytes.fromhex(self.salt))


class OverrideGround(StrEnum):
    """Why a score is departed from; many overrides on one ground say what the model lacks."""

    OUTSIDE_THE_MODEL = "outside-the-model"  # what the items do not ask: orders in hand, a patent
    DISASTER_RELIEF = "disaster-relief"  # 재해 피해: figures that a disaster made
    POLICY_SUPPORT = "policy-support"  # a policy fund's own purpose
    OTHER = "other"


class OverrideRequest(Salted):
    """Why one officer would guarantee below the threshold."""

    ground: OverrideGround
    reason: str = Field(min_length=10)


class Override(Salted):
    """A departure from the score by two officers, with reasons. officers: digests of their client ids.

    evaluation: commitment of the evaluation departed from; grounds and evaluation are None in older ones.
    """

    officers: tuple[Hex256, ...]
    reasons: tuple[str, ...]
    grounds: tuple[OverrideGround, ...] | None = None
    evaluation: Hex256 | None = None

    @property
    def commitment(self) -> str:
        """The salted commitment on the channel."""
        opened = self.model_dump(mode="python", exclude={"salt"}, exclude_none=True)
        return commit(opened, bytes.fromhex(self.salt))


class ThresholdTable(Salted):
    """심사기준점 of one model, voted by the foundations."""

    model_digest: Hex256
    version: int = Field(ge=1)
    entries: tuple[Threshold, ...] = Field(min_length=1)

    def threshold_of(self, result: Evaluation) -> Threshold | None:
        """The entry of the result's composition, class and industry."""
        own = (result.composition, result.company_class, result.industry)
        return next(
            (one for one in self.entries if (one.composition, one.company_class, one.industry) == own), None
        )


class ThresholdBallot(Salted):
    """Votes for a table; kept among the foundations, since thresholds are not published."""

    table: ThresholdTable
    votes: tuple[Organization, ...]


class DuplicateSecret(Salted):
    """The foundations' shared secret of one version: 256 bits or more, in hexadecimal."""

    key_version: int = Field(ge=1)
    secret: Hex256


class DuplicateKeyRing(Salted):
    """All versions still in force: version -> secret in hexadecimal."""

    secrets: dict[str, Hex256]

    def in_bytes(self) -> dict[int, bytes]:
        """Version -> secret, as the rules take it."""
        return {int(version): bytes.fromhex(secret) for version, secret in self.secrets.items()}


class Reservation(Salted):
    """For which guarantee at which bank a firm's entry is made; only that bank's letter releases it."""

    guarantee_id: RecordId
    bank: Organization


class IndexEntry(Salted):
    """One firm's or representative's entry in the index: who supports it."""

    owner: Organization
    referral_id: RecordId
    since: date


class Reserved(Salted):
    """The index keys that a referral holds (private: an HMAC is pseudonymous personal data)."""

    key_version: int
    keys: tuple[Hex256, ...]
    guarantee_id: RecordId
    bank: Organization
