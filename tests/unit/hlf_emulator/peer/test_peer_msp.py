"""Memberships and policies: chains, node OUs, revocation, signatures, principals."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID
from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_config_pb2, msp_principal_pb2

from hlf.identity import PrivateKey, SigningIdentity
from hlf.wire.policy import parse_policy
from hlf_emulator.membership.bundle import Bundle, ConfigError, duration
from hlf_emulator.membership.msp import Msp, MspError, MspIdentity, MspManager, Verifier
from hlf_emulator.membership.msp_folder import load_msp
from hlf_emulator.membership.pem import first_block
from hlf_emulator.membership.policies import PolicyError, SignaturePolicy, SignedData
from tests.unit.hlf_emulator.peer.peer_world import Keys

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


class Authority:
    """A CA that issues whatever a test needs."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        years = datetime.timedelta(days=10_000)
        self.certificate = self._sign(
            x509.CertificateBuilder()
            .subject_name(self.name)
            .public_key(self.key.public_key())
            .not_valid_before(PAST - datetime.timedelta(days=1))
            .not_valid_after(PAST + years)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        )

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        serial = x509.random_serial_number()
        return builder.issuer_name(self.name).serial_number(serial).sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, *units: str, days: int = 9_000, key: PrivateKey | None = None
    ) -> tuple[SigningIdentity, x509.Certificate]:
        key = key or ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units]
        names.append(x509.NameAttribute(NameOID.COMMON_NAME, "somebody"))
        certificate = self._sign(
            x509.CertificateBuilder()
            .subject_name(x509.Name(names))
            .public_key(key.public_key())
            .not_valid_before(PAST)
            .not_valid_after(PAST + datetime.timedelta(days=days))
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        encoded = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return SigningIdentity.from_pem("org", pem, encoded), certificate

    def revoke(
        self, certificate: x509.Certificate, *, key: ec.EllipticCurvePrivateKey | None = None
    ) -> bytes:
        """A revocation list, signed with `key` in place of the authority's own if given."""
        entry = x509.RevokedCertificateBuilder(certificate.serial_number, PAST).build()
        revocations = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(PAST)
            .next_update(PAST + datetime.timedelta(days=1))
            .add_revoked_certificate(entry)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .sign(key or self.key, hashes.SHA256())
        )
        return revocations.public_bytes(serialization.Encoding.PEM)


def msp(
    authority: Authority, *, revoked: bytes = b"", admins: tuple[bytes, ...] = (), ed25519_keys: bool = False
) -> Msp:
    config = msp_config_pb2.FabricMSPConfig(name="org", root_certs=[authority.pem], admins=admins)
    if revoked:
        config.revocation_list.append(revoked)
    config.fabric_node_ous.enable = True
    for role in ("client", "peer", "admin", "orderer"):
        getattr(config.fabric_node_ous, f"{role}_ou_identifier").organizational_unit_identifier = role
    return Msp(config, Verifier(), ed25519_keys=ed25519_keys)


def principal(role: str, msp_id: str = "org") -> msp_principal_pb2.MSPPrincipal:
    value = msp_principal_pb2.MSPRole(
        msp_identifier=msp_id, role=msp_principal_pb2.MSPRole.MSPRoleType.Value(role)
    )
    return msp_principal_pb2.MSPPrincipal(
        principal_classification=msp_principal_pb2.MSPPrincipal.ROLE, principal=value.SerializeToString()
    )


def problem(identity: MspIdentity) -> str:
    with pytest.raises(MspError) as caught:
        identity.validate()
    return str(caught.value)


def test_an_expired_certificate_is_a_member_still() -> None:
    authority = Authority("ca")
    rules = msp(authority)
    signer, _ = authority.issue("client", days=30)
    identity = rules.deserialize(signer.serialized())
    identity.validate()
    assert identity.expired(PAST + datetime.timedelta(days=31))
    assert not identity.expired(PAST + datetime.timedelta(days=29))
    assert identity.satisfies(principal("MEMBER"))
    assert identity.satisfies(principal("CLIENT"))
    assert not identity.satisfies(principal("ADMIN"))
    assert not identity.satisfies(principal("MEMBER", "other"))


