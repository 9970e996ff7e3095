"""A Fabric CA with its port and its registry on disk."""

import datetime
import ssl
from pathlib import Path

from hlf_emulator.ca.api import CaApi
from hlf_emulator.ca.call import Authority
from hlf_emulator.ca.identity import (
    AFFILIATION_MANAGER,
    DELEGATE_ROLES,
    GEN_CRL,
    INTERMEDIATE_CA,
    REGISTRAR_ATTRIBUTES,
    REVOKER,
    ROLES,
    Attribute,
    Identity,
    hash_secret,
)
from hlf_emulator.ca.issuing import Issuer
from hlf_emulator.ca.store import Store
from hlf_emulator.config import CaConfig, NodeTls, split_address
from hlf_emulator.ports.open_streams import OpenStreams
from hlf_emulator.ports.rest import HttpServer

# What `fabric-ca-server start -b admin:…` begins with; its YAML's `true` is kept as 1.
_ADMINISTRATOR = (
    *(Attribute(name, "*") for name in (ROLES, DELEGATE_ROLES, REGISTRAR_ATTRIBUTES)),
    *(Attribute(name, "1") for name in (REVOKER, INTERMEDIATE_CA, GEN_CRL, AFFILIATION_MANAGER)),
)
_AFFILIATIONS = ("org1", "org1.department1", "org1.department2", "org2", "org2.department1")


class CaNode:
    """A CA of an organization, on that organization's own key."""

    def __init__(self, config: CaConfig, state: Path, *, sync: bool = True) -> None:
        """Read the keys. Raises OSError or ValueError; the registry is opened at the start."""
        self.name = config.name
        self._config = config
        self._state = state / f"{config.name}.db"
        self._sync = sync
        self._issuer = Issuer(config.certificate.read_bytes(), config.key.read_bytes())
        self._store: Store | None = None
        self._refuses_disk = False
        self.streams = OpenStreams()
        self._server: HttpServer | None = None

    async def start(self) -> None:
        """Open registry and port. Raises OSError when the port is taken."""
        if self._server is not None:
            return
        store = Store(self._state, _now, sync=self._sync)
        self._begin(store)
        config = self._config
        authority = Authority(config.name, config.removal, config.max_enrollments, self._issuer, store, _now)
        host, port = split_address(config.listen)
        server = HttpServer(CaApi(authority).handle, host, port, _tls(config.tls))
        try:
            await server.start()
        except BaseException:
            store.close()
            raise
        self._server, self._store = server, store
        store.refuse_writes(self._refuses_disk)

    async def stop(self, grace: float | None = None) -> None:  # noqa: ARG002  no call takes long
        """Close port and registry."""
        if self._server is None or self._store is None:
            return
        server, self._server = self._server, None
        await server.stop()
        self._store.close()

    def refuse_disk(self, refuses: bool) -> None:
        """A fault: nothing can be registered, enrolled or revoked."""
        self._refuses_disk = refuses
        if self._server is not None and self._store is not None:
            self._store.refuse_writes(refuses)

    def status(self) -> dict[str, object]:
        """Kind, running, and the fault in force."""
        return {
            "kind": "ca",
            "running": self._server is not None,
            "channels": {},
            "faults": {"disk refused": True} if self._refuses_disk else {},
        }

    def _begin(self, store: Store) -> None:
        """What every CA has: its administrator, from the first start on, and the default affiliations."""
        store.add_affiliations(_AFFILIATIONS)
        if store.identity("admin") is None:
            secret = hash_secret(self._config.registrar.read_text(encoding="utf-8").strip())
            store.put(Identity("admin", "client", "", _ADMINISTRATOR, self._config.max_enrollments, secret))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _tls(tls: NodeTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    return context
