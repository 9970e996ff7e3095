"""A contract whose functions take and give every type that the runtime knows."""

from __future__ import annotations

import datetime
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from hlf_chaincode import Context, Contract, Private, query, requires, transaction


class Colour(enum.Enum):
    """An enumeration of texts."""

    RED = "red"
    BLUE = "blue"


class Rank(enum.IntEnum):
    """An enumeration of numbers."""

    LOW = 1
    HIGH = 2


@dataclass(frozen=True)
class Part:
    """An object of a dataclass, which may hold others of its kind."""

    name: str
    weight: Decimal
    made: datetime.date
    parts: list[Part]
    colour: Colour = Colour.RED
    rank: Rank | None = None


class Order(BaseModel):
    """A pydantic model, whose annotations are forward references."""

    number: Annotated[int, Field(gt=0, le=1000)]
    at: datetime.datetime
    lines: list[Line]
    notes: dict[str, str] = {}
    share: Annotated[Decimal, Field(ge=0, lt=1)] | None = None


class Line(BaseModel):
    """One line of an order."""

    part: Part
    kind: Literal["new", "used"]
    id: uuid.UUID


Count = Annotated[int, Field(gt=0, lt=10)]
Code = Annotated[str, Field(max_length=3)]


class EveryType(Contract):
    """Every type, as an argument and as a result."""

    name = "types"
    version = "1.0"

    @query
    def scalars(
        self, ctx: Context, text: str, number: int, flag: bool, data: bytes, amount: Decimal
    ) -> Decimal:
        return amount

    @query
    def times(
        self, ctx: Context, day: datetime.date, moment: datetime.datetime, name: uuid.UUID
    ) -> datetime.datetime:
        return moment

    @query
    def choices(
        self, ctx: Context, colour: Colour, rank: Rank, kind: Literal["new", "used"], maybe: int | None = None
    ) -> Colour | None:
        return colour

    @query
    def bounded(self, ctx: Context, count: Count, code: Code) -> Count:
        return count

    @query
    def collections(
        self,
        ctx: Context,
        numbers: list[int],
        amounts: dict[str, Decimal],
        pair: tuple[str, int],
        nested: dict[str, list[Part]],
    ) -> dict[str, list[Part]]:
        return nested

    @query
    def dataclass(self, ctx: Context, part: Part, other: Part | None = None) -> Part:
        return part

    @transaction
    @requires(role="client")
    def model(self, ctx: Context, order: Order, terms: Private[Line]) -> list[Order]:
        return [order]

    @transaction
    def nothing(self, ctx: Context) -> None: ...
