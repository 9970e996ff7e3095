"""Changes of a channel's configuration by name, and ways in which an update that carries one is wrong."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2
from fabric_protos.msp import msp_config_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.orderer.etcdraft import configuration_pb2 as etcdraft_pb2
from fabric_protos.orderer.smartbft import configuration_pb2 as smartbft_pb2
from fabric_protos.peer import configuration_pb2 as peer_pb2
from google.protobuf.message import Message

from hlf.wallet import Wallet
from hlf.wire.configtx import OrganizationSpec, application_org_policies, msp_config
from hlf.wire.consensus import BatchSpec, SmartBftOptions, bft_metadata, block_validation_policy
from hlf.wire.policy import config_policy
from hlf_network.layout import Layout
from tests.conformance import strangers

Group = configtx_pb2.ConfigGroup
Change = Callable[[Group, Layout, Any], None]


def group_at(root: Group, path: str) -> Group:
    """The group at a path such as `Application/org-a`; the channel's own for an empty one."""
    group = root
    for name in filter(None, path.split("/")):
        group = group.groups[name]
    return group


def set_value(group: Group, name: str, message: Message) -> None:
    """Set a value, its mod_policy kept where it has one."""
    policy = group.values[name].mod_policy if name in group.values else "Admins"
    group.values[name].value = message.SerializeToString(deterministic=True)
    group.values[name].mod_policy = policy


# -- the orderer's values


def _batch(root: Group, _layout: Layout, wanted: Any) -> None:
    orderer = root.groups["Orderer"]
    size = orderer_pb2.BatchSize.FromString(orderer.values["BatchSize"].value)
    for field, number in wanted.items():
        setattr(size, field, number)
    set_value(orderer, "BatchSize", size)


def _timeout(root: Group, _layout: Layout, wanted: Any) -> None:
    set_value(root.groups["Orderer"], "BatchTimeout", orderer_pb2.BatchTimeout(timeout=str(wanted)))


def _consensus(root: Group, _layout: Layout, wanted: Any) -> None:
    """`type`, `state` of ConsensusType, `options` of its SmartBFT metadata."""
    orderer = root.groups["Orderer"]
    consensus = orderer_pb2.ConsensusType.FromString(orderer.values["ConsensusType"].value)
    if "type" in wanted:
        consensus.type = wanted["type"]
    if "state" in wanted:
        consensus.state = orderer_pb2.ConsensusType.State.Value(f"STATE_{wanted['state']}")
    if "options" in wanted:
        options = smartbft_pb2.Options.FromString(consensus.metadata)
        for field, value in wanted["options"].items():
            setattr(options, field, value)
        consensus.metadata = options.SerializeToString(deterministic=True)
    if "metadata" in wanted:
        consensus.metadata = bytes.fromhex(wanted["metadata"])
    set_value(orderer, "ConsensusType", consensus)


def _raft(root: Group, _layout: Layout, wanted: Any) -> None:
    """Raft's metadata: `options`: fields, or none; `keep`: which of the consenters, by their place.

    `certificate`: what the last consenter's TLS certificate becomes: garbage, a stranger's, the first one's.
    """
    orderer = root.groups["Orderer"]
    consensus = orderer_pb2.ConsensusType.FromString(orderer.values["ConsensusType"].value)
    metadata = etcdraft_pb2.ConfigMetadata.FromString(consensus.metadata)
    if wanted.get("options", {}) is None:
        metadata.ClearField("options")
    for field, value in (wanted.get("options") or {}).items():
        setattr(metadata.options, field, value)
    if "keep" in wanted:
        kept = [metadata.consenters[place] for place in wanted["keep"]]
        del metadata.consenters[:]
        metadata.consenters.extend(kept)
    if "certificate" in wanted:
        stranger = strangers.fresh_authority("nowhere")
        pem = {
            "garbage": lambda: b"no certificate",
            "a stranger's": lambda: stranger.tls("nowhere", "nowhere", "KR").certificate,
            "the first one's": lambda: metadata.consenters[0].server_tls_cert,
        }[wanted["certificate"]]()
        metadata.consenters[-1].server_tls_cert = metadata.consenters[-1].client_tls_cert = pem
    consensus.metadata = metadata.SerializeToString(deterministic=True)
    set_value(orderer, "ConsensusType", consensus)


def _migration(root: Group, layout: Layout, wanted: Any) -> None:
    """From Raft to SmartBFT: `consenters`: how many of the orderers, `at` another port; `options` of it."""
    orderer = root.groups["Orderer"]
    consenters = [
        configuration_pb2.Consenter(
            id=number,
            host=node.host,
            port=wanted.get("at", node.port),
            msp_id=node.msp_id,
            identity=(layout.paths.node(node) / "msp" / "signcerts" / "cert.pem").read_bytes(),
            client_tls_cert=(layout.paths.node(node) / "tls" / "cert.pem").read_bytes(),
            server_tls_cert=(layout.paths.node(node) / "tls" / "cert.pem").read_bytes(),
        )
        for number, node in enumerate(layout.orderers()[: wanted["consenters"]], start=1)
    ]
    options = bft_metadata(SmartBftOptions(), BatchSpec())
    for field, value in wanted.get("options", {}).items():
        setattr(options, field, value)
    consensus = orderer_pb2.ConsensusType.FromString(orderer.values["ConsensusType"].value)
    consensus.type = "BFT"
    consensus.metadata = options.SerializeToString(deterministic=True)
    set_value(orderer, "ConsensusType", consensus)
    set_value(orderer, "Orderers", configuration_pb2.Orderers(consenter_mapping=consenters))
    orderer.policies["BlockValidation"].policy.CopyFrom(block_validation_policy(consenters))


