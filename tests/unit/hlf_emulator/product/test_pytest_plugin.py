"""The plugin as a user's project has it: the guide's own tests, and what goes wrong."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hlf_network.emulated import EmulatedNetwork
from hlf_network.waiting import wait_until

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "emulator.md"
PLUGIN = ("-p", "hlf_network.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:xdist")


def test_the_guide_s_tests_pass_and_the_rest_of_what_the_fixtures_promise(pytester: pytest.Pytester) -> None:
    snippets = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    assert len(snippets) == 2
    pytester.makepyfile(
        "\n\n".join(snippets)
        + """

def test_a_channel_is_fresh_and_chaincodes_are_as_deployed(channel, fabric_network):
    assert channel.deploy([Ledger], name="books", policy="OR('Org1MSP.peer')") == "books"
    assert channel.contract("books").evaluate("get", "a") == b"0"
    assert channel.contract("books", "Org2MSP", "Admin").evaluate("get", "a") == b"0"
    assert fabric_network.faults.status()["stopped"] == []


@pytest.mark.chaincode(contracts=[Ledger], name="named")
class TestGrouped:
    def test_a_class_may_carry_the_marker(self, contract, gateway, channel):
        contract.submit("put", "a", "1")
        assert gateway.network(channel.name).contract("named").evaluate("get", "a") == b"1"


def test_without_a_marker(contract):
    pass
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--strict-markers", "-W", "error")
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(["*the fixture `contract` needs @pytest.mark.chaincode(contracts=*"])


def test_a_project_without_these_fixtures_pays_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import sys


def test_nothing_is_loaded():
    assert "hlf_network.testing" not in sys.modules
    assert "hlf_network.consortium" not in sys.modules
"""
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


KILLED = """
import os, sys
from pathlib import Path
from hlf_network.testing import FabricNetwork

reading, writing = os.pipe()
FabricNetwork.start(Path(sys.argv[1]), reading)
os.kill(os.getpid(), 9)
"""


def test_a_network_ends_with_the_process_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    left = EmulatedNetwork(folder)
    ledgers = Path(json.loads((folder / "emulator" / "network.settings").read_text())["ledgers"])
    wait_until(lambda: not left.running and not ledgers.exists(), 20, lambda: "the emulator lives on")
