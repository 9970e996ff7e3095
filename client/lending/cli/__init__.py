"""`dure`: the consortium's work from a prompt; one module a group of commands, loaded when asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lending.cli.audit import audit_report
from lending.cli.desk import STATE, CommandTable
from lending.cli.letters import verify

_GROUPS = {
    "loan": ("lending.cli.loan", "Loans, for a bank's officers."),
    "ahp": ("lending.cli.ahp", "Weights from pairwise comparisons (AHP): no network needed."),
    "model": ("lending.cli.model", "Versions of the evaluation model, and their revalidation."),
    "evaluation": ("lending.cli.evaluation", "Credit evaluations, for a foundation's evaluators."),
}


@click.group(cls=CommandTable, table=_GROUPS)
def main() -> None:
    """Work with the policy-loan consortium."""


@main.command()
@click.option(
    "--runtime", type=click.Choice(["auto", "docker", "emulator"]), default="auto", show_default=True
)
@click.option("--state", type=click.Path(path_type=Path), help=f"The network's folder.  [default: {STATE}]")
@click.pass_context
def demo(context: click.Context, runtime: Any, state: Path | None) -> None:
    """Carry one loan from guidance to closing, then try to cheat; leaves the network up and a report."""
    # Here, not above: only the demonstration needs the network tool.
    from lending.demo.run import main as run

    context.exit(run(runtime, state))


main.add_command(audit_report)
main.add_command(verify)
