"""`dure model`: versions of the evaluation model."""

from __future__ import annotations

import click

from lending.cli.model_validate import synthesize, validate


@click.group()
def main() -> None:
    """Versions of the evaluation model: proposed, voted, activated, superseded."""


main.add_command(validate)
main.add_command(synthesize)
