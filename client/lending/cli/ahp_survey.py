"""`dure ahp survey`: a survey of raters, from its definition to the weights."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import yaml

from hlf.errors import ConfigurationError
from hlf.identity import SigningIdentity
from hlf.wallet import Wallet
from lending.cli.desk import Sentences, json_option, print_json
from lending.cli.letters import load_anchors
from lending.credit.ahp import AhpError, Method, RandomIndex
from lending.credit.survey import conversation
from lending.credit.survey.aggregation import Aggregation
from lending.credit.survey.definition import Definition, Language, SurveyError, load, packaged, packaged_text
from lending.credit.survey.panel import calibrated_panel
from lending.credit.survey.report import SurveyReport, survey_report
from lending.credit.survey.report_text import labelled, report_rows, report_sheets, report_text
from lending.credit.survey.response import (
    NO_NAME,
    Collection,
    Origin,
    SignedResponse,
    collect,
    is_pseudonym,
    new_rater,
    pseudonym,
    read_responses,
    respond,
)
from lending.credit.survey.session import Session, resume
from lending.credit.survey.sheets import write_csv, write_xlsx
from lending.credit.survey.spreadsheet import blank_rows, blank_sheet, read_answers
from lending.credit.survey.wording import question_text
from lending_domain.violations import Refused

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)
_SPREADSHEETS = {".csv", ".tsv", ".xlsx", ".yaml", ".yml"}


class _Surveyor(Sentences):
    """Says which field, question or cell is wrong in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SurveyError, AhpError) as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


@click.group(cls=_Surveyor)
def main() -> None:
    """A survey of raters: definition, sessions, signed responses, screen, weights.

    Without --survey the survey is the one behind P2's second model.
    """


_survey = click.option("--survey", "survey_file", type=_FILE, help="A definition, YAML.  [default: P2's]")
_language = click.option(
    "--lang", "language", type=click.Choice(["ko", "en"]), default="ko", show_default=True
)
_anchors = click.option(
    "--anchors",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="CA certificates: a folder of ORGANIZATION.pem, or a network's folder; signers must come from one.",
)
_unsigned = click.option("--unsigned", is_flag=True, help="Take responses without a signature, too.")
_wallet = click.option(
    "--wallet", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Sign with its identity."
)
_user = click.option("--as", "user", help="Name of the identity in the wallet.")


def _choice(values: type[Aggregation] | type[Method] | type[RandomIndex]) -> click.Choice[str]:
    return click.Choice([str(one) for one in values])


def _definition(path: Path | None) -> Definition:
    return packaged() if path is None else load(path)


def _signer(wallet: Path | None, user: str | None, unsigned: bool) -> SigningIdentity | None:
    if wallet is None or user is None:
        if not unsigned:
            raise ConfigurationError(
                "a response is signed", hint="name --wallet and --as, or say --unsigned", field="wallet"
            )
        return None
    # An environment variable, since a command line is readable by every user of the machine.
    return Wallet(wallet).get(user, os.environ.get("HLF_WALLET_PASSWORD"))


@main.command()
@click.option(
    "--output", type=_OUT, help="A YAML file to edit, or an XLSX form to fill in on paper's behalf."
)
@click.option("--rater", help="An XLSX form with a sheet for this rater, a square table for each matrix.")
@_survey
def define(output: Path | None, rater: str | None, survey_file: Path | None) -> None:
    """Write a definition to start one's own from, or a spreadsheet for answers collected on paper."""
    text = survey_file.read_text(encoding="utf-8") if survey_file else packaged_text()
    definition = _definition(survey_file)
    if output is None:
        click.echo(text, nl=False)
    elif output.suffix.lower() == ".xlsx":
        write_xlsx(output, blank_sheet(definition, rater) if rater else blank_rows(definition), text=True)
    elif output.suffix.lower() == ".csv":
        write_csv(output, blank_rows(definition)["answers"])
    else:
        output.write_text(text, encoding="utf-8")
    if output is not None:
        click.echo(f"{output}")


@main.command()
@_survey
@_language
@json_option
def show(survey_file: Path | None, language: Language, as_json: bool) -> None:
    """Check a definition and show its hierarchy, its questions and what in it is ours."""
    definition = _definition(survey_file)
    if as_json:
        questions = {
            name: {"ko": question_text(definition, one, "ko"), "en": question_text(definition, one, "en")}
            for name, one in definition.asked.items()
        }
        print_json(
            {
                "digest": definition.digest,
                **definition.model_dump(mode="json", exclude={"questions"}),
                "questions": questions,
                "screened": [one.id for one in definition.screened],
            }
        )
        return
    click.echo(f"{definition.text(language)} ({definition.id} {definition.version})")
    click.echo(f"  {definition.digest}\n  {definition.source}")
    for block in definition.blocks:
        total = "" if block.scale is None else f"  = {block.scale}"
        click.echo(f"{block.text(language)} ({block.id}){total}")
        _tree(block.children, language, 1)
    for name, question in definition.asked.items():
        click.echo(f"{name}\n  {question_text(definition, question, language)}")
    for line in definition.ours:
        click.echo(f"ours: {line}")


