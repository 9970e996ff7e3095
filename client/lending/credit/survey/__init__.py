"""The raters' survey: definition, session, signed response, screen, aggregation, tables (P2 4.1 to 4.3)."""

from lending.credit.survey.aggregation import Aggregation, GroupWeights, aggregate, item_weights
from lending.credit.survey.definition import Combination, Definition, SurveyError, load, packaged, parse
from lending.credit.survey.judgements import Check, Conflict, Raters, check, conflicts
from lending.credit.survey.panel import Panel, calibrated_panel
from lending.credit.survey.recovery import Recovery, measure_recovery
from lending.credit.survey.report import SurveyReport, survey_report
from lending.credit.survey.report_text import report_rows, report_sheets, report_text
from lending.credit.survey.response import (
    Collection,
    Origin,
    Response,
    SignedResponse,
    collect,
    new_rater,
    pseudonym,
    read_responses,
    respond,
    response_violations,
)
from lending.credit.survey.screening import Screening, screen
from lending.credit.survey.session import Session, resume
from lending.credit.survey.spreadsheet import read_answers

__all__ = [
    "Aggregation",
    "Check",
    "Collection",
    "Combination",
    "Conflict",
    "Definition",
    "GroupWeights",
    "Origin",
    "Panel",
    "Raters",
    "Recovery",
    "Response",
    "Screening",
    "Session",
    "SignedResponse",
    "SurveyError",
    "SurveyReport",
    "aggregate",
    "calibrated_panel",
    "check",
    "collect",
    "conflicts",
    "item_weights",
    "load",
    "measure_recovery",
    "new_rater",
    "packaged",
    "parse",
    "pseudonym",
    "read_answers",
    "read_responses",
    "report_rows",
    "report_sheets",
    "report_text",
    "respond",
    "response_violations",
    "resume",
    "screen",
    "survey_report",
]