def consenters_of(root: Group) -> configuration_pb2.Orderers:
    """The consenter mapping."""
    return configuration_pb2.Orderers.FromString(root.groups["Orderer"].values["Orderers"].value)


def _consenters(root: Group, _layout: Layout, wanted: Any) -> None:
    """`keep`: which of the consenters, by their place; `policy: true` renews BlockValidation with them."""
    orderer = root.groups["Orderer"]
    mapping = consenters_of(root)
    kept = [mapping.consenter_mapping[place] for place in wanted["keep"]]
    set_value(orderer, "Orderers", configuration_pb2.Orderers(consenter_mapping=kept))
    if wanted.get("policy"):
        orderer.policies["BlockValidation"].policy.CopyFrom(block_validation_policy(kept))


# -- any value, policy or group


def _capability(root: Group, _layout: Layout, wanted: Any) -> None:
    """`at` a group, `name`; `only` that one."""
    group = group_at(root, wanted["at"])
    present = b"" if wanted.get("only") else group.values["Capabilities"].value
    capabilities = configuration_pb2.Capabilities.FromString(present)
    capabilities.capabilities[wanted["name"]].SetInParent()
    set_value(group, "Capabilities", capabilities)


def _policy(root: Group, _layout: Layout, wanted: Any) -> None:
    """`at`, `name`, and `is`: a policy in words, or `type` and `bytes`."""
    policy = group_at(root, wanted["at"]).policies[wanted["name"]]
    policy.mod_policy = policy.mod_policy or "Admins"
    if "is" in wanted:
        policy.policy.CopyFrom(config_policy(wanted["is"]))
    else:
        policy.policy.type = wanted["type"]
        policy.policy.value = bytes.fromhex(wanted.get("bytes", ""))


def _remove(root: Group, _layout: Layout, wanted: Any) -> None:
    """`at` a group, one of `group`, `value` and `policy`: its name; or a list of such."""
    for each in wanted if isinstance(wanted, list) else [wanted]:
        group = group_at(root, each.get("at", ""))
        for kind in ("group", "value", "policy"):
            if kind in each:
                members: Any = getattr(group, {"policy": "policies"}.get(kind, f"{kind}s"))
                del members[each[kind]]


def _mod_policy(root: Group, _layout: Layout, wanted: Any) -> None:
    """`at` a group, of its `value` that name, or else of the group itself, `is`."""
    group = group_at(root, wanted["at"])
    element = group.values[wanted["value"]] if "value" in wanted else group
    element.mod_policy = wanted["is"]


def _bytes(root: Group, _layout: Layout, wanted: Any) -> None:
    """`at` a group, its `value`, `is` in hexadecimal digits."""
    group = group_at(root, wanted["at"])
    group.values[wanted["value"]].value = bytes.fromhex(wanted["is"])
    group.values[wanted["value"]].mod_policy = group.values[wanted["value"]].mod_policy or "Admins"


def _hashing(root: Group, _layout: Layout, wanted: Any) -> None:
    set_value(root, "HashingAlgorithm", configuration_pb2.HashingAlgorithm(name=wanted))


def _addresses(root: Group, _layout: Layout, wanted: Any) -> None:
    set_value(root, "OrdererAddresses", configuration_pb2.OrdererAddresses(addresses=wanted))


def _endpoints(root: Group, _layout: Layout, wanted: Any) -> None:
    """`of` an orderer organization, `are`."""
    group = root.groups["Orderer"].groups[wanted["of"]]
    set_value(group, "Endpoints", configuration_pb2.OrdererAddresses(addresses=wanted["are"]))


def _acl(root: Group, _layout: Layout, wanted: Any) -> None:
    """Resource -> policy; `fill`: that many more resources, for its size."""
    application = root.groups["Application"]
    acls = peer_pb2.ACLs()
    if "ACLs" in application.values:
        acls.ParseFromString(application.values["ACLs"].value)
    more = {f"filling/{place}": "Admins" for place in range(wanted.get("fill", 0))}
    for resource, policy in {**wanted, **more}.items():
        if resource == "fill":
            continue
        acls.acls[resource].policy_ref = policy
    set_value(application, "ACLs", acls)


def _anchors(root: Group, _layout: Layout, wanted: Any) -> None:
    """`of` an organization, `are`: [host, port]."""
    group = root.groups["Application"].groups[wanted["of"]]
    peers = [peer_pb2.AnchorPeer(host=host, port=port) for host, port in wanted["are"]]
    set_value(group, "AnchorPeers", peer_pb2.AnchorPeers(anchor_peers=peers))