def _tree(nodes: Sequence[Any], language: Language, depth: int) -> None:
    for node in nodes:
        click.echo(f"{'  ' * depth}{node.text(language)} ({node.id})")
        _tree(node.children, language, depth + 1)


@main.command()
@_survey
@_language
@click.option("--output", type=_OUT, required=True, help="Where the response goes, JSON.")
@click.option("--draft", type=_OUT, help="Where the session is kept meanwhile.  [default: OUTPUT.draft]")
@click.option("--rater", help="Unsigned only: a serial number such as R-017, never a name.")
@_wallet
@_user
@click.option("--unsigned", is_flag=True, help="Write a response without a signature.")
def answer(
    survey_file: Path | None,
    language: Language,
    output: Path,
    draft: Path | None,
    rater: str | None,
    wallet: Path | None,
    user: str | None,
    unsigned: bool,
) -> None:
    """Answer a survey at the prompt: consistency as you go, undo, later, again; leave and come back."""
    definition = _definition(survey_file)
    signer = _signer(wallet, user, unsigned)
    draft = draft or output.with_name(output.name + ".draft")
    name = pseudonym(definition, signer.certificate) if signer else rater or new_rater()
    if not is_pseudonym(name):
        raise SurveyError(f"--rater: {NO_NAME}")
    session = Session(definition, name)
    if draft.exists():
        session = resume(definition, draft.read_text(encoding="utf-8"))
        if signer and session.rater != name:
            raise SurveyError(f"{draft}: the draft is another rater's")
    turn = conversation.Turn(session, ())
    while not turn.finished:
        for line in conversation.ask(turn.session, language):
            click.echo(line)
        turn = conversation.take(
            turn.session, click.prompt("", prompt_suffix="> ", default="", show_default=False), language
        )
        draft.write_text(turn.session.draft(), encoding="utf-8")
        for line in turn.lines:
            click.echo(line)
        if turn.leaving:
            click.echo(f"{draft}")
            return
    session = turn.session
    signed = respond(definition, session.answers, _now(), rater=session.rater, signer=signer)
    output.write_bytes(signed.to_bytes())
    draft.unlink(missing_ok=True)
    click.echo(f"{output}")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@main.command()
@click.argument("file", type=_FILE)
@_survey
@click.option("--output", type=_OUT, required=True, help="Where the responses go, JSON.")
@_wallet
@_user
@click.option("--unsigned", is_flag=True, help="Write responses without a signature.")
def transcribe(
    file: Path, survey_file: Path | None, output: Path, wallet: Path | None, user: str | None, unsigned: bool
) -> None:
    """Make responses of a spreadsheet, one row or one sheet a rater; whoever collected them signs."""
    definition = _definition(survey_file)
    signer = _signer(wallet, user, unsigned)
    responses = [
        respond(definition, answers, _now(), rater=rater, origin=Origin.TRANSCRIBED, signer=signer)
        for rater, answers in read_answers(definition, file).items()
    ]
    _write_json(output, {"responses": [one.model_dump(mode="json") for one in responses]})
    click.echo(f"{output}: {len(responses)}")


def _collected(
    definition: Definition, files: Sequence[Path], anchors: Path | None, unsigned: bool
) -> Collection:
    given: list[SignedResponse] = []
    for file in files:
        inside = sorted(file.glob("*.json")) if file.is_dir() else [file]
        for one in inside:
            given += _read(definition, one, unsigned)
    known = load_anchors(anchors) if anchors else None
    return collect(definition, given, known, allow_unsigned=unsigned)


def _read(definition: Definition, file: Path, unsigned: bool) -> list[SignedResponse]:
    if file.suffix.lower() in _SPREADSHEETS:
        if not unsigned:
            raise SurveyError(f"{file.name}: a spreadsheet is not signed; say --unsigned, or transcribe it")
        return [
            respond(definition, answers, _now(), rater=rater, origin=Origin.TRANSCRIBED)
            for rater, answers in read_answers(definition, file).items()
        ]
    try:
        return read_responses(file.read_bytes())
    except Refused as refused:
        first = refused.violations[0]
        raise SurveyError(f"{file.name}: {first.ko} {first.en}") from refused


_files = click.argument("files", type=click.Path(exists=True, path_type=Path), nargs=-1, required=True)


@main.command()
@_files
@_survey
@_anchors
@_unsigned
@json_option
@click.pass_context
def verify(
    context: click.Context,
    files: tuple[Path, ...],
    survey_file: Path | None,
    anchors: Path | None,
    unsigned: bool,
    as_json: bool,
) -> None:
    """Check responses: signature, signer, survey, given once; exit code 1 if any is refused."""
    collection = _collected(_definition(survey_file), files, anchors, unsigned)
    if as_json:
        print_json(
            {
                "counted": [one.response.rater for one in collection.responses],
                "unsigned": collection.unsigned,
                "synthetic": collection.synthetic,
                "refused": [
                    {
                        "place": one.place,
                        "rater": one.rater,
                        "findings": [v.model_dump(mode="json") for v in one.violations],
                    }
                    for one in collection.refused
                ],
            }
        )
    else:
        told = f"{len(collection.responses)} counted, of them {collection.unsigned} unsigned"
        click.echo(f"{told}; {len(collection.refused)} refused" + ("; SYNTHETIC" * collection.synthetic))
        for one in collection.refused:
            for violation in one.violations:
                click.echo(
                    f"{one.rater}: {violation.code} {violation.field}\n  {violation.ko}\n  {violation.en}"
                )
    context.exit(1 if collection.refused else 0)


