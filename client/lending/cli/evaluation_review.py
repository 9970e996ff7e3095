"""`dure evaluation review`: requests for explanation, a person's review or correction, and their answers.

What is asked and answered is sealed; whoever opens or seals gives the file of the private sealing key
(X25519, PEM). One id names the request of the applicant and the review of the foundation.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from hlf import Gateway
from lending.applicant import ApplicantClient
from lending.cli.desk import Desk, json_option, print_json, profiles_option, state_option
from lending.cli.evaluation_ledger import adopted_threshold
from lending.cli.review_counterparts import relay_review, request_review
from lending.cli.review_options import (
    KEY_FILE,
    day,
    holder_of,
    key_option,
    on_option,
    opened_key,
    organization_option,
    signer_of,
    tell,
    user_option,
)
from lending.credit import compute, explain
from lending.documents import open_letter, public_key_text
from lending.foundation import FoundationClient
from lending.governance import GovernanceClient
from lending.institution import new_salt
from lending.review_letters import answer_letter, corrected, extension_letter, relay_id, sealed_between
from lending.semas import SemasClient
from lending_domain.letters import SignedLetter
from lending_domain.records import Record
from lending_domain.records_evaluation import EvaluationRecord
from lending_domain.records_letters import ConfirmationBody
from lending_domain.records_review import ReviewAnswer, ReviewAnswerBody, ReviewOutcome, ReviewRequestBody
from lending_domain.review import extended
from lending_domain.score import evaluate


@click.group()
def main() -> None:
    """Requests for explanation, a person's review or correction, and their answers with dates."""


main.add_command(request_review)
main.add_command(relay_review)


