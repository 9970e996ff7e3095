"""`dure demo|audit|verify|loan|evaluation`: the consortium's work from a prompt."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import click

from hlf import Gateway
from hlf.admin.qscc import Ledger
from hlf.errors import ConfigurationError, EventError, FabricError, GatewayError
from hlf.profile import load_profile
from hlf.wallet import Wallet
from lending.audit import READERS, Audit, LedgerView, audit, read_ledger
from lending.bank import BankClient
from lending.credit import explain
from lending.foundation import FoundationClient
from lending_domain.letters import SignedLetter, verify_letter
from lending_domain.violations import Refused, Violations

_STATE = Path("network") / "state"
_PROFILES = Path("connection-profiles")
_REMEDY = "`make status` shows what runs, `make up` brings the network up or repairs it"


class _Sentences(click.Group):
    """Says what failed and what to do about it; a stack trace helps nobody at a prompt."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refused as error:
            raise click.ClickException(
                "; ".join(_both(one.ko, one.en) for one in error.violations)
            ) from error
        except FabricError as error:
            raise click.ClickException(_sentence(error)) from error


def _sentence(error: FabricError) -> str:
    if isinstance(error, GatewayError | EventError) and error.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
        return f"The network does not answer: {_REMEDY}."
    if isinstance(error, GatewayError) and error.chaincode_message:
        return error.chaincode_message
    return str(error)


def _both(ko: str, en: str) -> str:
    return f"{ko} {en}"


@dataclass(frozen=True)
class _Desk:
    """Where this machine keeps wallets and connection profiles."""

    state: Path
    profiles: Path

    @classmethod
    def at(cls, state: Path, profiles: Path | None) -> _Desk:
        return cls(state, profiles or (_PROFILES if state == _STATE else state / "connection-profiles"))

    @contextmanager
    def gateway(self, organization: str, user: str) -> Iterator[Gateway]:
        """An identity of the organization's wallet at its own peer."""
        path = self.profiles / f"{organization}.yaml"
        if not path.is_file():
            raise ConfigurationError(
                f"there is no connection profile of {organization}", file=str(path), hint=_REMEDY
            )
        # An environment variable, since a command line is readable by every user of the machine.
        password = os.environ.get("HLF_WALLET_PASSWORD")
        identity = Wallet(self.state / "wallets" / organization).get(user, password)
        with Gateway.from_profile(load_profile(path), identity) as gateway:
            yield gateway


