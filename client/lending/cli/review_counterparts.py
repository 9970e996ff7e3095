"""`dure evaluation review request` and `relay`: the applicant's and SEMAS's side of a review."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import ValidationError

from lending.applicant import ApplicantClient
from lending.cli.desk import Desk, json_option, profiles_option, state_option
from lending.cli.review_options import holder_of, key_option, on_option, signer_of, tell
from lending.documents import open_letter, public_key_text
from lending.institution import new_id, new_salt
from lending.review_letters import relay_id, request_letter, sealed_between
from lending.semas import SemasClient
from lending_domain.records import Record
from lending_domain.records_review import (
    ExplanationBody,
    FieldCorrection,
    ReviewKind,
    ReviewRequest,
    ReviewRequestBody,
)


@click.command("relay")
@click.argument("review_id")
@on_option
@click.option("--user", default="officer", show_default=True)
@state_option
@profiles_option
@json_option
def relay_review(
    *, review_id: str, on: date, user: str, state: Path, profiles: Path | None, as_json: bool
) -> None:
    """As SEMAS, pass on what waits of REVIEW_ID, unread: the request, an extension's notice, the answer."""
    with Desk.at(state, profiles).gateway("semas", user) as gateway:
        client = SemasClient(gateway)
        record = next((one for one in client.list_requests() if one.id == review_id), None)
        if record is None:
            raise click.ClickException(f"There is no request {review_id}.")
        request = client.read_request(review_id)
        there = next((one for one in client.list_reviews() if one.id == review_id), None)
        if there is None:
            client.open_review(review_id, on, request)
        if record.state == "requested":
            done = client.relay_request(review_id, on, request)
        elif there is not None and there.state == "answered" and record.state in {"relayed", "extended"}:
            letter = client.receive_letter(relay_id(review_id, "answer"))
            done = client.deliver_answer(review_id, on, letter, request)
        elif there is not None and there.state == "extended" and _due(there) > _due(record):
            letter = client.receive_letter(relay_id(review_id, _due(there).isoformat()))
            done = client.relay_extension(review_id, on, letter, request)
        else:
            raise click.ClickException(f"Nothing waits to be passed on: the request is {record.state}.")
    tell({"id": review_id, "state": done.state}, as_json)


def _due(record: Record) -> date:
    return (record.dates or {})["due_by"]


@click.command("request")
@click.argument("explanation")
@click.option("--kind", type=click.Choice([one.value for one in ReviewKind]), required=True)
@click.option("--text", required=True, help="What is asked, for the foundation to read.")
@click.option(
    "--correct",
    "corrections",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field of the form as it is; may be given again.",
)
@click.option("--because", default="", help="What shows that the corrections are right.")
@key_option
@on_option
@click.option("--user", default="applicant-1", show_default=True)
@state_option
@profiles_option
@json_option
def request_review(
    *,
    explanation: str,
    kind: str,
    text: str,
    corrections: tuple[str, ...],
    because: str,
    key: X25519PrivateKey,
    on: date,
    user: str,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """As an applicant, ask about the evaluation that letter EXPLANATION (its relay's id) explains."""
    with Desk.at(state, profiles).gateway("applicants", user) as gateway:
        client, holder = ApplicantClient(gateway), holder_of(gateway)
        told = open_letter(client.receive_letter(explanation), holder, key).letter
        evaluator = told.issuer
        keys = {
            holder: public_key_text(key.public_key()),
            evaluator: ExplanationBody.model_validate(told.body).reply_key,
        }
        try:
            body = ReviewRequestBody(
                referral_id=told.subject,
                kind=ReviewKind(kind),
                text=text,
                corrections=tuple(_correction(one, because or text) for one in corrections),
                reply_key=keys[holder],
            )
        except ValidationError as error:
            raise click.ClickException(
                "; ".join(str(one["msg"]) for one in error.errors(include_input=False))
            ) from error
        review_id = new_id()
        letter = request_letter(signer_of(gateway), evaluator, review_id, body)
        request = ReviewRequest(
            salt=new_salt(),
            evaluator=evaluator,
            kind=body.kind,
            referral_id=body.referral_id,
            sealed=sealed_between(letter, keys),
        )
        done = client.request_review(review_id, on, request)
    tell({"id": review_id, "state": done.state}, as_json)


def _correction(text: str, because: str) -> FieldCorrection:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is no FIELD=VALUE", param_hint="--correct")
    values: dict[str, bool] = {"true": True, "false": False}
    typed = values[value] if value in values else int(value) if value.isdigit() else value
    return FieldCorrection(field=name, value=typed, because=because)
