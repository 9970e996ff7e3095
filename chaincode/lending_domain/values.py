"""What every value of the domain is: immutable, without unknown fields, without binary fractions."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints


class Value(BaseModel):
    """An immutable value; an unknown field is an error, so that a signature covers all there is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=0, le=1_000_000)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
Organization = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$")]
Hex256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Nonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32,64}$")]
"""At least 128 random bits in hex: without them the hash of a private value could be guessed."""
Quarter = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}Q[1-4]$")]
