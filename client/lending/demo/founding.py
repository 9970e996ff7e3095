"""What the consortium decides before its first loan: charters, model, thresholds, the shared secret."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from hlf import Gateway
from hlf.errors import EndorseError, EvaluateError
from lending.demo.cast import Cast
from lending.demo.telling import Narrator
from lending.documents.applicants import Applicant, threshold_for
from lending.governance import GovernanceClient
from lending.institution import Committed, new_id, new_salt
from lending_domain.model import Model, model2
from lending_domain.records import Charter
from lending_domain.records_evaluation import DuplicateSecret, ThresholdTable
from lending_domain.score import evaluate

# The demonstration tells years of a loan in a minute, so its business dates lie years back.
LOOKBACK_DAYS = 4_000
# Before the sample applicants' first day, so that their evaluations find a model in force.
FOUNDED_ON = date(2023, 12, 1)
REMARK = "Credit information is taken as 0.045: table 15 prints 0.0|145, its parent adds up with 0.045 alone."


def found(cast: Cast, narrator: Narrator, applicants: Iterable[Applicant]) -> None:
    """Bring the channels to where a loan can be asked for; what is decided already stays."""
    layout = cast.network.layout
    pairs = [
        (channel.name, definition.chaincode, channel.peer_organizations)
        for channel in layout.channels.values()
        for definition in channel.definitions
    ]
    with ThreadPoolExecutor(max_workers=len(pairs)) as pool:
        for vote in [pool.submit(_charter, cast, narrator, *pair) for pair in pairs]:
            vote.result()
    found_evaluation(cast, narrator, list(applicants))
    _sealing_keys(cast, narrator)


def _charter(cast: Cast, narrator: Narrator, channel: str, chaincode: str, members: tuple[str, ...]) -> None:
    if cast.administrator(members[0]).charter(channel, chaincode) is not None:
        return
    charter = Charter(
        version=1,
        members=members,
        anchors={name: cast.anchors[name] for name in cast.anchors},
        business_date_lookback_days=LOOKBACK_DAYS,
    )
    for member in members:
        vote = _later(cast.administrator(member).vote_charter, channel, chaincode, charter)
        done = _unless_done(narrator, f"{member} votes for the charter", "", vote)
        if done is not None and done.state == "in-force":
            return


def found_evaluation(cast: Cast, narrator: Narrator, applicants: list[Applicant]) -> None:
    """The packaged model, its thresholds and the shared secret; what an earlier run has done stays."""
    foundations = cast.network.layout.topology.groups["foundations"]
    administrators = [cast.administrator(foundation) for foundation in foundations]
    first = administrators[0]
    if not any(one.state == "active" for one in first.models("referral")):
        _model(administrators, narrator, model2())
    model = first.active_model("referral", FOUNDED_ON)
    if not _has_thresholds(first, model.digest):
        _thresholds(administrators, narrator, model, applicants)
    secret = DuplicateSecret(salt=new_salt(), key_version=1, secret=secrets.token_hex(32))
    share = _later(first.share_duplicate_key, secret)
    title = "the foundations share a secret for the duplicate-support check"
    _unless_done(narrator, title, "", share)


def _model(administrators: list[GovernanceClient[Gateway]], narrator: Narrator, model: Model) -> None:
    """Proposed, commented, carried, and in force from before the first loan.

    No record of the report: a version goes on living, and is no finding when it has been superseded.
    """
    first, second, digest = administrators[0], administrators[1], model.digest

    def state() -> str:
        return next((one.state for one in first.models("referral") if one.id == digest), "")

    if not state():
        propose = _later(first.propose_model, "referral", model, FOUNDED_ON)
        narrator.submit("the AHP model is proposed", "", propose)
    if state() == "proposed" and not first.model_comments("referral", digest):
        remark = _later(second.comment_model, "referral", digest, FOUNDED_ON, REMARK)
        narrator.submit(f"{second.organization} comments on the model", "", remark)
    for administrator in administrators[1:]:
        if state() == "proposed":
            vote = _later(administrator.vote_model, "referral", digest, FOUNDED_ON)
            _unless_done(narrator, f"{administrator.organization} votes for the model", "", vote)
    activate = _later(first.activate_model, "referral", digest, FOUNDED_ON)
    narrator.submit(f"the model is in force from {FOUNDED_ON}", "", activate)


def _thresholds(
    administrators: list[GovernanceClient[Gateway]],
    narrator: Narrator,
    model: Model,
    applicants: list[Applicant],
) -> None:
    entries = {}
    for applicant in applicants:
        threshold = threshold_for(applicant, evaluate(applicant.form, model))
        entries[threshold.company_class, threshold.industry] = threshold
    table = ThresholdTable(
        salt=new_salt(), model_digest=model.digest, version=1, entries=tuple(entries.values())
    )
    threshold_id = new_id()
    for administrator in administrators:
        vote = _later(administrator.vote_threshold, "referral", threshold_id, table)
        title = f"{administrator.organization} votes for the thresholds"
        if narrator.submit(title, threshold_id, vote).state == "active":
            return


def _has_thresholds(administrator: GovernanceClient[Gateway], digest: str) -> bool:
    try:
        administrator.thresholds("referral", digest)
    except EvaluateError as error:
        if "NO_THRESHOLD" in str(error):
            return False
        raise
    return True


def _sealing_keys(cast: Cast, narrator: Narrator) -> None:
    foundations = cast.network.layout.topology.groups["foundations"]
    for organization, user, channel in (
        ("semas", "officer", "application"),
        *((foundation, "evaluator", "referral") for foundation in foundations),
    ):
        letter = cast.key_letter(cast.identity(organization, user), organization)
        client = type(cast.administrator(organization))(cast.gateway(organization, user))
        narrator.submit(
            f"{organization} registers its sealing key",
            organization,
            _later(client.register_sealing_key, channel, letter),
        )


def _unless_done(
    narrator: Narrator, title: str, record_id: str, act: Callable[[], Committed]
) -> Committed | None:
    """What it did, or None where an earlier run that was broken off has done it."""
    try:
        return narrator.submit(title, record_id, act)
    except EndorseError as error:
        if error.chaincode_message.startswith(("ALREADY_VOTED", "ALREADY_EXISTS", "KEY_VERSION")):
            return None
        raise


def _later(act: Callable[..., Committed], *args: object) -> Callable[[], Committed]:
    return lambda: act(*args)