@main.command()
@_files
@_survey
@_anchors
@_unsigned
@click.option(
    "--limit", type=click.FloatRange(min=0), help="Consistency ratio.  [default: the survey's, 0.2]"
)
@click.option("--mean", type=_choice(Aggregation), default="arithmetic", show_default=True)
@click.option("--method", type=_choice(Method), default="eigenvector", show_default=True)
@click.option("--random-index", type=_choice(RandomIndex), default="saaty", show_default=True)
@click.option("--output", type=_OUT, help="A report: .xlsx, .csv (weights), .yaml, .json or .txt.")
@_language
@json_option
def report(
    files: tuple[Path, ...],
    survey_file: Path | None,
    anchors: Path | None,
    unsigned: bool,
    limit: float | None,
    mean: str,
    method: str,
    random_index: str,
    output: Path | None,
    language: Language,
    as_json: bool,
) -> None:
    """Screen raters, average them, and print the weights in the form of P2's tables."""
    definition = _definition(survey_file)
    made = survey_report(
        definition,
        _collected(definition, files, anchors, unsigned),
        limit=limit,
        aggregation=Aggregation(mean),
        method=Method(method),
        random_index=RandomIndex(random_index),
    )
    if output is not None:
        output = labelled(output, made.synthetic)
        _writer(output)(output, made, language)
    if as_json:
        print_json(made.to_dict())
    else:
        click.echo(f"{output}" if output else report_text(made, language), nl=output is not None)


# libyaml's, where PyYAML was built with it, is some ten times as fast.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_Writer = Callable[[Path, SurveyReport, Language], object]


def _writer(path: Path) -> _Writer:
    writers: dict[str, _Writer] = {
        ".xlsx": lambda file, made, language: write_xlsx(file, report_sheets(made, language)),
        ".csv": lambda file, made, language: write_csv(file, report_rows(made, language)),
        ".yaml": lambda file, made, _: file.write_text(
            yaml.dump(made.to_dict(), Dumper=_DUMPER, allow_unicode=True, sort_keys=False), encoding="utf-8"
        ),
        ".json": lambda file, made, _: _write_json(file, made.to_dict()),
        ".txt": lambda file, made, language: file.write_text(report_text(made, language), encoding="utf-8"),
    }
    if path.suffix.lower() not in writers:
        raise SurveyError(f"{path.name}: give the report a name that ends in {', '.join(writers)}")
    return writers[path.suffix.lower()]


@main.command()
@click.option("--seed", type=int, default=2007, show_default=True)
@click.option("--output", type=_OUT, help="Where the responses go, JSON; the name is made to say synthetic.")
@json_option
def panel(seed: int, output: Path | None, as_json: bool) -> None:
    """Draw a SYNTHETIC panel: 189 raters, 118 within the limit, calibrated to P2's tables 15 to 19."""
    made = calibrated_panel(seed=seed)
    document = made.to_dict()
    if output is not None:
        output = labelled(output, True)
        _write_json(output, document)
    if as_json:
        print_json(document)
        return
    click.echo(document["label_ko"])
    click.echo(document["label_en"])
    click.echo(
        f"{document['raters']} raters, {document['accepted']} within CR {document['limit']}, seed {seed}"
    )
    if output is not None:
        click.echo(f"{output}")


@main.command()
@click.option("--raters", type=click.IntRange(min=2), default=118, show_default=True)
@click.option("--repetitions", type=click.IntRange(min=1), default=10, show_default=True)
@click.option("--seed", type=int, default=2007, show_default=True)
@click.option(
    "--careless",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share who answer anything.",
)
@click.option("--output", type=_OUT, help="A plot, SVG; the name is made to say synthetic.")
@json_option
def recovery(
    raters: int, repetitions: int, seed: int, careless: float, output: Path | None, as_json: bool
) -> None:
    """Measure how well known weights are recovered from noisy SYNTHETIC raters, by noise, mean and method."""
    from lending.credit.survey import recovery as simulation

    found = simulation.measure_recovery(raters=raters, repetitions=repetitions, careless=careless, seed=seed)
    if output is not None:
        output = labelled(output, True)
        try:
            simulation.plot(found, output)
        except ModuleNotFoundError as error:
            raise SurveyError("the plot needs matplotlib: pip install 'dure[analysis]'") from error
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(simulation.recovery_text(found), nl=False)
    if output is not None:
        click.echo(f"{output}")


def _write_json(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
