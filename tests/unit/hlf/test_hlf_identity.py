"""Identities, wallets and signatures."""

import base64
import hashlib
import json
import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from hlf import Identity, IdentityError, MemoryWallet, SigningIdentity, Wallet
from hlf.identity import _ORDERS, digest, load_certificate, low_s, verify
from tests.unit.hlf.fake_gateway import make_identity

P256 = _ORDERS["secp256r1"]


def pem(key, password=None):
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())]
)
@pytest.mark.feature("A3", "sync", "async")
def test_ecdsa_signatures_have_low_s(key):
    identity = make_identity(key=key)
    for number in range(20):
        message = str(number).encode()
        signature = identity.sign(message)
        assert decode_dss_signature(signature)[1] <= _ORDERS[key.curve.name] // 2
        assert verify(identity.certificate, message, signature)
        assert not verify(identity.certificate, message + b"x", signature)
        assert verify(identity.certificate, message, identity.sign_digest(digest(message)))


def test_high_s_is_refused_as_peers_do(identity):
    r, s = decode_dss_signature(identity.sign(b"m"))
    high = encode_dss_signature(r, P256 - s)
    assert not verify(identity.certificate, b"m", high)
    assert verify(identity.certificate, b"m", low_s(high, "secp256r1"))


@pytest.mark.feature("A3", "sync", "async")
def test_ed25519_signs_the_message_itself():
    identity = make_identity(key=ed25519.Ed25519PrivateKey.generate())
    assert identity.hash == "none"
    assert verify(identity.certificate, b"m", identity.sign(b"m"))


@pytest.mark.feature("A4", "sync", "async")
@pytest.mark.parametrize("name", ["sha256", "sha384", "sha3-256", "sha3-384"])
def test_hashes(name):
    key = ec.generate_private_key(ec.SECP256R1())
    plain = make_identity(key=key)
    identity = SigningIdentity(plain.identity, key, hash=name)
    assert verify(identity.certificate, b"m", identity.sign(b"m"), hash=name)
    assert digest(b"m", name) == hashlib.new(name.replace("sha3-", "sha3_"), b"m").digest()


def test_a_certificate_of_no_known_version_cannot_be_read(identity):
    # The version is the one INTEGER in a [0] at the start of every v3 certificate.
    der = load_certificate(identity.certificate).public_bytes(serialization.Encoding.DER)
    spoilt = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1)
    armoured = b"-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % base64.b64encode(spoilt)
    with pytest.raises(IdentityError, match="cannot be read"):
        load_certificate(armoured)


def test_from_pem_checks_that_key_and_certificate_match(identity):
    with pytest.raises(IdentityError, match="belong together"):
        SigningIdentity.from_pem(
            "Org1MSP", identity.certificate, pem(ec.generate_private_key(ec.SECP256R1()))
        )
    with pytest.raises(IdentityError, match="cannot be read"):
        SigningIdentity.from_pem("Org1MSP", identity.certificate, b"nonsense")


def test_a_folder_of_cryptogen_s(tmp_path, identity):
    for folder, name, content in (
        ("signcerts", "User1@org1.example.com-cert.pem", identity.certificate),
        ("keystore", "priv_sk", pem(identity.private_key)),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(content)
    loaded = SigningIdentity.from_msp_folder("Org1MSP", tmp_path)
    assert loaded.serialized() == identity.serialized()
    assert verify(identity.certificate, b"m", loaded.sign(b"m"))
    (tmp_path / "keystore" / "another_sk").write_bytes(b"x")
    with pytest.raises(IdentityError, match="holds 2 files where one is expected"):
        SigningIdentity.from_msp_folder("Org1MSP", tmp_path)
    with pytest.raises(IdentityError, match="No such file"):
        SigningIdentity.from_msp_folder("Org1MSP", tmp_path / "nowhere")


@given(st.text(min_size=1), st.binary())
def test_serialized_identity_round_trip(msp_id, certificate):
    identity = Identity(msp_id, certificate)
    assert Identity.from_serialized(identity.serialized()) == identity


def test_creator_that_is_none():
    with pytest.raises(IdentityError):
        Identity.from_serialized(b"\xff\xff\xff")


def test_no_key_in_repr(identity):
    assert repr(identity) == "SigningIdentity(msp_id='Org1MSP')"


@pytest.mark.feature("D3")
@pytest.mark.parametrize("password", [None, "비밀", b"bytes"])
def test_wallet_round_trip(tmp_path, identity, password):
    wallet = Wallet(tmp_path / "w")
    wallet.put("alice", identity, password)
    loaded = wallet.get("alice", password)
    assert loaded.serialized() == identity.serialized()
    assert verify(identity.certificate, b"m", loaded.sign(b"m"))
    file = tmp_path / "w" / "alice.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert wallet.names() == ("alice",)
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["alice.json"]
    if password:
        assert "ENCRYPTED" in json.loads(file.read_text())["key"]
        for wrong in (None, "wrong"):
            with pytest.raises(IdentityError):
                wallet.get("alice", wrong)
    wallet.remove("alice")
    with pytest.raises(IdentityError, match="known: none"):
        wallet.get("alice")


@pytest.mark.feature("D5")
def test_wallet_reads_the_node_sdk_format(tmp_path, identity):
    entry = {
        "credentials": {
            "certificate": identity.certificate.decode(),
            "privateKey": pem(identity.private_key).decode(),
        },
        "mspId": "Org1MSP",
        "type": "X.509",
        "version": 1,
    }
    (tmp_path / "bob.id").write_text(json.dumps(entry))
    (tmp_path / "kim.json").write_text(json.dumps(entry))
    (tmp_path / "hsm.id").write_text(json.dumps({**entry, "type": "HSM-X.509"}))
    wallet = Wallet(tmp_path)
    assert wallet.names() == ("bob", "hsm", "kim")
    for name in ("bob", "kim"):
        assert wallet.get(name).msp_id == "Org1MSP"
        assert verify(identity.certificate, b"m", wallet.get(name).sign(b"m"))
    with pytest.raises(IdentityError, match=r"type 'HSM-X\.509', whose key lies elsewhere"):
        wallet.get("hsm")
    wallet.remove("bob")
    assert wallet.names() == ("hsm", "kim")


@pytest.mark.feature("D4")
def test_a_wallet_in_memory_holds_signers_of_any_kind(identity):
    wallet = MemoryWallet()
    elsewhere = SigningIdentity(identity.identity, lambda message: b"signed by a KMS")
    wallet.put("alice", identity)
    wallet.put("kms", elsewhere)
    assert wallet.names() == ("alice", "kms")
    assert wallet.get("alice") is identity
    assert wallet.get("kms").sign(b"m") == b"signed by a KMS"
    wallet.remove("alice")
    wallet.remove("alice")
    with pytest.raises(IdentityError, match=r"no identity 'alice' in this wallet \(known: kms\)"):
        wallet.get("alice")


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"mspId": "A", "certificate": "x", "key": "y"}'])
def test_wallet_entry_that_is_none(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(IdentityError):
        Wallet(tmp_path).get("x")


@settings(max_examples=50)
@given(st.text())
def test_wallet_names_stay_in_the_folder(name):
    try:
        path = Wallet("folder")._path(name)
    except IdentityError:
        return
    assert path.parent.name == "folder"
    assert path.name == f"{name}.json"
