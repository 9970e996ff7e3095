"""Who can see what, read from the network itself: each channel's configuration and chaincode definitions.

Nobody writes this table: whoever doubts it reads the same configuration blocks with their own tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fabric_protos.common import common_pb2, configtx_pb2

from hlf import Network
from hlf.admin.definition import ChaincodeDefinition
from hlf.admin.lifecycle import Lifecycle
from hlf.wire.channel_config import ChannelConfiguration, decode_config, satisfied_by
from hlf.wire.configtx import config_of
from hlf.wire.policy import msp_ids, parse_policy

Rows = list[dict[str, Any]]

_READERS = "/Channel/Readers"
_STAFF = {"client": "clients", "admin": "administrators"}
# One ACL, `event/Block`, guards streams of blocks with and without private data.
_PEER_STREAM = "stream of blocks and of the own organization's private data from a peer, to its {}"
_ORDERER_STREAM = "stream of blocks from an orderer, to its {}"


def visibility(networks: Mapping[str, Network]) -> Rows:
    """The matrix of a running network, as plain JSON: `{what, channel, chaincode, who}` for each row.

    who: `{organization, how}`; how is "peer" (keeps a copy), "client" (reads through somebody's node) or
    "orderer" (keeps the blocks that it orders). chaincode is "" where a row concerns the whole channel.
    networks: channel name to the channel, as anybody who may read its configuration sees it.
    """
    return rows(
        {name: _config(network) for name, network in networks.items()},
        {
            name: tuple(Lifecycle(network.gateway, name).all_committed().values())
            for name, network in networks.items()
        },
    )


def _config(network: Network) -> configtx_pb2.Config:
    block = network.contract("cscc").evaluate("GetConfigBlock", network.name)
    return config_of(common_pb2.Block.FromString(block))


def rows(
    configurations: Mapping[str, configtx_pb2.Config],
    definitions: Mapping[str, Iterable[ChaincodeDefinition]],
) -> Rows:
    """The matrix from each channel's configuration and committed definitions; no I/O."""
    decoded = {name: decode_config(config) for name, config in configurations.items()}
    institutions = _institutions(decoded.values())
    found: Rows = []
    for name, config in configurations.items():
        found += _channel(name, config, decoded[name], institutions)
        for definition in sorted(definitions.get(name, ()), key=lambda one: one.name):
            found += [
                _row(
                    f"collection {collection.name}",
                    name,
                    [(msp_id, "peer") for msp_id in msp_ids(parse_policy(collection.policy))],
                    definition.name,
                )
                for collection in definition.collections
            ]
    return found


def _institutions(configurations: Iterable[ChannelConfiguration]) -> dict[str, str]:
    """Every MSP id to the institution behind it.

    An institution orders under an MSP id of its own, with the certificate authority of its other one.
    """
    configurations = list(configurations)
    owners = {
        root: member.msp_id
        for configuration in configurations
        for member in configuration.applications.values()
        for root in member.root_certs
    }
    found = {name: name for each in configurations for name in each.applications}
    for configuration in configurations:
        for name, orderer in configuration.orderers.items():
            known = [owners[root] for root in orderer.root_certs if root in owners]
            found.setdefault(name, known[0] if known else name)
    return found


def _channel(
    name: str,
    config: configtx_pb2.Config,
    configuration: ChannelConfiguration,
    institutions: Mapping[str, str],
) -> Rows:
    members = configuration.applications
    with_peer = [msp_id for msp_id, member in members.items() if member.endpoints]
    orderers = list(configuration.orderers)
    asking = {each.msp_id for each in satisfied_by(config, configuration.acls["peer/Propose"])}
    found = [
        _row(
            "blocks: ids, states, times, callers' certificates, salted commitments",
            name,
            [
                *((msp_id, "peer") for msp_id in with_peer),
                *((msp_id, "orderer") for msp_id in orderers),
            ],
            institutions=institutions,
        ),
        _row(
            "questions to chaincodes, answered as each contract allows its caller",
            name,
            [(msp_id, "client") for msp_id in members if msp_id in asking],
            institutions=institutions,
        ),
    ]
    for text, policy in ((_PEER_STREAM, configuration.acls["event/Block"]), (_ORDERER_STREAM, _READERS)):
        for people, who in _staff(config, policy).items():
            listeners = [(msp_id, "client") for msp_id in who]
            found.append(_row(text.format(people), name, listeners, institutions=institutions))
    return found


def _staff(config: configtx_pb2.Config, policy: str) -> dict[str, list[str]]:
    """Whose people satisfy a policy, by role; one entry where the roles do not differ."""
    roles = satisfied_by(config, policy)
    found = {
        people: sorted(each.msp_id for each in roles if each.role == role) for role, people in _STAFF.items()
    }
    clients, administrators = found.values()
    return {" and ".join(found): clients} if clients == administrators else found


def _row(
    what: str,
    channel: str,
    who: Iterable[tuple[str, str]],
    chaincode: str = "",
    *,
    institutions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    named = dict.fromkeys(((institutions or {}).get(msp_id, msp_id), how) for msp_id, how in who)
    return {
        "what": what,
        "channel": channel,
        "chaincode": chaincode,
        "who": [{"organization": organization, "how": how} for organization, how in named],
    }
