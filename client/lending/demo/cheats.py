"""Now cheat: each attempt is really sent, and must be refused by the place that is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hlf import Gateway
from hlf.errors import CommitError, EventError, FabricError, GatewayError
from hlf.events import OrdererBlocks
from hlf.identity import SigningIdentity
from lending.demo.cast import Cast
from lending.demo.review import EVALUATOR, Review
from lending.demo.story import Story
from lending.demo.telling import Narrator
from lending.foundation import FoundationClient
from lending.institution import Committed, new_id, new_salt
from lending_domain.letters import sign_letter
from lending_domain.records_evaluation import OverrideGround, OverrideRequest
from lending_domain.records_review import ReviewKind
from lending_domain.records_servicing import LoanContract


class NotRefusedError(Exception):
    """An attempt that should have been refused went through."""


class Cheats:
    """`story` is the loan that was told; `staged` a referral that waits for its evaluation."""

    def __init__(self, cast: Cast, narrator: Narrator, story: Story, staged: Story) -> None:
        self.cast = cast
        self.narrator = narrator
        self.story = story
        self.staged = staged

    def attempt_all(self) -> None:
        """Every attempt, in the order of the table."""
        self.alter_the_score()
        self.override_alone()
        self.review_oneself()
        self.present_at_another_bank()
        self.present_twice()
        self.forge_under_another_authority()
        self.read_anothers_evaluation()
        self.read_another_channel()
        self.read_anothers_record()
        self.endorse_alone()

    def alter_the_score(self) -> None:
        """A score that is off by 1/60,000,000."""
        staged = self.staged
        foundation = self.cast.foundation(staged.foundation)
        on = staged.start + timedelta(days=7)
        honest = staged.computed(staged.applicant.form, on)
        result = honest.result.model_copy(
            update={"base": honest.result.base + 1, "total": honest.result.total + 1}
        )
        altered = honest.model_copy(update={"result": result})
        self._refused(
            "a score altered by one unit",
            "the foundation's contract",
            lambda: foundation.evaluate(staged.referral_id, on, altered),
            "SCORE_MISMATCH",
        )

    def override_alone(self) -> None:
        """Both signatures under an override by one officer: the staged firm is below the threshold."""
        staged, on = self.staged, self.staged.start + timedelta(days=7)
        self.explained = staged.score(on)
        foundation = self.cast.foundation(staged.foundation)

        def sign() -> Committed:
            request = OverrideRequest(
                salt=new_salt(), ground=OverrideGround.OUTSIDE_THE_MODEL, reason="orders for three years"
            )
            return foundation.override(staged.referral_id, on, request)

        title = f"one officer would guarantee below the threshold{staged.label}"
        self.narrator.submit(title, staged.referral_id, sign)
        self._refused(
            "the same officer signing the override twice", "the foundation's contract", sign, "SAME_OFFICER"
        )

    def review_oneself(self) -> None:
        """The evaluator answers the review of his own evaluation."""
        staged, on = self.staged, self.staged.start + timedelta(days=8)
        review = Review(staged, on, ReviewKind.HUMAN_REVIEW)
        review.ask(self.explained)
        review.hand_over()
        answer = review.answered(on, EVALUATOR, None)
        self._refused(
            "a review answered by the officer who made the evaluation",
            "the foundation's contract",
            lambda: self.cast.foundation(staged.foundation).answer_review(review.id, on, answer),
            "SAME_OFFICER",
        )

    def present_at_another_bank(self) -> None:
        """The letter names bank-a."""
        other = next(one for one in self._banks() if one != self.story.bank)
        contract = self.story.contract(self.story.guarantee_letter)
        self._refused(
            f"the letter presented at {other}",
            "the contract: addressee",
            lambda: self.cast.bank(other).execute_loan(new_id(), contract),
            "LETTER_ADDRESSEE",
        )

    def present_twice(self) -> None:
        """The letter was used."""
        contract = self.story.contract(self.story.guarantee_letter)
        self._refused(
            f"the letter presented twice at {self.story.bank}",
            "the contract: single use",
            lambda: self.cast.bank(self.story.bank).execute_loan(new_id(), contract),
            "LETTER_USED",
        )

    def forge_under_another_authority(self) -> None:
        """A letter in the foundation's name, well signed, under the bank's own CA."""
        bank = self.story.bank
        contract = self._forged(self.cast.identity(bank, "officer"))
        self._refused(
            f"a letter of {self.story.foundation} signed under {bank}'s CA",
            "the receiving contract",
            lambda: self.cast.bank(bank).execute_loan(new_id(), contract),
            "LETTER_UNTRUSTED_SIGNER",
        )

    def _forged(self, forger: SigningIdentity) -> LoanContract:
        genuine = self.story.guarantee_letter.letter
        letter = genuine.model_copy(update={"id": new_id(), "subject": new_id(), "nonce": new_salt()})
        return self.story.contract(sign_letter(letter, forger.sign, forger.certificate))

    def read_anothers_evaluation(self) -> None:
        """Another foundation asks its own peer, then the one that holds the evaluation."""
        owner = self.story.foundation
        other = next(one for one in self._foundations() if one != owner)
        self._refused(
            f"{other} asking for {owner}'s evaluation",
            "the contract",
            lambda: self.cast.foundation(other).read_evaluation(self.story.referral_id),
            "NOT_EVALUATOR",
        )
        through = self.cast.gateway(other, "evaluator", through=owner)
        client = FoundationClient(through)
        self._refused(
            f"{other} reading {owner}'s collection at {owner}'s own peer",
            "the collection's member-only rule",
            lambda: through.run(
                client.ask(
                    "referral",
                    "credit-evaluation",
                    "stored",
                    owner,
                    self.story.referral_id,
                    peers_of=(owner,),
                )
            ),
            "does not have read access permission",
        )

    def read_another_channel(self) -> None:
        """A bank's client on `application`: at a member's peer, and at its own orderer."""
        bank = self.story.bank
        outsider = self.cast.gateway(bank, "officer", through="semas")
        contract = outsider.network("application").contract("loan-application")
        self._refused(
            f"a client of {bank} querying `application`",
            "the channel's access",
            lambda: contract.evaluate("application", self.story.application_id),
            "access denied",
        )
        orderer = next(iter(self.cast.profile(bank).orderers.values())).endpoint
        officer = self.cast.identity(bank, "officer")

        def stream() -> None:
            with Gateway(orderer, officer) as gateway:
                request = OrdererBlocks(gateway.session, "application", start=0)
                with gateway.events(request) as blocks:
                    next(blocks)

        self._refused(
            f"the same client streaming `application` from {bank}'s own orderer",
            "the orderer's policy",
            stream,
            "FORBIDDEN",
        )

    def read_anothers_record(self) -> None:
        """The second applicant: by contract, and by a stream of blocks with private data."""
        nosy = self.staged.user
        self._refused(
            "the second applicant reading the first one's application",
            "the contract: holder",
            lambda: self.cast.applicant(nosy).read_application(self.story.application_id),
            "NOT_HOLDER",
        )
        network = self.cast.gateway("applicants", nosy).network("application")

        def stream() -> None:
            with network.private_blocks(start=0) as blocks:
                next(blocks)

        self._refused(
            "the second applicant streaming blocks with private data",
            "the channel's ACL",
            stream,
            "FORBIDDEN",
        )

    def endorse_alone(self) -> None:
        """A two-party private write with one party's endorsement."""
        me = self.cast.applicant(self.story.user)
        flow = me.execute(
            "application",
            "loan-application",
            "save_draft",
            new_id(),
            self.story.start,
            private={"form": self.story.form},
            endorsers=("applicants",),
        )
        self._refused(
            "a two-party write endorsed by one party",
            "validation, on every peer",
            lambda: me.gateway.run(flow),
            "ENDORSEMENT_POLICY_FAILURE",
        )

    def _refused(self, attempt: str, where: str, act: Callable[[], object], expected: str) -> None:
        try:
            act()
        except CommitError as error:
            code, message = error.validation_code, error.message
        except EventError as error:
            code, message = str(error.status or error.code), error.message
        except GatewayError as error:
            code, message = error.code, error.chaincode_message or _said(error)
        except FabricError as error:
            code, message = type(error).__name__, str(error)
        else:
            raise NotRefusedError(f"{attempt}: it went through")
        if expected not in f"{code} {message}":
            raise NotRefusedError(f"{attempt}: refused, but not for {expected}: {code} {message}")
        said = expected if expected.isupper() else code
        self.narrator.refused(attempt, where, said, message)

    def _banks(self) -> tuple[str, ...]:
        return tuple(self.cast.network.layout.topology.groups["banks"])

    def _foundations(self) -> tuple[str, ...]:
        return tuple(self.cast.network.layout.topology.groups["foundations"])


def _said(error: GatewayError) -> str:
    """What the first node that refused said, without the Gateway's words around it."""
    return error.details[0].message if error.details else error.message
