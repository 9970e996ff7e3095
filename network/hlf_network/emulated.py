"""The sample network on the emulator: up, channels, chaincodes, identities, faults, down."""

import contextlib
import datetime
import fcntl
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp

from hlf.admin import participation
from hlf.admin.definition import ChaincodeDefinition, Collection
from hlf.admin.participation import ClientTls
from hlf.admin.peer import PeerAdmin
from hlf.endpoint import Endpoint
from hlf.gateway import Gateway
from hlf.identity import SigningIdentity
from hlf_network import sample_material
from hlf_network.control import Faults
from hlf_network.crypto import write_secret
from hlf_network.errors import NetworkError, PortTakenError
from hlf_network.ports import free
from hlf_network.processes import HostProcess, python
from hlf_network.sample import (
    ADMIN_API,
    CHANNEL,
    CONTROL,
    LOOPBACK,
    MEMBERS,
    ORDERER,
    ORG1,
    PORTS,
    REGISTRAR_SECRET,
    SampleOrganization,
    SamplePaths,
    configuration,
    organization,
)
from hlf_network.service_deploy import Deployer, deploy_service, together

_MEMORY = Path("/dev/shm")  # noqa: S108  Linux's memory as a file system
_ROOM = 1 << 30  # bytes: containers often give it 64 MiB, too little for long chains
_READY = 30.0


@dataclass(frozen=True)
class Options:
    """How the emulator runs.

    `batch_timeout` (Go's notation) takes the place of the channel's 2s; None keeps that. `in_memory` keeps
    ledgers in memory (where the system has no file system for that, in a temporary folder) until the end.
    `seed` makes keys, nonces and choices repeatable, and with `clock` (ISO 8601) certificates and first
    blocks too. `fabric`: the version that is emulated, 3.1 or 2.5.
    """

    ports: Mapping[str, int]
    batch_timeout: str | None = "10ms"
    in_memory: bool = False
    seed: int | None = None
    clock: str | None = None
    fabric: str = "3.1"

    def now(self) -> datetime.datetime:
        """The time that certificates and first blocks are made at. NetworkError for a clock of no time."""
        if self.clock is None:
            return datetime.datetime.now(datetime.UTC)
        try:
            moment = datetime.datetime.fromisoformat(self.clock)
        except ValueError as error:
            raise NetworkError(f"{self.clock!r} is no time", hint="such as 2026-01-01T00:00:00Z") from error
        return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


