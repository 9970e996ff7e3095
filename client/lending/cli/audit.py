"""`dure audit`: a report held against the ledgers."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from hlf import Gateway
from hlf.admin.qscc import Ledger
from lending.audit import READERS, Audit, LedgerView, audit, read_ledger
from lending.cli.desk import Desk, json_option, print_json, profiles_option, state_option


@click.command("audit")
@click.argument("report", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@state_option
@profiles_option
@json_option
@click.pass_context
def main(context: click.Context, report: Path, state: Path, profiles: Path | None, as_json: bool) -> None:
    """Hold REPORT against the ledgers and its signature; exit code 1 and the places if they disagree."""
    # Bytes, since reading as text would make a changed line end (CR) one that was never changed.
    text = report.read_bytes().decode(errors="replace")
    outcome = audit(text, _read_ledgers(Desk.at(state, profiles)))
    if as_json:
        print_json(_audit_json(outcome))
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


def _read_ledgers(desk: Desk) -> dict[str, LedgerView]:
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
