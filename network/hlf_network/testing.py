"""What the fixtures of `hlf_network.pytest_plugin` give: a network, channels, contracts served from here."""

import asyncio
import itertools
import os
import socket
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import hlf
from hlf.admin.definition import Collection
from hlf.admin.package import ccaas_package, package_id
from hlf_chaincode import Contract
from hlf_chaincode.server import ChaincodeServer, ChaincodeService
from hlf_network import ports
from hlf_network.control import Faults
from hlf_network.emulated import EmulatedNetwork, Options
from hlf_network.errors import PortTakenError
from hlf_network.sample import ORG1, PORTS

T = TypeVar("T")
_numbers = itertools.count(1)


class ContractServers:
    """Chaincode servers in a thread of this process, one for each set of contract classes."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaincodes", daemon=True)
        self._thread.start()
        self._addresses: dict[tuple[str, tuple[type[Contract], ...]], str] = {}
        self._servers: list[ChaincodeServer] = []

    def address(self, name: str, contracts: tuple[type[Contract], ...]) -> str:
        """Where the contracts are served as the chaincode `name`."""
        key = (name, contracts)
        if key not in self._addresses:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                address = f"127.0.0.1:{probe.getsockname()[1]}"
            identifier = package_id(ccaas_package(f"{name}_1.0", address))
            service = ChaincodeService(identifier, contracts, address, tls=None)
            self._servers.append(self._run(_started(service)))
            self._addresses[key] = address
        return self._addresses[key]

    def close(self) -> None:
        for server in self._servers:
            self._run(server.stop(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _started(service: ChaincodeService) -> ChaincodeServer:
    """A server of the loop that runs this."""
    server = ChaincodeServer(service)
    await server.start()
    return server


@dataclass
class FabricNetwork:
    """The network of a session."""

    emulated: EmulatedNetwork
    servers: ContractServers = field(default_factory=ContractServers)

    @property
    def faults(self) -> Faults:
        """Faults on request; those in force are healed when the test's channel goes."""
        return self.emulated.faults

    def gateway(self, organization: str = ORG1.msp_id, user: str = "User1") -> hlf.Gateway:
        """A connection to an organization's peer as one of its users (User1, Admin)."""
        return self.emulated.gateway(organization, user)

    def identity(self, organization: str = ORG1.msp_id, user: str = "User1") -> hlf.SigningIdentity:
        """A user's identity."""
        return self.emulated.identity(organization, user)

    def create_channel(self, name: str | None = None, members: Sequence[str] = ()) -> "Channel":
        """A channel; `members` by MSP id, both organizations by default. Drop it with `Channel.drop`."""
        chosen = name or f"test-{os.getpid()}-{next(_numbers)}"
        self.emulated.create_channel(chosen, members)
        return Channel(self, chosen, tuple(members))

    @classmethod
    def start(cls, folder: Path, until_eof: int) -> "FabricNetwork":
        """Start one on free ports, in memory; `until_eof` as in `EmulatedNetwork.up`."""
        try:
            return cls._started(folder, until_eof)
        except PortTakenError:  # by another worker, between the choice and its use
            return cls._started(folder, until_eof)

    @classmethod
    def _started(cls, folder: Path, until_eof: int) -> "FabricNetwork":
        options = Options(ports=ports.choose(PORTS, folder, {}), batch_timeout="2ms", in_memory=True)
        network = cls(EmulatedNetwork(folder, options))
        try:
            network.emulated.up(channels=(), until_eof=until_eof)
        except BaseException:
            network.close()
            raise
        return network

    def close(self) -> None:
        """End the emulator and the chaincode servers, and remove every file."""
        self.emulated.down()
        self.servers.close()


@dataclass(frozen=True)
class Channel:
    """One channel."""

    network: FabricNetwork
    name: str
    members: tuple[str, ...] = ()

    def deploy(
        self,
        contracts: Sequence[type[Contract]],
        *,
        name: str | None = None,
        policy: str | None = None,
        collections: Sequence[Collection] = (),
    ) -> str:
        """Serve contracts from this process and put them into force; return the chaincode's name.

        By default that is the first class's; `policy` is the endorsement policy, by default the majority's.
        """
        chosen = name or contracts[0].__name__
        address = self.network.servers.address(chosen, tuple(contracts))
        self.network.emulated.deploy(
            self.name, chosen, address, policy=policy, collections=collections, members=self.members
        )
        return chosen

    def contract(self, chaincode: str, organization: str = ORG1.msp_id, user: str = "User1") -> hlf.Contract:
        """A chaincode as a user of an organization calls it."""
        return self.network.gateway(organization, user).network(self.name).contract(chaincode)

    def drop(self) -> None:
        """Heal every fault and forget the channel."""
        self.network.faults.heal()
        self.network.emulated.drop_channel(self.name)
