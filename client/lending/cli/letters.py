"""`dure verify`: letters checked offline."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import click

from hlf.errors import ConfigurationError
from lending.cli.desk import STATE, json_option, print_json
from lending_domain.letters import SignedLetter, verify_letter
from lending_domain.violations import Refused, Violations


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


@click.command("verify")
@click.argument("letter", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--anchors",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=STATE,
    show_default=True,
    help="CA certificates: a folder of ORGANIZATION.pem, or a network's folder.",
)
@click.option("--addressee", help="The organization that was given the letter; default: not checked.")
@click.option("--at", callback=_moment, help="When the letter is judged: a date or a time.  [default: now]")
@json_option
@click.pass_context
def main(
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
        print_json(
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
