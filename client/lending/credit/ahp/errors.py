"""What a comparison matrix can have wrong with it."""

from __future__ import annotations


class AhpError(ValueError):
    """Input that AHP cannot use. The message names the cell and says what to do about it."""