@main.command("list")
@click.option(
    "--due",
    type=click.DateTime(["%Y-%m-%d"]),
    callback=day,
    help="Only what waits for an answer due by this day, the most urgent first; overdue as of it.",
)
@click.option("--status", default="", help="Only those in this state, such as received or answered.")
@organization_option
@user_option
@state_option
@profiles_option
@json_option
def list_reviews(
    *,
    due: date | None,
    status: str,
    organization: str,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """A foundation's reviews, SEMAS's requests to pass on, or an applicant's own, with states and dates."""
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        records = _records(gateway, organization, status)
    rows = [_row(one) for one in records]
    if due is not None:
        waiting = {one.id: found for one in records if (found := _waiting(one, due)) is not None}
        rows = [{**row, "overdue": waiting[row["id"]]} for row in rows if row["id"] in waiting]
        rows.sort(key=lambda row: (row["due_by"], row["id"]))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        late = "  OVERDUE 기한 경과" if row.get("overdue") else ""
        dates = "  ".join(f"{name} {row[name]}" for name in _DATES if name in row)
        click.echo(f"{row['id']}  {row['state']:<9}  {dates}{late}")
    if not rows:
        click.echo("There are none.")


_DATES = ("requested_on", "received_on", "relayed_on", "due_by", "answered_on")


def _records(gateway: Gateway, organization: str, status: str) -> tuple[Record, ...]:
    if organization == "applicants":
        return ApplicantClient(gateway).list_reviews(status)
    if organization == "semas":
        return SemasClient(gateway).list_requests(status)
    return FoundationClient(gateway).list_reviews(status)


def _row(record: Record) -> dict[str, Any]:
    dates = {name: day.isoformat() for name, day in (record.dates or {}).items()}
    return {"id": record.id, "state": record.state, **record.references, **dates}


def _waiting(record: Record, due: date) -> bool | None:
    """Whether what is due by this day is overdue on it; None for what is answered or due later."""
    dates = record.dates or {}
    if "due_by" not in dates or "answered_on" in dates or dates["due_by"] > due:
        return None
    return due > dates["due_by"]


@main.command("show")
@click.argument("review_id")
@click.option(
    "--key", type=KEY_FILE, callback=opened_key, help="The private sealing key, to open the letters."
)
@organization_option
@user_option
@state_option
@profiles_option
@json_option
def show_review(
    *,
    review_id: str,
    key: X25519PrivateKey | None,
    organization: str,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """Review REVIEW_ID with its dates; with --key a foundation opens the request, an applicant the answer."""
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        record = next((one for one in _records(gateway, organization, "") if one.id == review_id), None)
        if record is None:
            raise click.ClickException(f"{organization} has no review {review_id}.")
        shown = _row(record)
        if key is not None and organization == "applicants":
            if record.state not in {"answered", "closed"}:
                raise click.ClickException("There is no answer yet.")
            answer = ApplicantClient(gateway).read_answer(review_id)
            letter = open_letter(answer, holder_of(gateway), key)
            shown["answer"] = ReviewAnswerBody.model_validate(letter.letter.body).model_dump(mode="json")
        elif key is not None:
            letter, _ = _opened(gateway, organization, review_id, key)
            shown["request"] = ReviewRequestBody.model_validate(letter.letter.body).model_dump(mode="json")
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        if name == "request":
            _tell_request(value)
        elif name == "answer":
            click.echo(f"outcome       {value['outcome']}\n\n{value['text']}")
        else:
            click.echo(f"{name:<13} {value}")


def _tell_request(body: dict[str, Any]) -> None:
    click.echo(f"kind          {body['kind']}\n\n{body['text']}")
    for one in body["corrections"]:
        click.echo(f"  {one['field']} = {one['value']}: {one['because']}")


@main.command("answer")
@click.argument("review_id")
@click.option(
    "--outcome",
    type=click.Choice(["explained", "upheld", "re-evaluated", "refused"]),
    required=True,
    help="What became of the request; it stands in the sealed letter only.",
)
@click.option("--text", required=True, help="The answer, for the applicant to read.")
@key_option
@on_option
@organization_option
@user_option
@state_option
@profiles_option
@json_option
def answer_review(
    *,
    review_id: str,
    outcome: str,
    text: str,
    key: X25519PrivateKey,
    on: date,
    organization: str,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """Answer review REVIEW_ID, as another officer than who evaluated, and hand the letter to SEMAS."""
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        client = FoundationClient(gateway)
        request, holder = _opened(gateway, organization, review_id, key)
        record = client.read_review(review_id)
        evaluation = None
        if "evaluation" in record.commitments:
            evaluation = client.read_evaluation(record.references["referral"])
        told = None if evaluation is None else _explained(gateway, evaluation)
        answer = answer_letter(
            signer_of(gateway),
            request,
            ReviewOutcome(outcome),
            text,
            holder=holder,
            received_on=(record.dates or {})["received_on"],
            answered_on=on,
            commitment=_standing(client, record),
            evaluation=evaluation,
            explanation=told,
        )
        letters = ReviewAnswer(salt=new_salt(), request=request, answer=answer)
        done = client.answer_review(review_id, on, letters)
        relay = _relay(client, review_id, "answer", on, answer, request, holder, key)
    tell({"id": review_id, "state": done.state, "relay": relay}, as_json)


@main.command("extend")
@click.argument("review_id")
@click.option("--reason", required=True, help="Why it takes longer, for the applicant to read.")
@key_option
@on_option
@organization_option
@user_option
@state_option
@profiles_option
@json_option
def extend_review(
    *,
    review_id: str,
    reason: str,
    key: X25519PrivateKey,
    on: date,
    organization: str,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """Put the answer to review REVIEW_ID off, before its day has come, with a letter that says why."""
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        client = FoundationClient(gateway)
        request, holder = _opened(gateway, organization, review_id, key)
        dates, kind = client.read_review(review_id).dates or {}, client.read_review_request(review_id).kind
        due_by = extended(kind, dates["received_on"], dates["due_by"], on)
        notice = extension_letter(signer_of(gateway), holder, review_id, due_by, reason)
        done = client.extend_review(review_id, on, notice)
        relay = _relay(client, review_id, due_by.isoformat(), on, notice, request, holder, key)
    tell({"id": review_id, "state": done.state, "due_by": due_by.isoformat(), "relay": relay}, as_json)


@main.command("re-evaluate")
@click.argument("review_id")
@key_option
@on_option
@organization_option
@user_option
@state_option
@profiles_option
@json_option
def re_evaluate(
    *,
    review_id: str,
    key: X25519PrivateKey,
    on: date,
    organization: str,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """Evaluate again with the corrections that review REVIEW_ID asks for; the evaluation before stays."""
    with Desk.at(state, profiles).gateway(organization, user) as gateway:
        client = FoundationClient(gateway)
        request, _ = _opened(gateway, organization, review_id, key)
        body = ReviewRequestBody.model_validate(request.letter.body)
        before = client.read_evaluation(body.referral_id)
        model = client.active_model(on)
        form = corrected(before.form, body.corrections)
        result = evaluate(form, model)
        threshold = adopted_threshold(gateway, result)
        after = compute(before.screening, form, threshold, model)
        client.re_evaluate(review_id, on, request, after)
    tell(
        {
            "id": review_id,
            "commitment": after.commitment,
            "before": {"total": before.result.total, "guaranteeable": before.guaranteeable},
            "after": {"total": after.result.total, "guaranteeable": after.guaranteeable},
        },
        as_json,
    )


# -- what the commands share


def _opened(
    gateway: Gateway, organization: str, review_id: str, key: X25519PrivateKey
) -> tuple[SignedLetter, str]:
    """The applicant's letter, and the applicant whom SEMAS confirmed; the contract compares them."""
    client = FoundationClient(gateway)
    handed = client.read_review_request(review_id)
    letter = open_letter(handed.sealed, organization, key)
    confirmation = client.read_referral(handed.referral_id).letter.letter
    return letter, ConfirmationBody.model_validate(confirmation.body).holder


def _standing(client: FoundationClient[Gateway], record: Record) -> str | None:
    """The commitment of the evaluation that stands; None where the firm was filtered out before one."""
    return client.read_referral_record(record.references["referral"]).commitments.get("evaluation")


def _explained(gateway: Gateway, evaluation: EvaluationRecord) -> dict[str, Any]:
    model = GovernanceClient(gateway).model("referral", evaluation.model_digest)
    return explain(evaluation.result, model, guaranteeable=evaluation.guaranteeable).model_dump(mode="json")


def _relay(
    client: FoundationClient[Gateway],
    review_id: str,
    what: str,
    on: date,
    letter: SignedLetter,
    request: SignedLetter,
    holder: str,
    key: X25519PrivateKey,
) -> str:
    """Seal a letter to the applicant and this foundation, and hand it to SEMAS."""
    reply_key = ReviewRequestBody.model_validate(request.letter.body).reply_key
    keys = {holder: reply_key, client.organization: public_key_text(key.public_key())}
    relay = relay_id(review_id, what)
    client.relay(relay, on, sealed_between(letter, keys))
    return relay
