"""`dure ahp`: weights from pairwise comparisons."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """Weights from pairwise comparisons by the Analytic Hierarchy Process."""
