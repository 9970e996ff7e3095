"""`dure evaluation`: scores, explanations, openings; what stands on the ledger needs a network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import click
from pydantic import ValidationError

from lending.cli.desk import CommandTable, Desk, json_option, print_json, profiles_option, state_option
from lending.cli.evaluation_files import read_model, read_threshold
from lending.cli.evaluation_ledger import override_evaluation, submit_evaluation
from lending.cli.review_options import organization_option
from lending.credit import (
    Explanation,
    explain,
    explanation_text,
    opening_violations,
    sufficiency,
)
from lending.credit.explanation import as_text
from lending.credit.explanation_words import answer, firm
from lending.credit.form_template import form_template
from lending.credit.forms import Entry, read_forms
from lending.foundation import FoundationClient
from lending.governance import GovernanceClient
from lending_domain.form import Industry
from lending_domain.model import Composition, Model, Threshold, compose
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.score import UNIT, Evaluation, evaluate, guaranteeable
from lending_domain.violations import Refused, Violation

_REFERRAL = re.compile(r"[0-9a-f]{32}")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

model_option = click.option(
    "--model", "model_file", default="packaged", show_default=True, help="A model version, YAML or JSON."
)
composition_option = click.option(
    "--composition",
    type=click.Choice([one.value for one in Composition]),
    help="How printed weights become the model's.  [default: the model's own]",
)
threshold_option = click.option(
    "--threshold",
    help="The 심사기준점: a decimal such as 0.65, or a file with a table of them. Without it only the score.",
)
user_option = click.option("--user", default="evaluator", show_default=True)


_COMMANDS = {
    "review": ("lending.cli.evaluation_review", "Requests for explanation, review, correction; answers.")
}


@click.group(cls=CommandTable, table=_COMMANDS)
def main() -> None:
    """Credit evaluations: score a form, explain it, verify an opening, show what stands on the ledger."""


main.add_command(submit_evaluation)
main.add_command(override_evaluation)


@main.command()
@click.argument("form", type=_FILE)
@model_option
@composition_option
@threshold_option
@json_option
def score(
    *, form: Path, model_file: str, composition: str | None, threshold: str | None, as_json: bool
) -> None:
    """Score FORM: one firm in YAML or JSON, or a sheet of firms in CSV or XLSX. Needs no network.

    For evaluators: with a threshold it also says what would bring a firm to it.
    """
    model, found = _model(model_file, composition), []
    entries = read_forms(form)
    for entry in entries:
        try:
            result = evaluate(entry.admitted(), model)
            found.append(_scored(entry, result, read_threshold(threshold, result), model))
        except Refused as refusal:
            if len(entries) == 1:
                _fail(entry.firm, refusal.violations)
            found.append({"firm": entry.firm, "violations": [one.model_dump() for one in refusal.violations]})
    if as_json:
        print_json(found[0] if len(entries) == 1 else found)
    else:
        for one in found:
            _tell(one)
    if any("violations" in one for one in found):
        raise SystemExit(1)


@main.command("form")
@click.option("--industry", type=click.Choice([one.value for one in Industry]), required=True)
@model_option
def empty_form(*, industry: str, model_file: str) -> None:
    """An empty form in YAML, with the words and hints of each field, to fill in and score."""
    click.echo(form_template(Industry(industry), read_model(model_file)), nl=False)


@main.command("explain")
@click.argument("form")
@model_option
@composition_option
@threshold_option
@click.option("--lang", type=click.Choice(["ko", "en"]), default="ko", show_default=True)
@click.option("--pdf", type=click.Path(dir_okay=False, path_type=Path), help="Write the explanation there.")
@organization_option
@user_option
@state_option
@profiles_option
@json_option
def explain_evaluation(
    *,
    form: str,
    model_file: str,
    composition: str | None,
    threshold: str | None,
    lang: Any,
    pdf: Path | None,
    organization: str,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """The applicant's explanation of FORM, a file with one firm, or of the evaluation of referral FORM.

    A threshold gives it the answer; no explanation says the threshold.
    """
    if Path(form).is_file():
        told = _explained(Path(form), _model(model_file, composition), threshold)
    elif _REFERRAL.fullmatch(form):
        record, model = _from_ledger(Desk.at(state, profiles), organization, user, form)
        told = explain(record.result, model, guaranteeable=record.guaranteeable)
    else:
        raise click.ClickException(f"{form} is no file, and no referral's id of 32 hexadecimal digits.")
    if pdf is not None:
        # Here, not above: drawing is loaded by those alone who ask for it.
        from lending.credit.explanation_pdf import explanation_pdf

        pdf.write_bytes(explanation_pdf(told, lang))
    if as_json:
        print_json(told.model_dump(mode="json"))
    elif pdf is None:
        click.echo(explanation_text(told, lang), nl=False)
    else:
        click.echo(f"wrote {pdf}")


@main.command("show")
@click.argument("referral_id")
@organization_option
@user_option
@click.option("--lang", type=click.Choice(["ko", "en"]), default="ko", show_default=True)
@state_option
@profiles_option
@json_option
def show_evaluation(
    *,
    referral_id: str,
    organization: str,
    user: str,
    lang: Any,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """The evaluation of referral REFERRAL_ID with its explanation, as the applicant gets it."""
    record, model = _from_ledger(Desk.at(state, profiles), organization, user, referral_id)
    told = explain(record.result, model, guaranteeable=record.guaranteeable)
    if as_json:
        print_json(
            {
                "guaranteeable": record.guaranteeable,
                "commitment": record.commitment,
                "explanation": told.model_dump(mode="json"),
            }
        )
        return
    click.echo(explanation_text(told, lang), nl=False)
    click.echo(f"commitment {record.commitment}")


@main.command()
@click.argument("record", type=_FILE)
@click.option("--commitment", required=True, metavar="HEX", help="What stands on the ledger.")
@model_option
@json_option
def verify(*, record: Path, commitment: str, model_file: str, as_json: bool) -> None:
    """Verify the opening RECORD: it is what the commitment was made of, and gives its score to the unit.

    For whoever was given the record: the applicant, a reviewer, an auditor. Needs no network.
    """
    try:
        opened = EvaluationRecord.model_validate_json(record.read_bytes())
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, one["loc"])) for one in error.errors()}))
        raise click.ClickException(f"{record.name} is no evaluation record: look at {fields}.") from error
    found = opening_violations(opened, commitment.strip().lower(), read_model(model_file))
    if as_json:
        print_json({"verified": not found, "findings": [one.model_dump() for one in found]})
    elif not found:
        click.echo(
            f"verified: {opened.result.total}/{UNIT} ({as_text(opened.result.total)}) follows from the form "
            f"by {opened.result.model}, and the record opens the commitment"
        )
    if found:
        if not as_json:
            _fail(record.name, found)
        raise SystemExit(1)


def _model(model_file: str, composition: str | None) -> Model:
    model = read_model(model_file)
    return model if composition is None else compose(model, Composition(composition))


def _explained(path: Path, model: Model, threshold: str | None) -> Explanation:
    entries = read_forms(path)
    if len(entries) != 1:
        raise click.ClickException(
            f"{path.name} holds {len(entries)} firms: an explanation is one firm's; `dure evaluation score` "
            "takes them all."
        )
    try:
        result = evaluate(entries[0].admitted(), model)
    except Refused as refusal:
        _fail(entries[0].firm, refusal.violations)
    limit = read_threshold(threshold, result)
    return explain(result, model, guaranteeable=None if limit is None else guaranteeable(result, limit))


def _from_ledger(
    desk: Desk, organization: str, user: str, referral_id: str
) -> tuple[EvaluationRecord, Model]:
    """The evaluation, and the version that it was made by, which may be superseded by now."""
    with desk.gateway(organization, user) as gateway:
        record = FoundationClient(gateway).read_evaluation(referral_id)
        return record, GovernanceClient(gateway).model("referral", record.model_digest)


def _scored(entry: Entry, result: Evaluation, threshold: Threshold | None, model: Model) -> dict[str, Any]:
    scored = {
        "firm": entry.firm,
        "guaranteeable": None if threshold is None else guaranteeable(result, threshold),
        "score": as_text(result.total),
        "unit": UNIT,
        **result.model_dump(mode="json"),
    }
    if threshold is not None:
        scored["would_suffice"] = sufficiency(result, threshold, model).model_dump(mode="json")
    return scored


def _tell(one: dict[str, Any]) -> None:
    if "violations" in one:
        found = [Violation.model_validate(each) for each in one["violations"]]
        click.echo(f"{one['firm']}: {_sentence(found)}")
        return
    result = Evaluation.model_validate({name: one[name] for name in Evaluation.model_fields})
    click.echo(
        f"{one['firm']}: {as_text(result.total)} = {as_text(result.base)} + {as_text(result.bonus)} bonus, "
        f"{answer(one['guaranteeable'], 'en')} ({firm(result.company_class, result.industry, 'en')}; "
        f"{result.model}, {result.composition})"
    )
    suffices = one.get("would_suffice") or {"missing": 0}
    if suffices["missing"]:
        alone = ", ".join(_step(step) for step in suffices["singles"]) or "no item"
        click.echo(f"  {as_text(suffices['missing'])} missing; alone suffices {alone}")
        together = " and ".join(_step(step) for step in suffices["smallest"] or ()) or "nothing"
        click.echo(f"  fewest items together: {together}")


def _step(step: dict[str, Any]) -> str:
    return f"{step['en']} {step['grade']} -> {step['better']}"


def _fail(firm_name: str, violations: Iterable[Violation]) -> NoReturn:
    raise click.ClickException(f"{firm_name}: {_sentence(violations)}")


def _sentence(violations: Iterable[Violation]) -> str:
    """Every violation with its field, in one sentence."""
    return "; ".join(f"{one.field or 'form'} {one.code}: {one.ko} {one.en}" for one in violations)
