"""Who may sign the blocks of a Raft channel: an orderer whom its organization's Writers policy admits.

Source: Fabric's common/policies (implicitmeta.go, cauthdsl) and msp; configuration of the channel only, no
clock: like Fabric, which judges a block by its signer's chain and role, not by the day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from fabric_protos.common import common_pb2, configtx_pb2, policies_pb2
from fabric_protos.msp import msp_config_pb2, msp_principal_pb2

from hlf.errors import IdentityError
from hlf.identity import Identity, load_certificate, verify
from hlf.wire.blocks import signatures_metadata, signed_bytes

_SIGNATURE, _IMPLICIT_META = policies_pb2.Policy.SIGNATURE, policies_pb2.Policy.IMPLICIT_META
_LONGEST_CHAIN = 8
_Role = msp_principal_pb2.MSPRole


@dataclass(frozen=True)
class _Organization:
    """An organization under /Channel/Orderer: its authorities, how its roles are told, who may write."""

    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...]
    revoked: frozenset[int]
    units: Mapping[int, str]
    writers: policies_pb2.SignaturePolicyEnvelope

    @classmethod
    def of(cls, msp: msp_config_pb2.FabricMSPConfig, writers: policies_pb2.Policy) -> _Organization:
        if writers.type != _SIGNATURE:
            raise ValueError(f"{msp.name}: its Writers policy is no signature policy")
        nodes = msp.fabric_node_ous
        units: dict[int, str] = {
            _Role.CLIENT: nodes.client_ou_identifier.organizational_unit_identifier,
            _Role.PEER: nodes.peer_ou_identifier.organizational_unit_identifier,
            _Role.ADMIN: nodes.admin_ou_identifier.organizational_unit_identifier,
            _Role.ORDERER: nodes.orderer_ou_identifier.organizational_unit_identifier,
        }
        lists = [x509.load_pem_x509_crl(pem) for pem in msp.revocation_list]
        return cls(
            roots=tuple(load_certificate(pem) for pem in msp.root_certs),
            intermediates=tuple(load_certificate(pem) for pem in msp.intermediate_certs),
            revoked=frozenset(entry.serial_number for each in lists for entry in each),
            units=units if nodes.enable else {},
            writers=policies_pb2.SignaturePolicyEnvelope.FromString(writers.value),
        )

    def issued(self, certificate: x509.Certificate, depth: int = 0) -> bool:
        """Whether a root of the organization stands at the end of the certificate's chain."""
        if certificate.serial_number in self.revoked or depth > _LONGEST_CHAIN:
            return False
        if any(_issued_by(certificate, root) for root in self.roots):
            return True
        return any(
            _issued_by(certificate, each) and self.issued(each, depth + 1) for each in self.intermediates
        )

    def has_role(self, certificate: x509.Certificate, role: int) -> bool:
        """Whether a member's certificate says that it has the role."""
        if role == _Role.MEMBER:
            return True
        unit = self.units.get(role)
        named = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        return bool(unit) and unit in {attribute.value for attribute in named}


@dataclass(frozen=True)
class Writers:
    """The orderers of a Raft channel, by the MSP ids of their organizations."""

    organizations: Mapping[str, _Organization]

    @classmethod
    def of(cls, config: configtx_pb2.Config) -> Writers:
        """Read them from a channel's configuration; ValueError where BlockValidation is not ANY Writers."""
        orderer = config.channel_group.groups["Orderer"]
        policy = orderer.policies["BlockValidation"].policy
        meta = policies_pb2.ImplicitMetaPolicy.FromString(policy.value)
        if policy.type != _IMPLICIT_META or meta.rule != policies_pb2.ImplicitMetaPolicy.ANY:
            raise ValueError("the channel's BlockValidation policy is not that of any organization")
        organizations = {}
        for group in orderer.groups.values():
            value = msp_config_pb2.MSPConfig.FromString(group.values["MSP"].value)
            msp = msp_config_pb2.FabricMSPConfig.FromString(value.config)
            organizations[msp.name] = _Organization.of(msp, group.policies[meta.sub_policy].policy)
        return cls(organizations)

    def problem(self, block: common_pb2.Block) -> str:
        """Why none of the block's signatures will do; empty when they do."""
        metadata = signatures_metadata(block)
        signers: dict[bytes, tuple[str, x509.Certificate]] = {}
        for signature in metadata.signatures:
            creator = common_pb2.SignatureHeader.FromString(signature.signature_header).creator
            try:
                identity = Identity.from_serialized(creator)
                certificate = load_certificate(identity.certificate)
            except IdentityError:
                # Fabric skips what it cannot read; another signature may do.
                continue
            organization = self.organizations.get(identity.msp_id)
            if organization is None or not organization.issued(certificate):
                continue
            signed = signed_bytes(metadata, signature, block.header)
            if verify(identity.certificate, signed, signature.signature):
                signers[creator] = (identity.msp_id, certificate)
        if any(self._admitted(each.writers, list(signers.values())) for each in self.organizations.values()):
            return ""
        return f"{len(signers)} valid signatures, and none of an orderer whom its organization lets write"

    def _admitted(
        self, policy: policies_pb2.SignaturePolicyEnvelope, signers: Sequence[tuple[str, x509.Certificate]]
    ) -> bool:
        return self._used(policy.rule, policy.identities, signers, frozenset()) is not None

    def _used(
        self,
        rule: policies_pb2.SignaturePolicy,
        principals: Sequence[msp_principal_pb2.MSPPrincipal],
        signers: Sequence[tuple[str, x509.Certificate]],
        used: frozenset[int],
    ) -> frozenset[int] | None:
        """Which signers a satisfied rule has used up, each counting once; None when it is not satisfied."""
        if rule.WhichOneof("Type") == "signed_by":
            for place, signer in enumerate(signers):
                if place not in used and self._is(signer, principals[rule.signed_by]):
                    return used | {place}
            return None
        satisfied = 0
        for each in rule.n_out_of.rules:
            following = self._used(each, principals, signers, used)
            if following is not None:
                satisfied, used = satisfied + 1, following
        return used if satisfied >= rule.n_out_of.n else None

    def _is(self, signer: tuple[str, x509.Certificate], principal: msp_principal_pb2.MSPPrincipal) -> bool:
        msp_id, certificate = signer
        if principal.principal_classification != msp_principal_pb2.MSPPrincipal.ROLE:
            return False
        role = msp_principal_pb2.MSPRole.FromString(principal.principal)
        return role.msp_identifier == msp_id and self.organizations[msp_id].has_role(certificate, role.role)


def _issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
