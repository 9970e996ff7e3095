import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2

from hlf.identity import Identity, SigningIdentity
from hlf.wire import channel_config, config_update
from hlf.wire.channel_config import Role, decode_config, satisfied_by
from hlf.wire.configtx import config_of
from hlf.wire.policy import config_policy

RECORDED = Path(__file__).parents[2] / "data" / "blocks"


def recorded(number: int) -> configtx_pb2.Config:
    return config_of(common_pb2.Block.FromString((RECORDED / f"referral-{number}.pb").read_bytes()))


def roles(msp_id: str, *names: str) -> set[Role]:
    return {Role(msp_id, name) for name in names}


def test_a_recorded_configuration_as_records() -> None:
    configuration = decode_config(recorded(0))
    assert configuration.sequence == 0
    assert configuration.capabilities == {
        "channel": ("V3_0",),
        "orderer": ("V2_0",),
        "application": ("V2_5",),
    }
    assert configuration.consensus == "BFT"
    assert [each.id for each in configuration.consenters] == [1, 2, 3, 4]
    assert configuration.applications["semas"].endpoints == ("127.0.0.1:27051",)
    assert configuration.orderers["mss"].endpoints == ("127.0.0.1:27130",)
    assert configuration.batch["timeout"] == "50ms"
    assert configuration.bft_options["request_batch_max_interval"] == "50ms"
    assert configuration.policies["/Channel/Application/semas/Endorsement"] == "OR('semas.peer')"
    assert configuration.acls["event/Block"] == "/Channel/Application/Insiders"
    # Not set by the channel, hence Fabric's default.
    assert configuration.acls["event/FilteredBlock"] == "/Channel/Application/Readers"
    document = json.loads(json.dumps(configuration.to_json()))
    assert document["orderers"]["mss"]["root_certs"][0].startswith("-----BEGIN CERTIFICATE-----")


def test_a_configuration_of_raft_as_records() -> None:
    block = common_pb2.Block.FromString((RECORDED / "raft-0.pb").read_bytes())
    configuration = decode_config(config_of(block))
    assert (configuration.consensus, configuration.bft_options) == ("etcdraft", {})
    assert [(each.id, each.endpoint) for each in configuration.consenters] == [
        (1, "orderer0.org-a:7050"),
        (2, "orderer1.org-a:7050"),
        (3, "orderer0.org-b:7050"),
    ]
    assert configuration.raft_options["tick_interval"] == "100ms"
    assert json.loads(json.dumps(configuration.to_json()))["raft_options"]["election_tick"] == 10


def test_recorded_updates() -> None:
    assert decode_config(recorded(8)).batch["timeout"] == "75ms"
    assert decode_config(recorded(8)).sequence == 1
    assert set(decode_config(recorded(9)).applications) == {"semas", "foundation-seoul", "mss", "bank-a"}


def test_who_reads_a_channel() -> None:
    config = recorded(0)
    members = {"semas", "foundation-seoul", "mss"}
    everyone = {role for each in members for role in roles(each, "admin", "client", "peer")}
    orderers = {role for each in (*members, "bank-a") for role in roles(each, "orderer")}
    # Of bank-a, which only orders, nobody but its orderer reads.
    assert satisfied_by(config, "/Channel/Readers") == everyone | orderers
    insiders = roles("semas", "admin", "client") | roles("foundation-seoul", "admin")
    assert satisfied_by(config, decode_config(config).acls["event/Block"]) == insiders


def test_what_takes_several_signatures_is_satisfied_by_nobody_alone() -> None:
    config = recorded(0)
    assert satisfied_by(config, "/Channel/Application/LifecycleEndorsement") == frozenset()
    assert satisfied_by(config, "/Channel/Application/Admins") == frozenset()
    assert satisfied_by(config, "/Channel/Orderer/BlockValidation") == frozenset()
    assert satisfied_by(config, "/Channel/Application/mss/Admins") == roles("mss", "admin")


