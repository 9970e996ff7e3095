"""A chaincode that runs as a service, put into force by the organizations of a channel."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from hlf.admin.definition import ChaincodeDefinition
from hlf.admin.lifecycle import Lifecycle
from hlf.admin.package import ccaas_package
from hlf.admin.peer import PeerAdmin
from hlf.gateway import Gateway
from hlf_network.waiting import wait_until

_SETTLE = 10.0
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Deployer:
    """One organization: its peer and that peer's gateway as its administrator, and where its server is."""

    peer: PeerAdmin
    gateway: Gateway
    address: str

    @property
    def msp_id(self) -> str:
        return self.gateway.identity.msp_id


def deploy_service(
    deployers: Sequence[Deployer], channel: str, definition: ChaincodeDefinition
) -> dict[str, str]:
    """Install packages, approve, commit; return the package id by MSP id.

    The definition's sequence is not read: it is the next one, or the present one where nothing but the
    package has changed.
    """
    name = definition.name
    label = f"{name}_{definition.version}"
    installed = together(lambda one: one.peer.install(ccaas_package(label, one.address)), deployers)
    package_ids = dict(zip((one.msp_id for one in deployers), installed, strict=True))
    lifecycles = {one.msp_id: Lifecycle(one.gateway, channel) for one in deployers}
    first = next(iter(lifecycles.values()))
    present = first.all_committed().get(name)
    committed = present is not None and present.same_terms(definition)
    wanted = definition.replace_sequence((present.sequence if present else 0) + (0 if committed else 1))

    def approve(msp_id: str) -> None:
        approved = lifecycles[msp_id].approved(name, wanted.sequence)
        if (
            approved is None
            or approved.package_id != package_ids[msp_id]
            or not approved.definition.same_terms(wanted)
        ):
            lifecycles[msp_id].approve(wanted, package_ids[msp_id])

    together(approve, lifecycles)
    if not committed:
        wait_until(
            lambda: first.agreed(wanted, tuple(lifecycles)),
            _SETTLE,
            lambda: f"the peers have not seen each other's approvals of {name}",
            every=0.005,
        )
        first.commit(wanted, tuple(lifecycles))
    wait_until(
        lambda: len(set(together(lambda one: one.peer.height(channel), deployers))) == 1,
        _SETTLE,
        lambda: f"the peers of {channel} are not level",
        every=0.005,
    )
    return package_ids


def together(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Each item's result, all worked out at once."""
    chosen = list(items)
    with ThreadPoolExecutor(max_workers=max(1, len(chosen))) as pool:
        return list(pool.map(function, chosen))
