"""A document issuer's client (mois, nts, moel): deposits sealed documents through SEMAS's gateway."""

from __future__ import annotations

from datetime import date

from hlf.flows import Flow
from lending.institution import Committed, G, Institution, verb
from lending_domain.records_documents import Consent, SealedDocument

_BOTH = ("applicants", "semas")


class IssuerClient(Institution[G]):
    """An issuer's officer. The issuer has no peer: it names the endorsing organizations."""

    @verb
    def deposit_document(
        self, document_id: str, consent_id: str, on: date, document: SealedDocument, consent: Consent
    ) -> Flow[Committed]:
        """Deposit one document, sealed to SEMAS and the applicant, with the signed receipt in it."""
        return (
            yield from self.execute(
                "application",
                "document-exchange",
                "deposit_document",
                document_id,
                consent_id,
                on,
                private={"document": document, "consent": consent},
                endorsers=_BOTH,
            )
        )