@pytest.mark.parametrize(
    "path", ["/Channel/Nobody", "/Channel/Application/mois/Readers", "Readers", "/Other/Readers"]
)
def test_unknown_policies(path: str) -> None:
    config = recorded(0)
    before = config.SerializeToString(deterministic=True)
    with pytest.raises(KeyError):
        satisfied_by(config, path)
    assert config.SerializeToString(deterministic=True) == before


def test_acls_without_a_slash_are_under_application() -> None:
    assert channel_config.qualified("Writers") == "/Channel/Application/Writers"
    assert channel_config.qualified("/Channel/Admins") == "/Channel/Admins"


def copy_of(config: configtx_pb2.Config) -> configtx_pb2.ConfigGroup:
    group = configtx_pb2.ConfigGroup()
    group.CopyFrom(config.channel_group)
    return group


def test_an_update_is_what_fabric_accepted() -> None:
    wanted = copy_of(recorded(0))
    wanted.groups["Orderer"].values["BatchTimeout"].value = orderer_pb2.BatchTimeout(
        timeout="75ms"
    ).SerializeToString()
    update = config_update.compute_update("referral", recorded(0), wanted)
    changed = update.write_set.groups["Orderer"].values["BatchTimeout"]
    assert changed.version == 1
    assert list(update.write_set.groups["Orderer"].values) == ["BatchTimeout"]
    assert update.write_set.groups["Orderer"].version == 0
    assert not update.read_set.groups["Orderer"].values
    accepted = recorded(8).channel_group.groups["Orderer"].values["BatchTimeout"]
    assert (accepted.version, accepted.value) == (changed.version, changed.value)


def test_a_new_member_raises_the_groups_version_and_rests_on_the_others() -> None:
    update = config_update.compute_update("referral", recorded(8), recorded(9).channel_group)
    application = update.write_set.groups["Application"]
    assert application.version == recorded(9).channel_group.groups["Application"].version == 1
    assert application.groups["bank-a"].version == 0
    assert application.groups["bank-a"].policies["Readers"].HasField("policy")
    others = {"semas", "foundation-seoul", "mss"}
    assert set(update.read_set.groups["Application"].groups) == others
    assert not application.groups["semas"].policies
    assert set(update.read_set.groups["Application"].values) == {"ACLs", "Capabilities"}


def test_removed_and_changed_elements() -> None:
    wanted = copy_of(recorded(0))
    application = wanted.groups["Application"]
    del application.policies["Insiders"]
    application.policies["Readers"].policy.CopyFrom(config_policy("ALL Readers"))
    update = config_update.compute_update("referral", recorded(0), wanted)
    written = update.write_set.groups["Application"]
    assert written.version == 1
    assert "Insiders" not in written.policies
    assert written.policies["Readers"].version == 1
    assert "Readers" not in update.read_set.groups["Application"].policies
    assert written.policies["Writers"] == configtx_pb2.ConfigPolicy(version=0)


def test_no_difference_is_an_error() -> None:
    with pytest.raises(ValueError, match="already as wanted"):
        config_update.compute_update("referral", recorded(0), recorded(0).channel_group)


def test_signatures_cover_the_bytes_that_are_sent() -> None:
    update = config_update.compute_update("referral", recorded(8), recorded(9).channel_group)
    key = ec.generate_private_key(ec.SECP256R1())
    signer = SigningIdentity(Identity("semas", b"certificate"), key)
    signature = config_update.sign_update(update, signer, nonce=b"n" * 24)
    envelope = config_update.update_envelope(
        update, [signature], signer, timestamp_ns=1_000_000_000, nonce=b"m" * 24
    )
    payload = common_pb2.Payload.FromString(envelope.payload)
    channel = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    assert (channel.type, channel.channel_id) == (common_pb2.CONFIG_UPDATE, "referral")
    sent = configtx_pb2.ConfigUpdateEnvelope.FromString(payload.data)
    assert configtx_pb2.ConfigUpdate.FromString(sent.config_update) == update
    digest_input = sent.signatures[0].signature_header + sent.config_update
    key.public_key().verify(sent.signatures[0].signature, digest_input, ec.ECDSA(hashes.SHA256()))
