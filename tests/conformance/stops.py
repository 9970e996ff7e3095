"""Cases that need nodes stopped: `stopped` names them; they stay so until a case wants otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from fabric_protos.discovery import protocol_pb2
from fabric_protos.peer import proposal_response_pb2

from hlf_network.waiting import wait_until
from tests.conformance.calls import Access, signed_proposal, unary
from tests.conformance.calls_peer import ask_discovery, height

_SECONDS = 90.0
"""Real peers take half a minute to give up another that is gone."""


def settle(access: Access, wanted: Iterable[str]) -> None:
    """Stop and start peers until just those are stopped that are wanted so, and all others know it."""
    stopped = frozenset(wanted)
    if stopped == access.stopped:
        return
    for name in sorted(stopped - access.stopped):
        access.network.stop_node(name)
    for name in sorted(access.stopped - stopped):
        access.network.start_node(name)
    access.stopped.clear()
    access.stopped.update(stopped)
    peers = [node.name for node in access.network.layout.peers() if node.name not in stopped]
    identities = {access.identity(f"node/{peer}").serialized() for peer in peers}
    wait_until(
        lambda: (
            all(_seen(access, peer) == identities and _runs(access, peer) for peer in peers)
            and len({height(access, peer) for peer in peers}) == 1
        ),
        _SECONDS,
        lambda: f"{peers} did not find each other",
    )


def _seen(access: Access, peer: str) -> set[bytes]:
    """The identities of the channel's peers with the chaincode, of which a peer knows."""
    query = {"query": "peers", "filter": [{"name": "records"}]}
    case = {"as": "org-a/user", "at": peer, "queries": [query]}
    found: set[bytes] = set().union(*ask_discovery(access, case, _identities)["results"])
    return found


def _identities(result: protocol_pb2.QueryResult) -> set[bytes]:
    return {peer.identity for peers in result.members.peers_by_org.values() for peer in peers.peers}


def _runs(access: Access, peer: str) -> bool:
    _, signed = signed_proposal(access, {"as": "org-a/user", "call": ["whoami"]})
    response = proposal_response_pb2.ProposalResponse
    return bool(
        unary(access, peer, "/protos.Endorser/ProcessProposal", signed, response).response.status == 200
    )
