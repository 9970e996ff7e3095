"""The bare protocol's way into a network that hlf_network has brought up."""

from __future__ import annotations

from hlf.endpoint import Endpoint
from hlf.identity import SigningIdentity
from hlf_network import Consortium
from hlf_network.access import Access as NetworkAccess
from tests.conformance import strangers
from tests.conformance.calls import Access


def access_to(network: Consortium) -> Access:
    """Endpoints by node name and identities by `organization/user`."""
    layout = network.layout
    way = NetworkAccess(layout)

    def endpoint(node: str) -> Endpoint:
        return way.endpoint(layout.node(node))

    def identity(name: str) -> SigningIdentity:
        organization, _, user = name.partition("/")
        if organization in strangers.KINDS:
            return strangers.stranger(layout, organization, user)
        return way.identity(organization, user)

    return Access(
        endpoint=endpoint,
        gateway_of=lambda organization: layout.gateway(organization).name,
        identity=identity,
        admin=lambda node: way.participation(layout.node(node)),
        chaincode_address=network.chaincode_address,
        network=network,
    )
