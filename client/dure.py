"""The commands `hlf` and `dure`: they need extras of the distribution, and say which are missing."""

from __future__ import annotations

import importlib
import sys


def hlf() -> None:
    """Run the network tool's command line."""
    _run("hlf_network.cli", "network")


def dure() -> None:
    """Run the consortium's command line."""
    _run("lending.cli", "lending,network")


def _run(module: str, extras: str) -> None:
    try:
        command = importlib.import_module(module)
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is missing: this command needs pip install 'dure[{extras}]'")
    command.main()
