"""The plugin as a contract author's project has it."""

from __future__ import annotations

import re

import pytest

PLUGIN = ("-p", "hlf_pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error")
CONTRACT = '''
import pytest
from hlf_chaincode import Context, Contract, transaction
from hlf_chaincode.testing import CollectionSpec, MemoryLedger


class Books(Contract):
    """A contract."""

    @transaction
    def put(self, ctx: Context, key: str, value: str) -> None:
        ctx.state.get(key)
        ctx.state.put(key, value.encode())

'''


def run(pytester: pytest.Pytester, tests: str) -> pytest.RunResult:
    pytester.makepyfile(CONTRACT + tests)
    return pytester.runpytest_subprocess(*PLUGIN, "--strict-markers")


def test_the_marker_says_what_the_ledger_runs(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.mark.contracts([Books])
def test_two_organizations_by_default(ledger):
    assert isinstance(ledger, MemoryLedger)
    assert ledger.organizations == ("Org1MSP", "Org2MSP")
    ledger.submit(Books, "put", "k", "v")
    assert ledger.state == {"k": b"v"}


@pytest.mark.contracts([Books], organizations=["A"], policy="OR('A.peer')", batching=False)
class TestGrouped:
    def test_options_are_the_ledger_s(self, ledger):
        assert ledger.organizations == ("A",)

    def test_each_test_has_a_fresh_one(self, ledger):
        assert ledger.state == {}
""",
    )
    result.assert_outcomes(passed=3)


def test_without_a_marker_the_project_says_it(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml(
        """
[tool.hlf.chaincode]
name = "ledger-of-books"
contracts = ["books:Books"]
organizations = ["A", "B", "C"]
policy = "OutOf(2, 'A.peer', 'B.peer', 'C.peer')"
collections = "collections.json"

[tool.pytest.ini_options]
pythonpath = ["."]
"""
    )
    pytester.makefile(".json", collections='[{"name": "both", "policy": "OR(\'A.member\', \'B.member\')"}]')
    pytester.makepyfile(books=CONTRACT)
    pytester.makepyfile(
        """
import pytest
from books import Books
from hlf_chaincode.testing import TransactionFailed


def test_project(ledger):
    ledger.submit(Books, "put", "k", "v", endorsers=["A", "C"])
    assert ledger.state_of("ledger-of-books") == {"k": b"v"}
    assert ledger.private("A", "both") == {}
    with pytest.raises(TransactionFailed, match="ENDORSEMENT_POLICY_FAILURE"):
        ledger.submit(Books, "put", "k", "v", endorsers=["A"])


@pytest.mark.contracts(policy="OR('B.peer')", batching=False)
def test_a_marker_changes_what_it_names(ledger):
    ledger.submit(Books, "put", "k", "v", endorsers=["B"])
    assert ledger.organizations == ("A", "B", "C")
    assert ledger.private("A", "both", "ledger-of-books") == {}
"""
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=2)


def test_neither_marker_nor_project(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_nothing(ledger):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the fixture `ledger` needs @pytest.mark.contracts(*pyproject.toml*"])


def test_a_failure_shows_what_was_read_and_written(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.mark.contracts([Books])
def test_codes(ledger):
    both = [ledger.endorse(Books, "put", "k", value) for value in "vw"]
    assert ledger.commit(*both) == ["VALID", "VALID"]


@pytest.mark.contracts([Books])
def test_state(ledger):
    ledger.submit(Books, "put", "k", "v")
    assert ledger.state == {}


@pytest.mark.contracts([Books])
def test_a_failed_submit(ledger):
    ledger.submit(Books, "put", "k", "v", endorsers=["Org1MSP"])
""",
    )
    result.assert_outcomes(failed=3)
    shown = re.sub(r"[ ]+", " ", result.stdout.str())
    for line in (
        "E AssertionError: assert ['VALID', 'MVCC_READ_CONFLICT'] == ['VALID', 'VALID']",
        "(block 1, MVCC_READ_CONFLICT: Books 'k' was read absent, and is at 1:0 now)\nE read Books",
        "E write Books 'k' 'w'",
        " Ledger channel, at height 2 ",
        "(block 1, VALID)\n read Books 'k' absent\n write Books 'k' 'v'",
        "TransactionFailed: ENDORSEMENT_POLICY_FAILURE: Books.put: AND('Org1MSP.peer', 'Org2MSP.peer'), "
        "the policy of the chaincode Books, is not met by Org1MSP",
    ):
        assert line in shown, line


def test_a_contract_that_endorsers_may_run_otherwise_is_caught(pytester: pytest.Pytester) -> None:
    guarded = """
import time
from hlf_chaincode import NotDeterministic, query


class Clocks(Contract):
    @query
    def now(self, ctx: Context) -> str:
        return str(int(time.time()))


@pytest.mark.contracts([Clocks])
def test_caught(ledger):
    with pytest.raises(NotDeterministic, match="reads the clock"):
        ledger.evaluate(Clocks, "now")


@pytest.mark.contracts([Clocks], guard=False)
def test_let_through(ledger):
    assert int(ledger.evaluate(Clocks, "now")) > 0
"""
    run(pytester, guarded).assert_outcomes(passed=2)


def test_a_passing_test_prints_nothing_of_it(pytester: pytest.Pytester) -> None:
    passing = """
@pytest.mark.contracts([Books])
def test_passes(ledger):
    ledger.submit(Books, "put", "k", "v")
    assert [1] != [2]
"""
    result = run(pytester, passing)
    result.assert_outcomes(passed=1)
    assert "Ledger" not in result.stdout.str()


def test_a_project_without_the_fixture_pays_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import sys


def test_nothing_is_loaded():
    assert "hlf_pytest" in sys.modules
    assert "hlf_chaincode" not in sys.modules
"""
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)