class EmulatedNetwork:
    """The sample network in one folder: what `hlf emulator` and the pytest plugin hold."""

    def __init__(self, root: Path, options: Options | None = None) -> None:
        """`options` None: those it was made with, or the sample's own ports."""
        self.paths = SamplePaths(Path(root).resolve())
        self._asked = options
        self._process = HostProcess(self.paths.run, "emulator")
        self._connections = contextlib.ExitStack()
        self._gateways: dict[tuple[str, str], Gateway] = {}
        self._peers: dict[str, PeerAdmin] = {}

    # -- the network

    @cached_property
    def options(self) -> Options:
        """What it was made with, else what is asked for."""
        return self._record or self._asked or Options(PORTS)

    @property
    def ports(self) -> Mapping[str, int]:
        """Port by node name; with `orderer.example.com/admin` and `control`."""
        return self.options.ports

    @property
    def faults(self) -> Faults:
        """Faults on request."""
        return Faults(f"{LOOPBACK}:{self.ports[CONTROL]}")

    @property
    def made(self) -> bool:
        """Whether `up` has made it, and `down` not yet removed it."""
        return self._record is not None

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process.pid is not None

    def up(self, channels: Sequence[str] = (CHANNEL,), *, until_eof: int | None = None) -> None:
        """Start it with these channels, or repair what is there. NetworkError says what stands in the way.

        `until_eof`: a descriptor; the emulator ends when everybody has closed the other end.
        """
        with self._locked():
            self._check()
            ledgers = self._ledgers()
            sample_material.make(self.paths, self.ports, now=self.options.now(), seed=self.options.seed)
            if not self.running:
                self._require_ports()
                write_secret(self.paths.registrar, REGISTRAR_SECRET.encode())
                self.paths.config.write_text(
                    json.dumps(
                        configuration(
                            self.paths,
                            self.ports,
                            ledgers=ledgers,
                            batch_timeout=self.options.batch_timeout,
                            in_memory=self.options.in_memory,
                            seed=self.options.seed,
                            fabric=self.options.fabric,
                        ),
                        indent=1,
                    )
                )
                command = python("hlf_emulator", "--config", str(self.paths.config))
                if until_eof is not None:
                    command.append("--until-eof")
                self._process.start(command, {}, until_eof)
            self._process.wait_ready(_READY)
            for channel in channels:
                self.create_channel(channel)

    def stop(self) -> None:
        """End the process; what is on disk stays, and `up` goes on with it."""
        self.close()
        self._process.stop()

    def down(self) -> list[str]:
        """Remove everything that `up` made and nothing else; return what was removed."""
        self.close()
        if self._record is None:
            return []
        removed = ["process emulator"] if self._process.stop() else []
        ledgers = self._ledgers()
        if ledgers != self.paths.data:
            shutil.rmtree(ledgers, ignore_errors=True)
        for folder in self.paths.made:
            if folder.is_dir():
                shutil.rmtree(folder)
                removed.append(f"folder {folder.relative_to(self.paths.root)}")
        for folder in (self.paths.root / "organizations", self.paths.root):
            with contextlib.suppress(OSError):  # a folder that holds something else stays
                folder.rmdir()
        return removed

    def close(self) -> None:
        """Give up this object's connections; the network goes on."""
        self._gateways.clear()
        self._peers.clear()
        self._connections.close()

    # -- people

    def identity(self, organization_name: str = ORG1.msp_id, user: str = "User1") -> SigningIdentity:
        """A user of an organization: User1 or Admin."""
        one = organization(organization_name)
        folder = self.paths.user(one, user) / "msp"
        return SigningIdentity.from_pem(
            one.msp_id,
            next((folder / "signcerts").iterdir()).read_bytes(),
            next((folder / "keystore").iterdir()).read_bytes(),
        )

    def endpoint(self, organization_name: str = ORG1.msp_id) -> Endpoint:
        """How clients on this machine dial an organization's node."""
        one = organization(organization_name)
        root = self.paths.tls_ca_certificate(one).read_bytes()
        return Endpoint(f"localhost:{self.ports[one.node]}", root)

    def gateway(self, organization_name: str = ORG1.msp_id, user: str = "User1") -> Gateway:
        """A connection of a user to the own organization's peer; it is closed with the network's others."""
        key = (organization(organization_name).msp_id, user)
        if key not in self._gateways:
            self._gateways[key] = self._connections.enter_context(
                Gateway(self.endpoint(key[0]), self.identity(*key))
            )
        return self._gateways[key]

    def peer(self, organization_name: str = ORG1.msp_id) -> PeerAdmin:
        """An organization's peer, as its administrator."""
        name = organization(organization_name).msp_id
        if name not in self._peers:
            self._peers[name] = self._connections.enter_context(
                PeerAdmin(self.endpoint(name), self.identity(name, "Admin"))
            )
        return self._peers[name]

    # -- channels and chaincodes

    def create_channel(self, name: str, members: Iterable[str] = ()) -> None:
        """A channel of these organizations (all by default), joined by their peers and the orderer.

        Harmless when it is there. NetworkError for a name that Fabric would refuse.
        """
        chosen = [organization(member) for member in members] or list(MEMBERS)
        path = self.paths.genesis(name)
        if not path.exists():
            block = sample_material.channel_block(
                self.paths, self.ports, name, chosen, now=self.options.now(), seed=self.options.seed
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(block.SerializeToString())
        genesis = path.read_bytes()
        url = f"https://localhost:{self.ports[ADMIN_API]}"
        if name not in participation.channels(url, self._orderer_tls):
            participation.join(url, genesis, self._orderer_tls)

        def join(one: SampleOrganization) -> None:
            peer = self.peer(one.msp_id)
            if name not in peer.channels():
                peer.join_channel(genesis)

        together(join, chosen)

    def drop_channel(self, name: str) -> None:
        """Remove a channel with all its blocks from every node, which Fabric cannot; harmless when it is not
        there.
        """
        self.faults.drop_channel(name)
        self.paths.genesis(name).unlink(missing_ok=True)

    def deploy(
        self,
        channel: str,
        name: str,
        address: str | Mapping[str, str],
        *,
        policy: str | None = None,
        collections: Sequence[Collection] = (),
        members: Iterable[str] = (),
        version: str = "1.0",
        init_required: bool = False,
    ) -> dict[str, str]:
        """Put a chaincode that runs as a service at `address` into force; return package ids by MSP id.

        Each organization has a server of its own where `address` maps MSP ids to addresses: then the ids
        differ. Servers may be started afterwards: they need the package id. An update of what is in force
        takes the next sequence; without any change nothing is done.
        """
        chosen = [organization(member) for member in members] or list(MEMBERS)
        wanted = ChaincodeDefinition(
            name=name,
            version=version,
            sequence=1,
            endorsement_policy=policy,
            collections=tuple(collections),
            init_required=init_required,
        )
        deployers = [
            Deployer(
                self.peer(one.msp_id),
                self.gateway(one.msp_id, "Admin"),
                address if isinstance(address, str) else address[one.msp_id],
            )
            for one in chosen
        ]
        return deploy_service(deployers, channel, wanted)

    # -- its folder

    @cached_property
    def _orderer_tls(self) -> ClientTls:
        folder = self.paths.node(ORDERER) / "tls"
        return ClientTls(
            root_pem=(folder / "ca.crt").read_bytes(),
            certificate_pem=(folder / "server.crt").read_bytes(),
            key_pem=(folder / "server.key").read_bytes(),
        )

    @property
    def _file(self) -> Path:
        return self.paths.run / "network.settings"

    @property
    def _record(self) -> Options | None:
        try:
            return Options(**json.loads(self._file.read_text())["options"])
        except FileNotFoundError:
            return None

    def _check(self) -> None:
        """The record of this network, made when it is new. NetworkError for what is not ours or differs."""
        present = self._record
        if present is None:
            for folder in self.paths.made[:2]:
                if folder.exists():
                    raise NetworkError(
                        f"{folder} was made by something else",
                        hint="`./network.sh down` removes a test-network; --state chooses another folder",
                    )
            self._require_ports()
            ledgers = _memory() if self.options.in_memory else self.paths.data
            self._file.write_text(
                json.dumps({"options": {**asdict(self.options)}, "ledgers": str(ledgers)}, indent=1)
            )
        elif self._asked is not None and self._asked != present:
            asked = asdict(self._asked)
            differing = [name for name, value in asdict(present).items() if value != asked[name]]
            raise NetworkError(
                f"the network in {self.paths.root} was made with other options "
                f"({', '.join(name.replace('_', ' ') for name in differing)})",
                hint="`hlf emulator down` first, or leave the options out",
            )

    def _ledgers(self) -> Path:
        return Path(json.loads(self._file.read_text())["ledgers"])

    def _require_ports(self) -> None:
        for name, port in self.ports.items():
            if not free(port, LOOPBACK):
                raise PortTakenError(
                    f"port {port}, for {name}, is held by another program",
                    hint=f"`lsof -i :{port}` names it; --free-ports or --port-base N choose other ports",
                )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.paths.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.paths.run / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise NetworkError(
                    "another command is changing this network", hint="wait until it has ended"
                ) from None
            try:
                yield
            finally:
                if self._record is None:  # refused before anything was made
                    shutil.rmtree(self.paths.run)
                    with contextlib.suppress(OSError):  # a folder that holds something else stays
                        self.paths.root.rmdir()


def _memory() -> Path:
    """A new folder in memory, or in the temporary folder where there is no such file system with room."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(_MEMORY).free > _ROOM:
            return Path(mkdtemp(prefix="hlf-emulator-", dir=_MEMORY))
    return Path(mkdtemp(prefix="hlf-emulator-"))