_state = click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=_STATE,
    show_default=True,
    help="The network's folder.",
)
_profiles = click.option(
    "--profiles",
    type=click.Path(path_type=Path),
    help=f"Where connection profiles are.  [default: {_PROFILES}, or in STATE where that is not the default]",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _print(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


@click.group(cls=_Sentences)
def main() -> None:
    """Work with the policy-loan consortium."""


@main.command()
@click.option(
    "--runtime", type=click.Choice(["auto", "docker", "emulator"]), default="auto", show_default=True
)
@click.option("--state", type=click.Path(path_type=Path), help=f"The network's folder.  [default: {_STATE}]")
@click.pass_context
def demo(context: click.Context, runtime: Any, state: Path | None) -> None:
    """Carry one loan from guidance to closing, then try to cheat; leaves the network up and a report."""
    # Here, not above: only the demonstration needs the network tool.
    from lending.demo.run import main as run

    context.exit(run(runtime, state))


@main.command("audit")
@click.argument("report", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_state
@_profiles
@_json
@click.pass_context
def audit_report(
    context: click.Context, report: Path, state: Path, profiles: Path | None, as_json: bool
) -> None:
    """Hold REPORT against the ledgers and its signature; exit code 1 and the places if they disagree."""
    # Bytes, since reading as text would make a changed line end (CR) one that was never changed.
    text = report.read_bytes().decode(errors="replace")
    outcome = audit(text, _read_ledgers(_Desk.at(state, profiles)))
    if as_json:
        _print(_audit_json(outcome))
    elif outcome.agrees:
        blocks = sum(outcome.heights.values())
        click.echo(
            f"The report agrees with the ledgers: {outcome.transactions} transactions and "
            f"{outcome.records} records in {blocks} blocks of {len(outcome.heights)} channels; "
            "its signature holds over the rest."
        )
    else:
        for finding in outcome.findings:
            click.echo(f"{finding.where}: {finding.message}")
        click.echo(f"The report is not to be relied upon: {len(outcome.findings)} findings.", err=True)
    context.exit(0 if outcome.agrees else 1)


def _read_ledgers(desk: _Desk) -> dict[str, LedgerView]:
    with ExitStack() as stack:
        gateways = {who: stack.enter_context(desk.gateway(*who)) for who in dict.fromkeys(READERS.values())}
        return {channel: _read(gateways[who], channel) for channel, who in READERS.items()}


def _read(gateway: Gateway, channel: str) -> LedgerView:
    network = gateway.network(channel)
    last = Ledger(network).info().height - 1
    with network.blocks(start=0, stop=last) as blocks:
        return read_ledger(channel, blocks)


def _audit_json(outcome: Audit) -> dict[str, Any]:
    return {
        "agrees": outcome.agrees,
        "transactions": outcome.transactions,
        "records": outcome.records,
        "heights": dict(outcome.heights),
        "findings": [{"where": one.where, "message": one.message} for one in outcome.findings],
    }


def _moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime:
    """A date (its last second, UTC) or an ISO time with its zone; the present when there is none."""
    if value is None:
        return datetime.now(UTC)
    try:
        if len(value) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(value), time(23, 59, 59), UTC)
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no date such as 2026-01-31 and no time such as 2026-01-31T09:00+09:00"
        ) from error
    if moment.tzinfo is None:
        raise click.BadParameter(f"{value!r} does not say its zone: write 2026-01-31T09:00+09:00")
    return moment


@main.command()
@click.argument("letter", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--anchors",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=_STATE,
    show_default=True,
    help="CA certificates: a folder of ORGANIZATION.pem, or a network's folder.",
)
@click.option("--addressee", help="The organization that was given the letter; default: not checked.")
@click.option("--at", callback=_moment, help="When the letter is judged: a date or a time.  [default: now]")
@_json
@click.pass_context
def verify(
    context: click.Context,
    *,
    letter: Path,
    anchors: Path,
    addressee: str | None,
    at: datetime,
    as_json: bool,
) -> None:
    """Check a letter (SignedLetter JSON) offline, from the certificates alone; exit code 1 if it fails."""
    known = load_anchors(anchors)
    signed, found = check_letter(letter.read_bytes(), known, at, addressee)
    if as_json:
        _print(
            {
                "valid": not found,
                "letter": signed.letter.model_dump(mode="json") if signed else None,
                "findings": [one.model_dump(mode="json") for one in found],
            }
        )
    elif found:
        for one in found:
            click.echo(f"{one.code} {one.field}\n  {one.ko}\n  {one.en}")
    elif signed is not None:
        head = signed.letter
        click.echo("전자서명과 유효기간이 확인되었습니다. The letter is genuine and in force.")
        click.echo(f"  {head.kind}: {head.issuer} -> {head.addressee}, until {head.expires_at.isoformat()}")
        if head.transaction_id:
            click.echo(f"  speaks of transaction {head.transaction_id} on {head.channel}")
    context.exit(1 if found else 0)


def check_letter(
    data: bytes, anchors: dict[str, tuple[bytes, ...]], at: datetime, addressee: str | None = None
) -> tuple[SignedLetter | None, Violations]:
    """The letter in `data` (None if it is none) and everything that is wrong with it."""
    try:
        signed = SignedLetter.from_bytes(data)
    except Refused as refused:
        return None, refused.violations
    return signed, verify_letter(signed, anchors, at, addressee)


def load_anchors(folder: Path) -> dict[str, tuple[bytes, ...]]:
    """CA certificates by organization: `ORGANIZATION.pem`, or `organizations/ORGANIZATION/ca/cert.pem`.

    ConfigurationError when the folder has neither.
    """
    found: dict[str, tuple[bytes, ...]] = {
        path.stem: (path.read_bytes(),) for path in sorted(folder.glob("*.pem"))
    }
    if not found:
        found = {
            path.parents[1].name: (path.read_bytes(),)
            for path in sorted(folder.glob("organizations/*/ca/cert.pem"))
        }
    if not found:
        raise ConfigurationError(
            "there are no CA certificates",
            file=str(folder),
            hint="put one ORGANIZATION.pem there for each institution, or name a network's folder",
        )
    return found


@main.group()
def loan() -> None:
    """Loans, for a bank's officers."""


@loan.command("show")
@click.argument("loan_id")
@click.option("--organization", default="bank-a", show_default=True)
@click.option("--user", default="officer", show_default=True)
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day.  [default: today]")
@_state
@_profiles
@_json
def show_loan(
    *,
    loan_id: str,
    organization: str,
    user: str,
    on: datetime | None,
    state: Path,
    profiles: Path | None,
    as_json: bool,
) -> None:
    """What is owed on loan LOAN_ID on a day."""
    day = on.date() if on else datetime.now(UTC).date()
    with _Desk.at(state, profiles).gateway(organization, user) as gateway:
        position = BankClient(gateway).position(loan_id, day).model_dump(mode="json")
    if as_json:
        _print(position)
        return
    for name, value in position.items():
        click.echo(f"{name:<24} {value:,}" if isinstance(value, int) else f"{name:<24} {value}")


@main.group()
def evaluation() -> None:
    """Credit evaluations, for a foundation's evaluators."""


@evaluation.command("show")
@click.argument("referral_id")
@click.option("--organization", default="foundation-seoul", show_default=True)
@click.option("--user", default="evaluator", show_default=True)
@_state
@_profiles
@_json
def show_evaluation(
    *, referral_id: str, organization: str, user: str, state: Path, profiles: Path | None, as_json: bool
) -> None:
    """The evaluation of referral REFERRAL_ID with its explanation, as the applicant gets it."""
    with _Desk.at(state, profiles).gateway(organization, user) as gateway:
        record = FoundationClient(gateway).read_evaluation(referral_id)
    explanation = explain(record.result)
    if as_json:
        _print(
            {
                "guaranteeable": record.guaranteeable,
                "commitment": record.commitment,
                "explanation": explanation.model_dump(mode="json"),
            }
        )
        return
    verdict = "reaches the threshold" if record.guaranteeable else "does not reach the threshold"
    click.echo(f"{explanation.model}: {explanation.score}, {verdict}")
    for bar in explanation.waterfall:
        click.echo(f"  {bar.ko} ({bar.en}): grade {bar.grade} of {bar.grades}")
    for reason in explanation.reasons:
        click.echo(
            f"  {reason.code}: {reason.ko} ({reason.en}), {reason.share_permille / 10:.1f} % of what was lost"
        )
    click.echo(f"{explanation.note_ko}\n{explanation.note_en}")


if __name__ == "__main__":
    main()
