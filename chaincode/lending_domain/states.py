"""Every record's life: which action leads from which states to which state.

One table for contracts, documentation and the off-chain projection. `NEW` stands for a record not yet there;
a `None` target keeps the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

NEW = ""


class Step(NamedTuple):
    """From which states an action is allowed, and where it leads (None: the state stays)."""

    sources: tuple[str, ...]
    target: str | None


Life = Mapping[str, Step]

CONSENT: Life = {
    "give_consent": Step((NEW,), "given"),
    "revoke_consent": Step(("given",), "revoked"),
    "end_relation": Step(("given", "revoked"), "ended"),
}
DOCUMENT: Life = {
    "deposit_document": Step((NEW,), "deposited"),
    "confirm_document": Step(("deposited",), "confirmed"),
    "destroy_document": Step(("deposited", "confirmed"), "destroyed"),
}
BUNDLE: Life = {
    "forward_evidence": Step((NEW,), "forwarded"),
    "destroy_evidence": Step(("forwarded",), "destroyed"),
}
REVOCATION: Life = {"record_revocation": Step((NEW,), "revoked")}
RELAY: Life = {"relay_letter": Step((NEW,), "relayed")}
APPLICATION: Life = {
    "save_draft": Step((NEW, "draft"), "draft"),
    "apply": Step((NEW, "draft"), "applied"),
    "confirm": Step(("applied",), "confirmed"),
    "refuse": Step(("applied",), "refused"),
    "deliver_letter": Step(("confirmed",), "lettered"),
    "withdraw": Step(("draft", "applied"), "withdrawn"),
}
REFERRAL: Life = {
    "refer": Step((NEW,), "referred"),
    "evaluate": Step(("referred",), "evaluated"),
    "re_evaluate": Step(("evaluated", "override-proposed", "overridden", "declined"), "evaluated"),
    # The first officer proposes, the second one decides.
    "override": Step(("evaluated", "override-proposed"), None),
    "reserve_support": Step(("evaluated", "override-proposed", "overridden"), "cleared"),
    "rekey_support": Step(("cleared",), "cleared"),
    "decline": Step(("referred", "evaluated", "override-proposed", "overridden"), "declined"),
    "release": Step(("cleared",), "released"),
}
# The applicant's side, on `application`. Once relayed an answer is owed, so it is too late to withdraw.
REQUEST: Life = {
    "request_review": Step((NEW,), "requested"),
    "withdraw_request": Step(("requested",), "withdrawn"),
    "relay_request": Step(("requested",), "relayed"),
    "relay_extension": Step(("relayed", "extended"), "extended"),
    "deliver_answer": Step(("relayed", "extended"), "answered"),
    "close_request": Step(("answered",), "closed"),
}
# The evaluator's side, under the same id. The outcome stands in the sealed answer alone: "upheld" or
# "re-evaluated" would tell every member on which side of the threshold a firm was.
REVIEW: Life = {
    "open_review": Step((NEW,), "received"),
    "extend_review": Step(("received", "extended"), "extended"),
    "re_evaluate": Step(("received", "extended"), None),
    "answer_review": Step(("received", "extended"), "answered"),
}
# A version of the evaluation model. Votes decide its state by their count: carried, rejected or still open.
MODEL_VERSION: Life = {
    "propose_model": Step((NEW,), "proposed"),
    "comment_model": Step(("proposed", "carried"), None),
    "vote_model": Step(("proposed",), None),
    "withdraw_model": Step(("proposed",), "withdrawn"),
    "activate_model": Step(("carried",), "active"),
    "supersede_model": Step(("active",), "superseded"),
}
GUARANTEE: Life = {
    "issue": Step((NEW,), "issued"),
    "cancel": Step(("issued",), "cancelled"),
    "accept": Step(("issued",), "accepted"),
    "notify_accident": Step(("accepted",), "accident"),
    "claim": Step(("accident", "claimed"), "claimed"),
    "subrogate": Step(("claimed",), "subrogated"),
    "record_recovery": Step(("subrogated",), "subrogated"),
    "close": Step(("accepted", "accident", "claimed", "subrogated"), "closed"),
}
LOAN: Life = {
    "execute": Step((NEW,), "executed"),
    "repay": Step(("executed", "overdue", "accelerated", "accident"), None),
    "charge_fee": Step(("executed", "overdue", "accelerated", "accident"), None),
    "record_arrears": Step(("executed", "overdue"), "overdue"),
    "reset_rate": Step(("executed", "overdue", "accelerated", "accident"), None),
    "prepay": Step(("executed", "overdue"), None),
    "pay_off": Step(("executed", "overdue", "accelerated", "accident"), None),
    "extend": Step(("executed", "overdue"), None),
    "accelerate": Step(("executed", "overdue", "accident"), None),
    "report_accident": Step(("executed", "overdue", "accelerated"), None),
    "receive_subrogation": Step(("accident",), None),
    "record_recovery": Step(("subrogated",), None),
    "close": Step(("executed", "overdue", "accelerated", "accident", "subrogated"), "closed"),
}

LIVES: Mapping[str, Life] = {
    "consent": CONSENT,
    "document": DOCUMENT,
    "bundle": BUNDLE,
    "revocation": REVOCATION,
    "relay": RELAY,
    "application": APPLICATION,
    "referral": REFERRAL,
    "request": REQUEST,
    "review": REVIEW,
    "model-version": MODEL_VERSION,
    "guarantee": GUARANTEE,
    "loan": LOAN,
}
