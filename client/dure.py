"""The commands `hlf` and `dure`: they need extras of the distribution, and say which are missing."""

from __future__ import annotations

import importlib
import sys
from typing import Any

_CHAINCODE = "chaincode"


def hlf() -> None:
    """Run the network tool's command line, or that of chaincodes, each of which can do without the other."""
    if sys.argv[1:2] == [_CHAINCODE]:
        _run("hlf_chaincode.project.cli", "chaincode", args=sys.argv[2:], prog_name=f"hlf {_CHAINCODE}")
    else:
        _run("hlf_network.cli", "network")


def dure() -> None:
    """Run the consortium's command line."""
    _run("lending.cli", "lending,network")


def _run(module: str, extras: str, **options: Any) -> None:
    try:
        command = importlib.import_module(module).main
        if module == "hlf_network.cli":
            # For the list of commands alone: the chaincode runtime is loaded where it is asked for.
            command.command(_CHAINCODE, help="Write, test and serve a chaincode in Python.")(lambda: None)
        command(**options)
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is missing: this command needs pip install 'dure[{extras}]'")
