"""From the layout and its certificates to each channel's genesis block."""

import secrets
import time

from hlf.wire.configtx import Capabilities, ChannelSpec, OrganizationSpec, genesis_block
from hlf.wire.consensus import BFT, RAFT, BatchSpec, ConsenterSpec, RaftOptions, SmartBftOptions
from hlf_network.crypto import write_public
from hlf_network.layout import ChannelLayout, Layout, Node

# Measured: a killed leader costs 2.9 s of commits with these, 25 s with Fabric's defaults. Under more load
# than two cores carry they can leave an orderer behind, which `steady` does not.
_LIVELY = SmartBftOptions(
    request_forward_timeout="500ms",
    request_complain_timeout="2s",
    request_auto_remove_timeout="1m",
    view_change_resend_interval="1s",
    view_change_timeout="5s",
    leader_heartbeat_timeout="5s",
)
# A killed leader costs one to two seconds, with Fabric's defaults five to ten.
_LIVELY_RAFT = RaftOptions(tick_interval="100ms")
_FABRIC_2_5 = Capabilities(channel="V2_0")


def write(layout: Layout) -> None:
    """Write the genesis block of every channel that has none yet."""
    for channel in layout.channels.values():
        path = layout.paths.genesis(channel.name)
        if path.exists():
            continue
        block = genesis_block(
            channel_spec(layout, channel), timestamp_ns=time.time_ns(), nonce=secrets.token_bytes(24)
        )
        draft = path.with_suffix(".draft")
        write_public(draft, block.SerializeToString())
        draft.rename(path)


def channel_spec(layout: Layout, channel: ChannelLayout) -> ChannelSpec:
    """The channel as `hlf.wire.configtx` wants it; reads the organizations' certificates."""
    topology = layout.topology
    return ChannelSpec(
        name=channel.name,
        application_orgs=tuple(
            _organization(layout, member, member, anchors=channel.peers) for member in channel.members
        ),
        orderer_orgs=tuple(
            _organization(layout, name, msp_id, endpoints=channel.orderers)
            for name, msp_id in dict.fromkeys((node.organization, node.msp_id) for node in channel.orderers)
        ),
        consenters=tuple(
            _consenter(layout, index, node) for index, node in enumerate(channel.orderers, start=1)
        ),
        acls=channel.acls,
        application_policies=channel.policies,
        lifecycle_endorsement=channel.lifecycle.expression(),
        batch=BatchSpec(max_messages=topology.batch_messages, timeout=topology.batch_timeout),
        consensus=RAFT if topology.consensus == "raft" else BFT,
        bft_options=_LIVELY if topology.faults == "lively" else SmartBftOptions(),
        capabilities=_FABRIC_2_5 if topology.is_fabric_2_5 else Capabilities(),
        raft_options=_LIVELY_RAFT if topology.faults == "lively" else RaftOptions(),
    )


def _organization(
    layout: Layout,
    name: str,
    msp_id: str,
    *,
    anchors: tuple[Node, ...] = (),
    endpoints: tuple[Node, ...] = (),
) -> OrganizationSpec:
    paths = layout.paths
    return OrganizationSpec(
        msp_id=msp_id,
        root_certs=(paths.ca_certificate(name).read_bytes(),),
        tls_root_certs=(paths.tls_ca_certificate(name).read_bytes(),),
        anchor_peers=tuple((node.host, node.port) for node in anchors if node.organization == name),
        orderer_endpoints=tuple(node.endpoint for node in endpoints if node.organization == name),
    )


def _consenter(layout: Layout, index: int, node: Node) -> ConsenterSpec:
    folder = layout.paths.node(node)
    tls = (folder / "tls" / "cert.pem").read_bytes()
    return ConsenterSpec(
        id=index,
        host=node.host,
        port=node.port,
        msp_id=node.msp_id,
        identity=(folder / "msp" / "signcerts" / "cert.pem").read_bytes(),
        client_tls_cert=tls,
        server_tls_cert=tls,
    )
