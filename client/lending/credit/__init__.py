"""Credit evaluation off the ledger: the score, its explanation, and what would bring it to the threshold.

`lending.credit.forms` reads files of firms, `lending.credit.scoring` scores arrays of them,
`lending.credit.explanation_pdf` prints an explanation.
"""

from lending.credit.criteria import Criterion, criteria
from lending.credit.evaluation import compute, opening_violations, reproduces
from lending.credit.explanation import (
    Explainer,
    Explanation,
    as_text,
    explain,
    rights,
)
from lending.credit.explanation_text import explanation_text
from lending.credit.reason_codes import Change, ReasonCode, reason_codes
from lending.credit.sufficiency import Sufficiency, sufficiency

__all__ = [
    "Change",
    "Criterion",
    "Explainer",
    "Explanation",
    "ReasonCode",
    "Sufficiency",
    "as_text",
    "compute",
    "criteria",
    "explain",
    "explanation_text",
    "opening_violations",
    "reason_codes",
    "reproduces",
    "rights",
    "sufficiency",
]
