"""Connection profiles, one per organization, in YAML and JSON; TLS material by path, keys never."""

import json
import os
from pathlib import Path
from typing import Any

import yaml

from hlf_network.crypto import write_public
from hlf_network.layout import Layout, Node

# libyaml where PyYAML was built with it, as its wheels are: several times faster.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def write(layout: Layout, folder: Path) -> list[Path]:
    """Write `<organization>.yaml` and `.json` for every organization with a gateway; return the files."""
    written = []
    for name in layout.topology.organizations:
        if not layout.peers(layout.topology.organizations[name].gateway):
            continue
        content = profile(layout, name, folder)
        for suffix, text in (
            (".yaml", yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)),
            (".json", json.dumps(content, indent=2, ensure_ascii=False) + "\n"),
        ):
            path = folder / f"{name}{suffix}"
            write_public(path, text.encode())
            written.append(path)
    return written


def profile(layout: Layout, organization: str, folder: Path) -> dict[str, Any]:
    """The organization's profile: its gateway peer, its own orderers, the channels it may use.

    Paths in it are relative to `folder`, where it will stand.
    """
    gateway = layout.gateway(organization)
    peers = layout.peers(organization) or (gateway,)
    orderers = layout.orderers(organization)
    authorities = layout.authorities(organization)
    owned = {"certificateAuthorities": [node.name for node in authorities]} if authorities else {}
    return {
        "name": f"{layout.topology.network}-{organization}",
        "version": "1.0.0",
        "client": {"organization": organization},
        "channels": {
            channel.name: {
                "peers": {peer.name: {} for peer in peers if peer in channel.peers},
                "orderers": [orderer.name for orderer in orderers if orderer in channel.orderers],
            }
            for channel in layout.channels.values()
            if organization in channel.members
        },
        "organizations": {
            organization: {"mspid": organization, "peers": [peer.name for peer in peers], **owned}
        },
        "peers": {peer.name: _node(layout, peer, folder) for peer in peers},
        "orderers": {orderer.name: _node(layout, orderer, folder) for orderer in orderers},
        **({"certificateAuthorities": _authorities(layout, authorities, folder)} if authorities else {}),
    }


def _authorities(layout: Layout, authorities: tuple[Node, ...], folder: Path) -> dict[str, Any]:
    return {
        node.name: {
            "url": f"https://{node.address}",
            "caName": node.name,
            "tlsCACerts": _root(layout, node, folder),
        }
        for node in authorities
    }


def _root(layout: Layout, node: Node, folder: Path) -> dict[str, str]:
    return {"path": os.path.relpath(layout.paths.tls_ca_certificate(node.organization), folder)}


def _node(layout: Layout, node: Node, folder: Path) -> dict[str, Any]:
    return {
        "url": f"grpcs://{node.address}",
        "tlsCACerts": _root(layout, node, folder),
        "grpcOptions": {"ssl-target-name-override": node.name},
    }
