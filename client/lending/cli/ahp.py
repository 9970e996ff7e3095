"""`dure ahp`: weights from pairwise comparisons."""

from __future__ import annotations

from typing import Any

import click

from lending.cli.desk import CommandTable
from lending.credit.ahp import AhpError

_GROUPS: dict[str, tuple[str, str]] = {}


class _Analyst(CommandTable):
    """Says which cell is wrong in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AhpError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Analyst, table=_GROUPS)
def main() -> None:
    """Weights from pairwise comparisons by the Analytic Hierarchy Process."""