# -- organizations


def _msp(root: Group, organization: str) -> msp_config_pb2.FabricMSPConfig:
    value = root.groups["Application"].groups[organization].values["MSP"].value
    return msp_config_pb2.FabricMSPConfig.FromString(msp_config_pb2.MSPConfig.FromString(value).config)


def _set_msp(root: Group, organization: str, fabric: msp_config_pb2.FabricMSPConfig) -> None:
    message = msp_config_pb2.MSPConfig(type=0, config=fabric.SerializeToString(deterministic=True))
    set_value(root.groups["Application"].groups[organization], "MSP", message)


def _msp_change(root: Group, _layout: Layout, wanted: Any) -> None:
    """`of` an organization: another `name`, `roots: garbage` or `none`, `twin`: what another one has."""
    fabric = _msp(root, wanted["of"])
    if "name" in wanted:
        fabric.name = wanted["name"]
    if "roots" in wanted:
        del fabric.root_certs[:]
        if wanted["roots"] == "garbage":
            fabric.root_certs.append(b"no certificate")
    _set_msp(root, wanted["of"], fabric)


def _revoke(root: Group, layout: Layout, wanted: Any) -> None:
    """`of` an organization, the certificate of its `user`."""
    folder = layout.paths.ca_certificate(wanted["of"]).parent
    issuer = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    pem = Wallet(layout.paths.wallet(wanted["of"])).get(wanted["user"]).certificate
    revoked = x509.load_pem_x509_certificate(pem)
    now = datetime.datetime.now(datetime.UTC)
    entry = x509.RevokedCertificateBuilder().serial_number(revoked.serial_number).revocation_date(now).build()
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now)
        .next_update(now + datetime.timedelta(days=30))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_revoked_certificate(entry)
        .sign(key, hashes.SHA256())
    )
    fabric = _msp(root, wanted["of"])
    fabric.revocation_list.append(crl.public_bytes(serialization.Encoding.PEM))
    _set_msp(root, wanted["of"], fabric)


def _organization(root: Group, layout: Layout, wanted: Any) -> None:
    """Add the organization `newcomer`; `like` another one's group instead of its own MSP."""
    application = root.groups["Application"]
    if "like" in wanted:
        application.groups["newcomer"].CopyFrom(application.groups[wanted["like"]])
        return
    authority = strangers.newcomer(Path(layout.paths.state) / "newcomer")
    spec = OrganizationSpec(
        msp_id="newcomer", root_certs=(authority.certificate,), tls_root_certs=(authority.certificate,)
    )
    group = application.groups["newcomer"]
    group.mod_policy = "Admins"
    set_value(group, "MSP", msp_config(spec))
    for name, source in application_org_policies("newcomer").items():
        group.policies[name].mod_policy = "Admins"
        group.policies[name].policy.CopyFrom(config_policy(source))
    if wanted.get("subgroup"):
        group.groups["more"].mod_policy = "Admins"


def _group(root: Group, _layout: Layout, wanted: Any) -> None:
    """An empty group `at` a path."""
    parent, _, name = str(wanted["at"]).rpartition("/")
    group_at(root, parent).groups[name].mod_policy = "Admins"


CHANGES: Mapping[str, Change] = {
    "acl": _acl,
    "addresses": _addresses,
    "anchors": _anchors,
    "batch": _batch,
    "bytes": _bytes,
    "capability": _capability,
    "consensus": _consensus,
    "consenters": _consenters,
    "endpoints": _endpoints,
    "group": _group,
    "hashing": _hashing,
    "mod-policy": _mod_policy,
    "msp": _msp_change,
    "organization": _organization,
    "policy": _policy,
    "migration": _migration,
    "raft": _raft,
    "remove": _remove,
    "revoke": _revoke,
    "timeout": _timeout,
}


def spoil_update(update: configtx_pb2.ConfigUpdate, spoil: Mapping[str, Any]) -> None:
    """Make an update wrong: `read` and `write` set versions of elements, `channel` another name.

    An element is named by its path, a value as `Orderer:BatchSize`.
    """
    if "channel" in spoil:
        update.channel_id = spoil["channel"]
    for side, sets in (("read", update.read_set), ("write", update.write_set)):
        for path, version in spoil.get(side, {}).items():
            where, _, value = path.partition(":")
            group = group_at(sets, where)
            (group.values[value] if value else group).version = version
    if "unnamed" in spoil:
        group_at(update.write_set, spoil["unnamed"]).values[""].mod_policy = "Admins"
    if spoil.get("nothing"):
        update.write_set.Clear()
        update.read_set.Clear()


def sequence_of(block: common_pb2.Block) -> int:
    """The configuration's sequence number in a configuration block."""
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    payload = common_pb2.Payload.FromString(envelope.payload)
    return int(configtx_pb2.ConfigEnvelope.FromString(payload.data).config.sequence)
