"""Key-level endorsement policies."""

from __future__ import annotations

from collections.abc import Sequence

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2

VALIDATION_PARAMETER = "VALIDATION_PARAMETER"

_ROLES = {
    "member": msp_principal_pb2.MSPRole.MEMBER,
    "admin": msp_principal_pb2.MSPRole.ADMIN,
    "client": msp_principal_pb2.MSPRole.CLIENT,
    "peer": msp_principal_pb2.MSPRole.PEER,
    "orderer": msp_principal_pb2.MSPRole.ORDERER,
}


def key_policy(organizations: Sequence[str], role: str = "peer") -> bytes:
    """A common.SignaturePolicyEnvelope that asks for one signature of each organization.

    Members are sorted by MSP id, as Fabric's own builder does, so every endorser writes the same bytes.
    """
    if isinstance(organizations, str) or not organizations:
        raise ValueError("a key policy names at least one organization, in a sequence")
    if role not in _ROLES:
        raise ValueError(f"unknown role {role!r}; known: {', '.join(_ROLES)}")
    members = sorted(set(organizations))
    identities = [
        msp_principal_pb2.MSPPrincipal(
            principal_classification=msp_principal_pb2.MSPPrincipal.ROLE,
            principal=msp_principal_pb2.MSPRole(msp_identifier=member, role=_ROLES[role]).SerializeToString(
                deterministic=True
            ),
        )
        for member in members
    ]
    rules = [policies_pb2.SignaturePolicy(signed_by=index) for index in range(len(members))]
    envelope = policies_pb2.SignaturePolicyEnvelope(
        version=0,
        rule=policies_pb2.SignaturePolicy(
            n_out_of=policies_pb2.SignaturePolicy.NOutOf(n=len(members), rules=rules)
        ),
        identities=identities,
    )
    return envelope.SerializeToString(deterministic=True)


def key_policy_organizations(policy: bytes) -> tuple[str, ...]:
    """The MSP ids that a key policy names, sorted."""
    envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy)
    names = [
        msp_principal_pb2.MSPRole.FromString(identity.principal).msp_identifier
        for identity in envelope.identities
        if identity.principal_classification == msp_principal_pb2.MSPPrincipal.ROLE
    ]
    return tuple(sorted(names))
