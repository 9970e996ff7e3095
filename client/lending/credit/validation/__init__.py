"""Revalidation of an evaluation model on firms and their outcomes (P2 section 3.3).

Needs the extra `analysis` (statsmodels, scipy, matplotlib).

    >>> firms = synthesize(5000, seed=1)
    >>> result = revalidate(firms, seed=1)
    >>> Path("report.html").write_text(page(result))
"""

from lending.credit.validation.calibration import (
    Band,
    Brier,
    Calibration,
    HosmerLemeshow,
    bands,
    brier,
    calibrate,
    hosmer_lemeshow,
)
from lending.credit.validation.discrimination import (
    Discrimination,
    Roc,
    auc,
    discriminate,
    gini,
    hanley_mcneil,
    kolmogorov_smirnov,
    roc,
)
from lending.credit.validation.errors import RevalidationError, SeparationError
from lending.credit.validation.files import read, write
from lending.credit.validation.fit import Classification, classify, cox_snell, nagelkerke
from lending.credit.validation.logit import Coefficient, Fit, Selection, Step, fit_logit, select
from lending.credit.validation.margins import maximum_entropy, possible_sd, reconcile
from lending.credit.validation.page import page
from lending.credit.validation.portfolio import (
    SYNTHETIC_EN,
    SYNTHETIC_KO,
    Portfolio,
    base_scores,
    from_evaluations,
)
from lending.credit.validation.priors import corrected_intercept
from lending.credit.validation.published import Published, published
from lending.credit.validation.quality import Finding, check, check_published, check_summary
from lending.credit.validation.revalidation import Revalidation, revalidate
from lending.credit.validation.sampling import Draw, Stratum, balanced_draw
from lending.credit.validation.stability import (
    Shift,
    Stability,
    stability,
    stability_of_grades,
    stability_of_scores,
)
from lending.credit.validation.synthetic import synthesize, usable_margins
from lending.credit.validation.tables import as_text, classification_table, coefficient_table

__all__ = [
    "SYNTHETIC_EN",
    "SYNTHETIC_KO",
    "Band",
    "Brier",
    "Calibration",
    "Classification",
    "Coefficient",
    "Discrimination",
    "Draw",
    "Finding",
    "Fit",
    "HosmerLemeshow",
    "Portfolio",
    "Published",
    "Revalidation",
    "RevalidationError",
    "Roc",
    "Selection",
    "SeparationError",
    "Shift",
    "Stability",
    "Step",
    "Stratum",
    "as_text",
    "auc",
    "balanced_draw",
    "bands",
    "base_scores",
    "brier",
    "calibrate",
    "check",
    "check_published",
    "check_summary",
    "classification_table",
    "classify",
    "coefficient_table",
    "corrected_intercept",
    "cox_snell",
    "discriminate",
    "fit_logit",
    "from_evaluations",
    "gini",
    "hanley_mcneil",
    "hosmer_lemeshow",
    "kolmogorov_smirnov",
    "maximum_entropy",
    "nagelkerke",
    "page",
    "possible_sd",
    "published",
    "read",
    "reconcile",
    "revalidate",
    "roc",
    "select",
    "stability",
    "stability_of_grades",
    "stability_of_scores",
    "synthesize",
    "usable_margins",
    "write",
]
