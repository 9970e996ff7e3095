"""The applicant's client: guidance, consent, documents confirmed, the application, one's own records."""

from __future__ import annotations

from datetime import date
from typing import Any

from hlf.flows import Flow
from lending.institution import Committed, G, verb
from lending.reviews import ApplicantReviews
from lending_domain.funds import FirmProfile, FundAnswer
from lending_domain.letters import SignedLetter
from lending_domain.records_application import ApplicationForm
from lending_domain.records_documents import Consent, SealedDocument, SealedLetter

BOTH = ("applicants", "semas")


class ApplicantClient(ApplicantReviews[G]):
    """One applicant, under a certificate made for one loan; every record belongs to its `holder`."""

    @verb
    def ask_guidance(
        self, on: date, profile: FirmProfile, held: tuple[str, ...] = ()
    ) -> Flow[tuple[FundAnswer, ...]]:
        """Which funds the firm can get on that day, why, and which documents are missing; writes nothing."""
        answer = yield from self.ask(
            "application",
            "loan-application",
            "guidance",
            on,
            private={"profile": profile, "held": held},
            peers_of=("applicants",),
        )
        return tuple(FundAnswer.model_validate(one) for one in answer)

    @verb
    def register_sealing_key(self, key: SignedLetter) -> Flow[Committed]:
        """Put the key under which documents are sealed to this applicant into the channel's directory."""
        return (
            yield from self.execute(
                "application", "document-exchange", "register_sealing_key", key, endorsers=BOTH
            )
        )

    @verb
    def give_consent(self, consent_id: str, consent: Consent) -> Flow[Committed]:
        """Agree to the collection and passing on of the documents that the consent names."""
        return (
            yield from self.execute(
                "application",
                "document-exchange",
                "give_consent",
                consent_id,
                consent.given_on,
                private={"consent": consent},
                endorsers=BOTH,
            )
        )

    @verb
    def revoke_consent(self, consent_id: str, on: date) -> Flow[Committed]:
        """Withdraw a consent."""
        return (
            yield from self.execute(
                "application", "document-exchange", "revoke_consent", consent_id, on, endorsers=BOTH
            )
        )

    @verb
    def confirm_document(self, document_id: str, on: date) -> Flow[Committed]:
        """Say that a deposited document is the one that was asked for."""
        return (
            yield from self.execute(
                "application", "document-exchange", "confirm_document", document_id, on, endorsers=BOTH
            )
        )

    @verb
    def open_document(self, document_id: str, on: date) -> Flow[SealedDocument]:
        """One's own document, still sealed."""
        answer = yield from self.ask(
            "application", "document-exchange", "sealed_document", document_id, on, peers_of=("applicants",)
        )
        return SealedDocument.model_validate(answer)

    @verb
    def save_draft(self, application_id: str, on: date, form: ApplicationForm) -> Flow[Committed]:
        """Keep the form as it is, to go on later."""
        return (yield from self._hand_over("save_draft", application_id, on, form))

    @verb
    def apply(self, application_id: str, on: date, form: ApplicationForm) -> Flow[Committed]:
        """Hand the application in; the same form handed in twice is one application."""
        return (yield from self._hand_over("apply", application_id, on, form))

    def _hand_over(
        self, function: str, application_id: str, on: date, form: ApplicationForm
    ) -> Flow[Committed]:
        return (
            yield from self.execute(
                "application",
                "loan-application",
                function,
                application_id,
                on,
                private={"form": form},
                endorsers=BOTH,
            )
        )

    @verb
    def read_application(self, application_id: str) -> Flow[ApplicationForm]:
        """One's own form."""
        answer = yield from self.ask(
            "application", "loan-application", "form", application_id, peers_of=("applicants",)
        )
        return ApplicationForm.model_validate(answer)

    @verb
    def read_letter(self, application_id: str) -> Flow[SignedLetter]:
        """One's own confirmation letter (정책자금 확인서)."""
        answer = yield from self.ask(
            "application", "loan-application", "letter", application_id, peers_of=("applicants",)
        )
        return SignedLetter.model_validate(answer)

    @verb
    def send_letter(self, relay_id: str, recipient: str, on: date, sealed: SealedLetter) -> Flow[Committed]:
        """Send SEMAS a sealed letter, for itself or to be passed on; for reviews see `request_review`."""
        return (
            yield from self.execute(
                "application",
                "document-exchange",
                "relay_letter",
                relay_id,
                recipient,
                on,
                private={"sealed": sealed},
                endorsers=BOTH,
            )
        )

    @verb
    def receive_letter(self, relay_id: str) -> Flow[SealedLetter]:
        """A letter that was relayed to this applicant, still sealed."""
        answer = yield from self.ask(
            "application", "document-exchange", "relayed_letter", relay_id, peers_of=("applicants",)
        )
        return SealedLetter.model_validate(answer)

    @verb
    def read_loan(self, loan_id: str) -> Flow[Any]:
        """The head of one's own loan with a bank, as it is kept."""
        return (yield from self.ask("execution", "loan-execution", "head", loan_id, peers_of=("applicants",)))
