"""A node's local MSP, read from the folder that real nodes read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from fabric_protos.msp import msp_config_pb2

from hlf_emulator.membership.msp import Msp, Verifier


def load_msp(folder: Path, msp_id: str, verifier: Verifier) -> Msp:
    """Read `cacerts`, `intermediatecerts`, `admincerts`, `crls`, `tlscacerts` and `config.yaml`.

    Raises OSError or ValueError naming what is missing or malformed.
    """
    config = msp_config_pb2.FabricMSPConfig(
        name=msp_id,
        root_certs=_files(folder / "cacerts"),
        intermediate_certs=_files(folder / "intermediatecerts"),
        admins=_files(folder / "admincerts"),
        revocation_list=_files(folder / "crls"),
        tls_root_certs=_files(folder / "tlscacerts"),
        tls_intermediate_certs=_files(folder / "tlsintermediatecerts"),
    )
    if not config.root_certs:
        raise ValueError(f"{folder.name}/cacerts holds no certificate")
    settings = folder / "config.yaml"
    if settings.exists():
        _node_ous(config, folder, yaml.safe_load(settings.read_text(encoding="utf-8")) or {})
    return Msp(config, verifier, ed25519_keys=True)


def _files(folder: Path) -> list[bytes]:
    if not folder.is_dir():
        return []
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]


def _node_ous(config: msp_config_pb2.FabricMSPConfig, folder: Path, settings: dict[str, Any]) -> None:
    for unit in settings.get("OrganizationalUnitIdentifiers") or []:
        config.organizational_unit_identifiers.add(
            organizational_unit_identifier=unit["OrganizationalUnitIdentifier"],
            certificate=_certificate(folder, unit),
        )
    node_ous = settings.get("NodeOUs") or {}
    if not node_ous.get("Enable"):
        return
    target = config.fabric_node_ous
    target.enable = True
    for name, identifier in (
        ("ClientOUIdentifier", target.client_ou_identifier),
        ("PeerOUIdentifier", target.peer_ou_identifier),
        ("AdminOUIdentifier", target.admin_ou_identifier),
        ("OrdererOUIdentifier", target.orderer_ou_identifier),
    ):
        unit = node_ous.get(name)
        if unit:
            identifier.organizational_unit_identifier = unit["OrganizationalUnitIdentifier"]
            identifier.certificate = _certificate(folder, unit)


def _certificate(folder: Path, unit: dict[str, Any]) -> bytes:
    path = unit.get("Certificate")
    return (folder / path).read_bytes() if path else b""
