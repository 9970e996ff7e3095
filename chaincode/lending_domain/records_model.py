"""The life of a model version on the ledger: votes, comments, from when it was in force. All of it public."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from lending_domain.canonical import parse
from lending_domain.model import Model
from lending_domain.records import Ballot
from lending_domain.values import Flag, Hex256, Identifier, Organization, Value

SCHEMA_VERSION = 2
"""What is written. Version 1 was a `Ballot` with the model in it, and one key for the model in force."""

BEFORE_DATES = date(1, 1, 1)
"""Since when a version is in force that schema 1 put in force, which kept no date."""

MOST_COMMENTS = 20
"""Comments that one organization may make on one version."""

CommentText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Vote(Value):
    """One evaluating member's vote. on: the business date that its administrator signed, None in schema 1."""

    organization: Organization
    support: Flag
    on: date | None = None


class Comment(Value):
    """A short public remark of a member on a version; no personal data."""

    organization: Organization
    on: date
    text: CommentText


class ModelVersion(Value):
    """One version's public record. id: the digest of its criteria, which stand beside it under `model/<id>`.

    number: in the order of proposals, from 1. name, label, predecessor, synthetic: as in the model. on: the
    business date of the last change. effective_from: the first business date on which evaluations use it.
    superseded_from: the first on which they no longer do. thresholds: the SHA-256 of the table adopted for
    it, which is salted and the foundations' alone.
    """

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    type: Literal["model-version"] = "model-version"
    id: Hex256
    number: int = Field(ge=1)
    name: Identifier
    label: str
    predecessor: Hex256 | None = None
    synthetic: Flag = False
    state: str
    proposer: Organization | None = None
    on: date | None = None
    votes: tuple[Vote, ...] = ()
    comments: tuple[Comment, ...] = ()
    carried_on: date | None = None
    effective_from: date | None = None
    superseded_from: date | None = None
    thresholds: Hex256 | None = None

    def supporters(self, electorate: tuple[str, ...]) -> int:
        """Votes for it, of those who have a vote now."""
        return sum(vote.support for vote in self.votes if vote.organization in electorate)

    def opponents(self, electorate: tuple[str, ...]) -> int:
        """Votes against it."""
        return sum(not vote.support for vote in self.votes if vote.organization in electorate)


class BallotView(Value):
    """How the vote on a version stands. needed: votes for it that carry it; open: who has not voted yet."""

    id: Hex256
    state: str
    electorate: tuple[Organization, ...]
    votes: tuple[Vote, ...]
    needed: int
    open: tuple[Organization, ...]


class Activation(Value):
    """From a business date on, evaluations use this version."""

    since: date
    id: Hex256


class Register(Value):
    """All versions in the order of their proposal, and all activations in the order of their dates.

    A version that is not listed does not exist: the register is locked to a majority of the evaluating
    members, whereas a key that is not yet there is not.
    """

    schema_version: int = Field(default=SCHEMA_VERSION, ge=2, le=SCHEMA_VERSION)
    versions: tuple[Hex256, ...] = ()
    activations: tuple[Activation, ...] = ()

    def in_force(self, on: date) -> str | None:
        """The id of the version that evaluations of this business date use."""
        return next((one.id for one in reversed(self.activations) if one.since <= on), None)


def read_criteria(raw: bytes) -> Model:
    """The criteria under `model/<digest>`: the model itself, or schema 1's ballot around it."""
    fields: Any = parse(raw)
    return Model.model_validate(fields.get("proposal", fields))


def upgraded(model_id: str, number: int, raw: bytes, register: Register) -> ModelVersion:
    """The record of a version that schema 1 kept as a ballot: its votes were all for it, without dates."""
    ballot = Ballot.model_validate(parse(raw))
    model = Model.model_validate(ballot.proposal)
    active = register.in_force(BEFORE_DATES) == model_id
    carried = ballot.state == "carried"
    return ModelVersion(
        schema_version=1,
        id=model_id,
        number=number,
        name=model.id,
        label=model.origin.label if model.origin else model.source,
        state="active" if active else "superseded" if carried else "proposed",
        votes=tuple(Vote(organization=one, support=True) for one in ballot.votes),
        effective_from=BEFORE_DATES if active else None,
    )
