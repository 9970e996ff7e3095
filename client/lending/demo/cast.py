"""Who takes part in the demonstration: gateways, clients and sealing keys of every institution."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.x509 import load_pem_x509_certificate

from hlf import Gateway
from hlf.identity import SigningIdentity
from hlf.profile import Profile, load_profile
from hlf_network import Consortium
from lending.applicant import ApplicantClient
from lending.bank import BankClient
from lending.correspondence import write_letter
from lending.documents import public_key_text
from lending.foundation import FoundationClient
from lending.governance import GovernanceClient
from lending.institution import Committed
from lending.issuer import IssuerClient
from lending.semas import SemasClient
from lending_domain.certificates import certificate_attributes
from lending_domain.letters import ANYONE, LetterKind, SignedLetter


class Cast:
    """Opens what it is asked for once, and closes all of it."""

    def __init__(self, network: Consortium) -> None:
        self.network = network
        self._gateways: dict[tuple[str, str, str | None], Gateway] = {}
        self._sealing: dict[str, X25519PrivateKey] = {}

    def identity(self, organization: str, user: str) -> SigningIdentity:
        """A signing identity of an organization's wallet."""
        return self.network.wallet(organization).get(user)

    def profile(self, organization: str) -> Profile:
        """An organization's connection profile."""
        return load_profile(self.network.profile_path(organization))

    def gateway(self, organization: str, user: str, *, through: str | None = None) -> Gateway:
        """A gateway for a user, at its own organization's peer or at that of another one."""
        key = (organization, user, through)
        if key not in self._gateways:
            profile = self.profile(through or organization)
            self._gateways[key] = Gateway.from_profile(profile, self.identity(organization, user))
        return self._gateways[key]

    def holder(self, user: str) -> str:
        """The holder in an applicant's certificate."""
        pem = self.identity("applicants", user).certificate
        return certificate_attributes(load_pem_x509_certificate(pem))["holder"]

    def applicant(self, user: str) -> ApplicantClient[Gateway]:
        """An applicant's client."""
        return ApplicantClient(self.gateway("applicants", user))

    def issuer(self, organization: str) -> IssuerClient[Gateway]:
        """A document issuer's client."""
        return IssuerClient(self.gateway(organization, "officer"))

    @cached_property
    def semas(self) -> SemasClient[Gateway]:
        """SEMAS's client."""
        return SemasClient(self.gateway("semas", "officer"))

    def foundation(self, organization: str, user: str = "evaluator") -> FoundationClient[Gateway]:
        """The client of one of a foundation's officers."""
        return FoundationClient(self.gateway(organization, user))

    def bank(self, organization: str) -> BankClient[Gateway]:
        """A bank's client."""
        return BankClient(self.gateway(organization, "officer"))

    def administrator(self, organization: str) -> GovernanceClient[Gateway]:
        """An administrator's client."""
        return GovernanceClient(self.gateway(organization, "admin"))

    def spread(self, done: Committed) -> None:
        """Return when the peer of every member of the channel has committed a transaction."""
        for member in self.network.layout.channels[done.channel].peer_organizations:
            client = self.administrator(member)
            client.gateway.run(client.wait_for(done.channel, done.transaction_id))

    @cached_property
    def anchors(self) -> Mapping[str, tuple[str, ...]]:
        """The CA certificate of every organization, PEM: the trust anchors that charters record."""
        paths = self.network.layout.paths
        return {
            name: (paths.ca_certificate(name).read_text(),)
            for name in self.network.layout.topology.organizations
        }

    def sealing_key(self, owner: str) -> X25519PrivateKey:
        """The private sealing key of an organization or holder; made in memory for this run."""
        return self._sealing.setdefault(owner, X25519PrivateKey.generate())

    def public_key(self, owner: str) -> X25519PublicKey:
        """The public half."""
        return self.sealing_key(owner).public_key()

    def key_letter(self, signer: SigningIdentity, owner: str) -> SignedLetter:
        """The public sealing key, signed by its owner, for a channel's directory."""
        body = {"public_key": public_key_text(self.public_key(owner))}
        return write_letter(signer, LetterKind.KEY, ANYONE, owner, body)

    def close(self) -> None:
        """Close every gateway."""
        for gateway in self._gateways.values():
            gateway.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
