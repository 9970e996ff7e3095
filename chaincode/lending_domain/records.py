"""What stands on a ledger: the public record, and the ground rules of every private value.

A public record carries ids, states, times and salted commitments; nothing in it, in clear or by its hash,
identifies a person or a firm. A private value carries a salt of 128 random bits or more, since Fabric
publishes the unsalted SHA-256 of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from lending_domain.canonical import canonical, parse
from lending_domain.values import Hex256, Nonce, Organization, Value

# The version that is written. Older ones are read through _UPGRADES.
SCHEMA_VERSION = 1

RecordId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Salted(Value):
    """A private value: `salt` is random, in hexadecimal, and new each time the value changes.

    A field that a later schema adds is optional and None: `encode` leaves None out, so that a value written
    before still has the hash that stands on the channel.
    """

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    salt: Nonce


class Record(Value):
    """The public side of one record.

    parties: the organizations that own the record and have a peer, its key-level endorsement policy.
    holder: the random attribute of the applicant's certificate. on: the business date of the last change.
    references: names of other records. commitments: salted SHA-256 digests in hex. dates: the days that a
    deadline is counted by, where the record has one.
    """

    version: int = SCHEMA_VERSION
    type: str
    id: str
    state: str
    parties: tuple[Organization, ...]
    holder: str | None = None
    on: date | None = None
    references: dict[str, str] = Field(default_factory=dict)
    commitments: dict[str, Hex256] = Field(default_factory=dict)
    dates: dict[str, date] | None = None

    @property
    def view(self) -> RecordView:
        """What is told of it to whoever changes it."""
        return RecordView(id=self.id, state=self.state)


class RecordView(Value):
    """What a submitted function returns and emits."""

    id: str
    state: str


class Charter(Value):
    """Who takes part in a channel, and whose letters are taken there.

    members: those with peers; they vote. anchors: the CA certificates (PEM) of each organization whose
    letters or keys are taken. business_date_lookback_days: how far before the transaction a business date
    may lie.
    """

    version: int = Field(ge=1)
    members: tuple[Organization, ...] = Field(min_length=1)
    anchors: dict[Organization, tuple[str, ...]]
    business_date_lookback_days: int = Field(ge=0, le=36_600)


class Ballot(Value):
    """The votes for one public proposal, and the proposal itself (a charter, a model)."""

    version: int = SCHEMA_VERSION
    proposal: dict[str, Any]
    votes: tuple[Organization, ...] = ()
    state: str


# version read -> how its fields become those of the next one.
_UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def read_record(raw: bytes) -> Record:
    """Parse a public record, one of an older version too; ValueError for a version that is not known."""
    fields = parse(raw)
    if not isinstance(fields, dict):
        raise ValueError("a record is a JSON object")
    version = fields.get("version")
    while version != SCHEMA_VERSION:
        upgrade = _UPGRADES.get(version) if isinstance(version, int) else None
        if upgrade is None:
            raise ValueError(f"a record of version {version} cannot be read by version {SCHEMA_VERSION}")
        fields = upgrade(fields)
        version = fields.get("version")
    return Record.model_validate(fields)


def encode(value: BaseModel) -> bytes:
    """The canonical JSON of a value without its empty fields: the bytes that are stored, hashed, compared."""
    return canonical(value.model_dump(mode="python", exclude_none=True))
