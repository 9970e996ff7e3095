"""`dure`: the consortium's work from a prompt; each command in a module of its own, loaded when asked for."""

from __future__ import annotations

import click

from lending.cli.desk import CommandTable

_COMMANDS = {
    "demo": ("lending.cli.demo", "Carry one loan from guidance to closing, then try to cheat."),
    "audit": ("lending.cli.audit", "Hold a report against the ledgers and its signature."),
    "verify": ("lending.cli.letters", "Check a letter offline, from the certificates alone."),
    "loan": ("lending.cli.loan", "Loans, for a bank's officers."),
    "ahp": ("lending.cli.ahp", "Weights from pairwise comparisons (AHP): no network needed."),
    "model": ("lending.cli.model", "Versions of the evaluation model, and their revalidation."),
    "evaluation": ("lending.cli.evaluation", "Credit evaluations, explanations and reviews."),
}


@click.group(cls=CommandTable, table=_COMMANDS)
def main() -> None:
    """Work with the policy-loan consortium."""