def test_chains_units_and_revocation() -> None:
    authority, other = Authority("ca"), Authority("ca")
    rules = msp(authority)
    stranger, _ = other.issue("client")
    with pytest.raises(MspError, match="the supplied identity is not valid"):
        rules.deserialize(stranger.serialized())
    nobody, _ = authority.issue("accounts")
    assert "does not have an OU that resolves to client, peer, orderer, or admin role" in problem(
        rules.deserialize(nobody.serialized())
    )
    both, _ = authority.issue("client", "peer")
    assert "not a combination of them" in problem(rules.deserialize(both.serialized()))
    assert "Certificate Authority equals true" in problem(rules.identity(authority.pem))
    lost, certificate = authority.issue("client")
    strict = msp(authority, revoked=authority.revoke(certificate))
    assert problem(strict.deserialize(lost.serialized())).endswith("The certificate has been revoked")
    forged = authority.revoke(certificate, key=ec.generate_private_key(ec.SECP256R1()))
    msp(authority, revoked=forged).deserialize(lost.serialized()).validate()


def test_ed25519_counts_where_the_channel_says_so() -> None:
    authority = Authority("ca")
    signer, _ = authority.issue("client", key=ed25519.Ed25519PrivateKey.generate())
    identity = msp(authority, ed25519_keys=True).deserialize(signer.serialized())
    identity.validate()
    identity.verify(b"message", signer.sign(b"message"))
    with pytest.raises(MspError, match="The signature is invalid"):
        identity.verify(b"message", signer.sign(b"other"))
    older = msp(authority).deserialize(signer.serialized())
    assert problem(older) == ("could not validate identity's public key algorithm: Ed25519 is not supported")


@pytest.mark.parametrize(
    ("before", "between", "after"),
    [
        (b"", b"", b""),
        (b"said beforehand\n", b"", b"and afterwards"),
        (b"", b"Proc-Type: 4\nDEK-Info: none\n\n", b""),
        (b"-----BEGIN X-----\n!!\n-----END X-----\n", b"", b"-----BEGIN Y-----\nAAAA\n-----END Y-----\n"),
    ],
)
def test_the_first_whole_block_of_a_pem_counts(before: bytes, between: bytes, after: bytes) -> None:
    pem = Authority("ca").pem
    head, _, rest = pem.partition(b"\n")
    assert first_block(before + head + b"\n" + between + rest + after) == first_block(pem)
    assert first_block(pem.replace(b"CERTIFICATE", b"PUBLIC KEY")) == first_block(pem)
    assert first_block(pem.replace(b"-----END", b"----END")) is None


def test_a_listed_administrator_needs_no_unit() -> None:
    authority = Authority("ca")
    signer, _ = authority.issue("client")
    rules = msp(authority, admins=(signer.certificate,))
    assert rules.deserialize(signer.serialized()).satisfies(principal("ADMIN"))


def test_signatures_need_a_low_s() -> None:
    authority = Authority("ca")
    signer, _ = authority.issue("client")
    identity = msp(authority).deserialize(signer.serialized())
    signature = signer.sign(b"message")
    identity.verify(b"message", signature)
    identity.verify(b"message", signature)
    r, s = decode_dss_signature(signature)
    with pytest.raises(MspError, match=r"Invalid S\. Must be smaller than half the order"):
        identity.verify(b"message", encode_dss_signature(r, ORDER - s))
    with pytest.raises(MspError, match="The signature is invalid"):
        identity.verify(b"other", signature)
    with pytest.raises(MspError, match="could not determine the validity"):
        identity.verify(b"message", b"no signature")


def test_an_unknown_organization() -> None:
    authority = Authority("ca")
    signer, _ = authority.issue("client")
    with pytest.raises(MspError, match="MSP org is not defined on channel"):
        MspManager([]).deserialize(signer.serialized())
    with pytest.raises(MspError, match="could not deserialize a SerializedIdentity"):
        MspManager([]).deserialize(b"\xff\xff")


