"""A disk that is full while clients submit: they are told, reads go on, the chain stays whole and goes on."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from hlf import FabricError
from tests.soak.emulated import CHAINCODE, CHANNEL, VALID, Chain, Emulated, emulated
from tests.soak.survival import check_survival

_COLLECTION = "org-a_org-b"


def limit(running: Emulated, size: int) -> None:
    """No file of the process may grow beyond `size` bytes; Python makes of the signal an error."""
    pid = running.process.pid
    assert pid is not None
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_full_disk_is_refused_reported_and_outlived(tmp_path: Path) -> None:
    with emulated(tmp_path) as running:
        acknowledged = []
        with running.gateway("org-a") as gateway:
            contract = gateway.network(CHANNEL).contract(CHAINCODE)
            for turn in range(5):
                acknowledged.append(contract.execute("put", f"before-{turn}", "v").transaction_id)
            files = [*running.state.rglob("blocks"), *running.state.rglob("*.blocks")]
            for size in (max(file.stat().st_size for file in files) + 100, 4096):
                limit(running, size)
                for turn in range(3):
                    with pytest.raises(FabricError):
                        contract.execute("put", f"full-{size}-{turn}", "v", timeout=2)
                transient = {"value": b'"v"'}
                with pytest.raises(FabricError):
                    contract.execute("share", _COLLECTION, "full", transient=transient, timeout=2)
                assert contract.evaluate("get", "before-0") == b"v"
                assert "no block can be written: File too large" in running.log
                limit(running, resource.RLIM_INFINITY)
                outcome = contract.execute("put", f"after-{size}", "v", timeout=30)
                acknowledged.append(outcome.transaction_id)
                acknowledged.append(
                    contract.execute("share", _COLLECTION, "k", transient=transient).transaction_id
                )
        check_survival(running)
        running.kill()
        running.start()
        check_survival(running)
        chain = Chain()
        with running.gateway("org-b") as gateway:
            chain.follow(gateway)
            shared = gateway.network(CHANNEL).contract(CHAINCODE).evaluate("shared", _COLLECTION, "k")
        assert shared == b"v"
        assert all(chain.codes.get(transaction) == VALID for transaction in acknowledged)
        assert not chain.repeated
