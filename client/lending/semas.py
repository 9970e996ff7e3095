"""The client of SEMAS (소상공인시장진흥공단): review, confirmation letter, evidence, referral."""

from __future__ import annotations

from datetime import date

from hlf.flows import Flow
from lending.institution import Committed, G, verb
from lending.reviews import SemasReviews
from lending_domain.letters import SignedLetter
from lending_domain.records_application import ApplicationForm, ReviewDecision
from lending_domain.records_documents import Consent, EvidenceBundle, SealedDocument, SealedLetter
from lending_domain.records_evaluation import Referral

_APPLICATION = ("applicants", "semas")


class SemasClient(SemasReviews[G]):
    """An officer of SEMAS, on `application` and `referral`."""

    @verb
    def read_application(self, application_id: str) -> Flow[ApplicationForm]:
        """The form as the applicant handed it in."""
        answer = yield from self.ask(
            "application", "loan-application", "form", application_id, peers_of=("semas",)
        )
        return ApplicationForm.model_validate(answer)

    @verb
    def read_consent(self, consent_id: str) -> Flow[Consent]:
        """The applicant's consent."""
        answer = yield from self.ask(
            "application", "document-exchange", "consent", consent_id, peers_of=("semas",)
        )
        return Consent.model_validate(answer)

    @verb
    def read_document(self, document_id: str, on: date) -> Flow[SealedDocument]:
        """A document sealed to SEMAS, while the consent is in force."""
        answer = yield from self.ask(
            "application", "document-exchange", "sealed_document", document_id, on, peers_of=("semas",)
        )
        return SealedDocument.model_validate(answer)

    @verb
    def review(
        self, application_id: str, on: date, form: ApplicationForm, decision: ReviewDecision
    ) -> Flow[Committed]:
        """Confirm or refuse an application; `form` is the one that was read."""
        return (
            yield from self.execute(
                "application",
                "loan-application",
                "review",
                application_id,
                on,
                private={"form": form, "decision": decision},
                endorsers=_APPLICATION,
            )
        )

    @verb
    def deliver_letter(
        self,
        application_id: str,
        on: date,
        letter: SignedLetter,
        form: ApplicationForm,
        decision: ReviewDecision,
    ) -> Flow[Committed]:
        """Give the applicant the confirmation letter (정책자금 확인서): what `form` and `decision` say."""
        return (
            yield from self.execute(
                "application",
                "loan-application",
                "deliver_letter",
                application_id,
                on,
                private={"letter": letter, "form": form, "decision": decision},
                endorsers=_APPLICATION,
            )
        )

    @verb
    def forward_evidence(
        self, bundle_id: str, foundation: str, on: date, bundle: EvidenceBundle
    ) -> Flow[Committed]:
        """Hand the documents, re-sealed, to the foundation."""
        return (
            yield from self.execute(
                "referral",
                "document-exchange",
                "forward_evidence",
                bundle_id,
                foundation,
                on,
                private={"bundle": bundle},
                endorsers=("semas", foundation),
            )
        )

    @verb
    def refer(self, referral_id: str, foundation: str, on: date, referral: Referral) -> Flow[Committed]:
        """Refer the applicant to the foundation with the confirmation letter; the record is then its own."""
        return (
            yield from self.execute(
                "referral",
                "credit-evaluation",
                "refer",
                referral_id,
                foundation,
                on,
                private={"referral": referral},
                endorsers=("semas", foundation),
            )
        )

    @verb
    def carry_revocation(
        self, consent_id: str, foundation: str, on: date, letter: SignedLetter
    ) -> Flow[Committed]:
        """Carry a consent's revocation to the foundation."""
        return (
            yield from self.execute(
                "referral",
                "document-exchange",
                "record_revocation",
                consent_id,
                foundation,
                on,
                private={"letter": letter},
                endorsers=("semas", foundation),
            )
        )

    @verb
    def relay(
        self, channel: str, relay_id: str, recipient: str, on: date, sealed: SealedLetter
    ) -> Flow[Committed]:
        """Pass a sealed letter on, which SEMAS cannot read, to a foundation or an applicant."""
        parties = _APPLICATION if channel == "application" else ("semas", recipient)
        return (
            yield from self.execute(
                channel,
                "document-exchange",
                "relay_letter",
                relay_id,
                recipient,
                on,
                private={"sealed": sealed},
                endorsers=parties,
            )
        )
