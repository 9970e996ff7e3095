"""Credit evaluation off the ledger: the score, and its explanation."""

from lending.credit.evaluation import compute, reproduces
from lending.credit.explanation import (
    Explanation,
    as_text,
    explain,
    improvements,
    reasons,
    waterfall,
)

__all__ = [
    "Explanation",
    "as_text",
    "compute",
    "explain",
    "improvements",
    "reasons",
    "reproduces",
    "waterfall",
]
