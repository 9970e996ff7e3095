"""The commands `hlf` and `dure`: they need extras of the distribution, and say which are missing."""

from __future__ import annotations

import importlib
import sys
from typing import Any

_CHAINCODE = "chaincode"


def hlf() -> None:
    """Run the network tool's command line, or that of chaincodes, each of which can do without the other."""
    if sys.argv[1:2] == [_CHAINCODE]:
        command = _load("hlf_chaincode.cli", "chaincode").main
        command(args=sys.argv[2:], prog_name=f"hlf {_CHAINCODE}")
    group = _load("hlf_network.cli", "network").main
    # For the list of commands alone: the chaincode runtime is loaded where it is asked for.
    group.command(_CHAINCODE, help="Write, test and serve a chaincode in Python.")(lambda: None)
    group()


def dure() -> None:
    """Run the consortium's command line."""
    _load("lending.cli", "lending,network").main()


def _load(module: str, extras: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is missing: this command needs pip install 'dure[{extras}]'")
