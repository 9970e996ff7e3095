"""What is offered is documented: every command, option, fault and fixture stands in the reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hlf_network import pytest_plugin
from hlf_network.control import Faults
from hlf_network.emulator_cli import emulator
from hlf_network.sample import PORTS

REFERENCE = (Path(__file__).parents[4] / "docs" / "reference" / "emulator.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", sorted(emulator.commands))
def test_every_command_and_its_options(command: str) -> None:
    assert f"`{command}" in REFERENCE
    for parameter in emulator.commands[command].params:
        for option in parameter.opts:
            assert not option.startswith("--") or f"`{option}" in REFERENCE or option in REFERENCE, option


def test_every_fault_and_every_port() -> None:
    methods = [name for name in vars(Faults) if not name.startswith("_") and callable(getattr(Faults, name))]
    faults = {name.replace("_", "-") for name in methods} - {"status", "drop-channel"}
    assert faults == set(re.findall(r"`/faults/([a-z-]+)`", REFERENCE))
    for port in PORTS.values():
        assert str(port) in REFERENCE


def test_every_fixture() -> None:
    for name in ("fabric_network", "channel", "contract", "gateway"):
        assert hasattr(pytest_plugin, name)
        assert f"| `{name}` |" in REFERENCE
