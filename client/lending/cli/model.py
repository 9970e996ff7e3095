"""`dure model`: versions of the evaluation model."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """Versions of the evaluation model: proposed, voted, activated, superseded."""
