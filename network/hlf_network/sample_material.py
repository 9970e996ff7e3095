"""Keys, certificates and profiles of the sample network, laid out as cryptogen does; and its channels."""

import datetime
import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from fabric_protos.common import common_pb2

from hlf.wire.configtx import Capabilities, ChannelSpec, OrganizationSpec, genesis_block
from hlf.wire.consensus import RAFT, BatchSpec, ConsenterSpec
from hlf_network.crypto import Authority, Credential, write_public, write_secret
from hlf_network.errors import NetworkError
from hlf_network.sample import (
    COUNTRY,
    LOOPBACK,
    ORDERER,
    ORGANIZATIONS,
    SampleOrganization,
    SamplePaths,
    profile,
)

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_ROLES = ("Client", "Peer", "Admin", "Orderer")
# test-network's configtx.yaml.
_BATCH = BatchSpec(
    max_messages=10,
    absolute_max_bytes=99 * 1024 * 1024,
    preferred_max_bytes=512 * 1024,
    timeout="2s",
)


def make(
    paths: SamplePaths, ports: Mapping[str, int], *, now: datetime.datetime, seed: int | None = None
) -> bool:
    """Make what is missing; whether anything was. `now` is aware, UTC. The same seed makes the same keys."""
    made = False
    for one in ORGANIZATIONS:
        final = paths.organization(one)
        if final.is_dir():
            continue
        # Whole or not there, so that a run killed half-way leaves nothing that looks finished.
        draft = final.with_name(f".{one.domain}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        _make_organization(draft, one, ports, now, _luck(seed, one.domain))
        draft.rename(final)
        made = True
    return made


def _make_organization(
    folder: Path,
    one: SampleOrganization,
    ports: Mapping[str, int],
    now: datetime.datetime,
    luck: random.Random | None,
) -> None:
    ca = Authority.create(f"ca.{one.domain}", one.domain, COUNTRY, now, luck)
    tls_ca = Authority.create(f"tlsca.{one.domain}", one.domain, COUNTRY, now, luck)
    for name, authority in (("ca", ca), ("tlsca", tls_ca)):
        write_public(folder / name / f"{name}.{one.domain}-cert.pem", authority.certificate)
        write_secret(folder / name / "priv_sk", authority.credential.key)
    # test-network's CAs serve with a certificate of their own, and profiles trust them by it.
    ca_hosts = (f"ca.{one.domain}", "localhost", LOOPBACK)
    _tls(folder / "ca" / "tls", "server", ca, ca.tls(f"ca.{one.domain}", one.domain, COUNTRY, ca_hosts))
    _msp(folder / "msp", one, ca, tls_ca)
    node = folder / f"{one.kind}s" / one.node
    _msp(node / "msp", one, ca, tls_ca, one.node, ca.identity(one.node, one.kind, one.domain, COUNTRY))
    hosts = (one.node, one.node.partition(".")[0], "localhost", LOOPBACK)
    _tls(node / "tls", "server", tls_ca, tls_ca.tls(one.node, one.domain, COUNTRY, hosts))
    for name, role in one.users:
        user = folder / "users" / name
        credential = ca.identity(name, role, one.domain, COUNTRY)
        _msp(user / "msp", one, ca, tls_ca, name, credential)
        # As a CA's client would have called it: some samples look for that name, others for cryptogen's.
        write_public(user / "msp" / "signcerts" / "cert.pem", credential.certificate)
        _tls(user / "tls", "client", tls_ca, tls_ca.tls(name, one.domain, COUNTRY))
    if one.kind == "peer":
        content = profile(one, ports, tls_ca.certificate.decode(), ca.certificate.decode())
        write_public(
            folder / f"connection-{one.prefix}.json", (json.dumps(content, indent=4) + "\n").encode()
        )
        text = yaml.dump(content, Dumper=_DUMPER, sort_keys=False)
        write_public(folder / f"connection-{one.prefix}.yaml", text.encode())


def _msp(
    folder: Path,
    one: SampleOrganization,
    ca: Authority,
    tls_ca: Authority,
    name: str = "",
    credential: Credential | None = None,
) -> None:
    ca_file = f"cacerts/ca.{one.domain}-cert.pem"
    write_public(folder / ca_file, ca.certificate)
    write_public(folder / "tlscacerts" / f"tlsca.{one.domain}-cert.pem", tls_ca.certificate)
    lines = ["NodeOUs:", "  Enable: true"]
    for role in _ROLES:
        lines += [
            f"  {role}OUIdentifier:",
            f"    Certificate: {ca_file}",
            f"    OrganizationalUnitIdentifier: {role.lower()}",
        ]
    write_public(folder / "config.yaml", ("\n".join(lines) + "\n").encode())
    if credential is not None:
        write_public(folder / "signcerts" / f"{name}-cert.pem", credential.certificate)
        write_secret(folder / "keystore" / "priv_sk", credential.key)


def _tls(folder: Path, name: str, tls_ca: Authority, credential: Credential) -> None:
    write_public(folder / "ca.crt", tls_ca.certificate)
    write_public(folder / f"{name}.crt", credential.certificate)
    write_secret(folder / f"{name}.key", credential.key)


def channel_block(
    paths: SamplePaths,
    ports: Mapping[str, int],
    channel: str,
    members: Sequence[SampleOrganization],
    *,
    now: datetime.datetime,
    seed: int | None = None,
) -> common_pb2.Block:
    """The first block of a channel of these members, with the policies of test-network's configtx.yaml.

    `now`, aware, is what the block says of its time; its nonce follows the seed. Raises ValueError for a
    name that Fabric refuses.
    """
    spec = ChannelSpec(
        name=channel,
        application_orgs=tuple(
            _organization(paths, one, anchor_peers=((one.node, ports[one.node]),)) for one in members
        ),
        orderer_orgs=(
            _organization(
                paths,
                ORDERER,
                orderer_endpoints=(f"{ORDERER.node}:{ports[ORDERER.node]}",),
                policies={
                    "Readers": f"OR('{ORDERER.msp_id}.member')",
                    "Writers": f"OR('{ORDERER.msp_id}.member')",
                },
            ),
        ),
        consenters=(_consenter(paths, ports),),
        consensus=RAFT,
        batch=_BATCH,
        capabilities=Capabilities(channel="V2_0"),
    )
    luck = _luck(seed, channel) or random.SystemRandom()
    timestamp_ns = int(now.timestamp() * 1_000_000) * 1000
    try:
        return genesis_block(spec, timestamp_ns=timestamp_ns, nonce=luck.randbytes(24))
    except ValueError as error:
        raise NetworkError(str(error)) from error


def _luck(seed: int | None, purpose: str) -> random.Random | None:
    return None if seed is None else random.Random(f"{seed} {purpose}")  # noqa: S311  asked to be repeatable


def _organization(
    paths: SamplePaths,
    one: SampleOrganization,
    *,
    anchor_peers: tuple[tuple[str, int], ...] = (),
    orderer_endpoints: tuple[str, ...] = (),
    policies: Mapping[str, str] | None = None,
) -> OrganizationSpec:
    return OrganizationSpec(
        msp_id=one.msp_id,
        root_certs=(paths.ca_certificate(one).read_bytes(),),
        tls_root_certs=(paths.tls_ca_certificate(one).read_bytes(),),
        anchor_peers=anchor_peers,
        orderer_endpoints=orderer_endpoints,
        policies=policies or {},
    )


def _consenter(paths: SamplePaths, ports: Mapping[str, int]) -> ConsenterSpec:
    folder = paths.node(ORDERER)
    tls = (folder / "tls" / "server.crt").read_bytes()
    return ConsenterSpec(
        id=1,
        host=ORDERER.node,
        port=ports[ORDERER.node],
        msp_id=ORDERER.msp_id,
        identity=next((folder / "msp" / "signcerts").iterdir()).read_bytes(),
        client_tls_cert=tls,
        server_tls_cert=tls,
    )
