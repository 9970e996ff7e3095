"""The slice on the emulator: killed, started again, watched, and asked for every block it has."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from hlf import Gateway
from hlf.admin.qscc import Ledger
from hlf.identity import SigningIdentity
from hlf.profile import load_profile
from hlf.wire.blocks import decode_block
from hlf.wire.verify import ChainVerifier
from hlf_network import Consortium
from hlf_network.emulator_runtime import EmulatorRuntime
from hlf_network.processes import HostProcess
from hlf_network.waiting import wait_until
from tests.networks import TOPOLOGY

CHANNEL, CHAINCODE = "slice", "records"
ORGANIZATIONS = ("org-a", "org-b")
VALID = transaction_pb2.TxValidationCode.Name(transaction_pb2.TxValidationCode.VALID)


@dataclass
class Emulated:
    """The network that is up, and its one process."""

    network: Consortium
    state: Path

    @property
    def process(self) -> HostProcess:
        return HostProcess(self.state / "run", "emulator")

    @property
    def log(self) -> str:
        """What the process has written to its log."""
        return self.process.log.read_text(errors="replace")

    def memory(self) -> int:
        """Bytes that the process has resident (Linux)."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    def cpu(self) -> float:
        """CPU seconds that the process has taken (Linux)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """kill -9; returns when the process is gone."""
        pid = self.process.pid
        if pid is None:
            raise RuntimeError("the emulator does not run")
        os.kill(pid, signal.SIGKILL)

        def gone() -> bool:
            # A zombie's threads may live a little longer, and hold its ports as long.
            return self.process.pid is None and len(list(Path("/proc").glob(f"{pid}/task/*"))) <= 1

        wait_until(gone, 10, lambda: "the emulator outlives kill -9", every=0.01)

    def start(self) -> None:
        """Start the process again on the state that it had."""
        EmulatorRuntime(self.state).start(self.network.layout)

    def identity(self, organization: str) -> SigningIdentity:
        return self.network.wallet(organization).get("user")

    def gateway(self, organization: str) -> Gateway:
        profile = load_profile(self.network.profile_path(organization))
        return Gateway.from_profile(profile, self.identity(organization))


@contextmanager
def emulated(folder: Path) -> Iterator[Emulated]:
    """A network of its own for the length of the block."""
    network = Consortium(TOPOLOGY, folder / "state", runtime="emulator")
    try:
        network.up()
        yield Emulated(network, folder / "state")
    finally:
        network.down()


@dataclass
class Chain:
    """What one peer says of the channel, read block after block; every block is verified."""

    codes: dict[str, str] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    _verifier: ChainVerifier | None = None

    def follow(self, gateway: Gateway) -> None:
        """Read what is new. Raises AssertionError at a block that cannot be believed."""
        network = gateway.network(CHANNEL)
        height = Ledger(network).info().height
        if height == len(self.hashes):
            return
        with network.blocks(start=len(self.hashes), stop=height - 1) as blocks:
            for block in blocks:
                self._take(block)

    def _take(self, block: common_pb2.Block) -> None:
        if self._verifier is None:
            self._verifier = ChainVerifier(block)
        else:
            problem = self._verifier.problem(block)
            assert not problem, f"block {block.header.number}: {problem}"
        self.hashes.append(block.header.data_hash)
        for transaction in decode_block(block).transactions:
            if not transaction.transaction_id:
                continue
            if transaction.validation_code == VALID and self.codes.get(transaction.transaction_id) == VALID:
                self.repeated.append(transaction.transaction_id)
            self.codes.setdefault(transaction.transaction_id, transaction.validation_code)