def test_one_signature_counts_once() -> None:
    authority = Authority("ca")
    rules = msp(authority)
    one, two = authority.issue("peer")[0], authority.issue("peer")[0]
    policy = SignaturePolicy(parse_policy("OutOf(2,'org.peer','org.peer')"))
    found = [rules.deserialize(one.serialized()), rules.deserialize(two.serialized())]
    policy.evaluate(found)
    with pytest.raises(PolicyError, match="signature set did not satisfy policy"):
        policy.evaluate(found[:1])
    assert policy.organizations() == ["org"]
    empty = SignaturePolicy(policies_pb2.SignaturePolicyEnvelope())
    with pytest.raises(PolicyError):
        empty.evaluate(found)


def test_the_policy_tree_of_a_channel(keys: Keys) -> None:
    bundle = Bundle.from_config_block(keys.genesis)

    def signed(*names: str, data: bytes = b"data") -> list[SignedData]:
        return [
            SignedData(data, keys.identities[name].serialized(), keys.identities[name].sign(data))
            for name in names
        ]

    bundle.policies.evaluate("/Channel/Application/Writers", signed("alpha/client"))
    admins = "/Channel/Application/Admins"
    bundle.policies.evaluate(admins, signed("alpha/admin", "beta/admin"))
    with pytest.raises(PolicyError) as caught:
        bundle.policies.evaluate(admins, signed("alpha/admin", "alpha/admin", "beta/client"))
    assert str(caught.value) == (
        "implicit policy evaluation failed - 1 sub-policies were satisfied, but this policy requires 2 of "
        "the 'Admins' sub-policies to be satisfied"
    )
    with pytest.raises(PolicyError, match="no such policy: 'Application/Nobody'"):
        bundle.policies.evaluate("/Channel/Application/Nobody", signed("alpha/admin"))
    forged = [SignedData(b"other", item.identity, item.signature) for item in signed("alpha/client")]
    with pytest.raises(PolicyError):
        bundle.policies.evaluate("/Channel/Application/Writers", forged)
    bundle.check_acl("event/Block", signed("gamma/client"))
    with pytest.raises(PolicyError, match="Unmapped policy for event/Nothing"):
        bundle.check_acl("event/Nothing", signed("gamma/client"))
    bundle.check_lifecycle_endorsement(signed("alpha/peer", "beta/peer"))


def test_what_a_bundle_knows(keys: Keys) -> None:
    bundle = Bundle.from_config_block(keys.genesis)
    assert bundle.application_msp_ids == ["alpha", "beta", "gamma"]
    assert bundle.consensus_type == "BFT"
    assert [consenter.msp_id for consenter in bundle.consenters] == ["alpha", "beta", "gamma", "delta"]
    assert bundle.orderer_addresses[0] == "localhost:7001"
    assert duration("1m30s") == 90
    with pytest.raises(ConfigError, match="invalid duration"):
        duration("soon")


def test_a_local_msp_folder(tmp_path: Path) -> None:
    authority = Authority("ca")
    folder = tmp_path / "msp"
    (folder / "cacerts").mkdir(parents=True)
    (folder / "cacerts" / "ca.pem").write_bytes(authority.pem)
    units = "".join(
        f"  {role.capitalize()}OUIdentifier:\n"
        f"    Certificate: cacerts/ca.pem\n    OrganizationalUnitIdentifier: {role}\n"
        for role in ("client", "peer", "admin", "orderer")
    )
    (folder / "config.yaml").write_text(f"NodeOUs:\n  Enable: true\n{units}")
    rules = load_msp(folder, "org", Verifier())
    signer, _ = authority.issue("admin")
    assert rules.deserialize(signer.serialized()).satisfies(principal("ADMIN"))
    with pytest.raises(ValueError, match="cacerts holds no certificate"):
        load_msp(tmp_path, "org", Verifier())
