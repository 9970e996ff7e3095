"""What the consortium decides before its first loan: charters, model, thresholds, the shared secret."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from hlf.errors import EndorseError, EvaluateError
from lending.demo.cast import Cast
from lending.demo.telling import Narrator
from lending.documents.applicants import Applicant, threshold_for
from lending.institution import Committed, new_id, new_salt
from lending_domain.model import Model, model2
from lending_domain.records import Charter
from lending_domain.records_evaluation import DuplicateSecret, ThresholdTable
from lending_domain.score import evaluate

# The demonstration tells years of a loan in a minute, so its business dates lie years back.
LOOKBACK_DAYS = 4_000


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
    _evaluation(cast, narrator, list(applicants))
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


def _evaluation(cast: Cast, narrator: Narrator, applicants: list[Applicant]) -> None:
    foundations = cast.network.layout.topology.groups["foundations"]
    first, model = foundations[0], model2()
    present = cast.foundation(first).gateway.network("referral").contract("credit-evaluation")
    if model.digest in _active(present.evaluate):
        return
    propose = _later(cast.administrator(first).propose_model, "referral", model)
    _unless_done(narrator, "the AHP model is proposed", model.digest, propose)
    for foundation in foundations[1:]:
        vote = _later(cast.administrator(foundation).vote_model, "referral", model.digest)
        done = narrator.submit(f"{foundation} votes for the model", model.digest, vote)
        if done.state == "active":
            break
    entries = {}
    for applicant in applicants:
        threshold = threshold_for(applicant, evaluate(applicant.form, model))
        entries[threshold.company_class, threshold.industry] = threshold
    table = ThresholdTable(
        salt=new_salt(), model_digest=model.digest, version=1, entries=tuple(entries.values())
    )
    threshold_id = new_id()
    for foundation in foundations:
        vote = _later(cast.administrator(foundation).vote_threshold, "referral", threshold_id, table)
        done = narrator.submit(f"{foundation} votes for the thresholds", threshold_id, vote)
        if done.state == "active":
            break
    secret = DuplicateSecret(salt=new_salt(), key_version=1, secret=secrets.token_hex(32))
    narrator.submit(
        "the foundations share a secret for the duplicate-support check",
        "",
        _later(cast.administrator(first).share_duplicate_key, secret),
    )


def _active(evaluate_model: Callable[..., bytes]) -> str:
    try:
        return Model.model_validate_json(evaluate_model("active_model")).digest
    except EvaluateError as error:
        if "MODEL_NOT_ACTIVE" in str(error):
            return ""
        raise


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
    """A vote, or None where an earlier run that was broken off has cast it."""
    try:
        return narrator.submit(title, record_id, act)
    except EndorseError as error:
        if error.chaincode_message.startswith(("ALREADY_VOTED", "ALREADY_EXISTS")):
            return None
        raise


def _later(act: Callable[..., Committed], *args: object) -> Callable[[], Committed]:
    return lambda: act(*args)
