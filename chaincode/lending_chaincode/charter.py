"""The charter of a channel, voted by its members with peers; every contract has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hlf_chaincode
from hlf_chaincode import Contract, ContractError, majority_of, query, transaction
from lending_chaincode.caller import by_administrator
from lending_chaincode.context import CHARTER_KEY, Context
from lending_chaincode.organizations import Kind, kind_of
from lending_chaincode.refusals import refusal_of, require
from lending_domain.canonical import canonical, digest
from lending_domain.funds import catalogue
from lending_domain.records import Ballot, Charter, RecordView, encode

# Kinds that must be among the members of a channel: no lone institution founds one.
_FOUNDERS = {
    "application": (Kind.APPLICANTS, Kind.SEMAS),
    "referral": (Kind.SEMAS, Kind.FOUNDATION),
    "guarantee": (Kind.FOUNDATION, Kind.BANK),
    "execution": (Kind.APPLICANTS, Kind.BANK),
}


def majority(votes: int, voters: int) -> bool:
    """More than half."""
    return 2 * votes > voters


def _cast(ctx: Context, key: str, proposal: dict[str, object], electorate: tuple[str, ...]) -> Ballot:
    """The caller's vote for a public proposal; the ballot's state is `carried` once a majority has voted."""
    voter = ctx.client.msp_id
    require(voter in electorate, "NOT_PERMITTED", f"{voter} has no vote here")
    before = ctx.state.get_json(key, Ballot) or Ballot(proposal=proposal, state="proposed")
    require(voter not in before.votes, "ALREADY_VOTED", f"{voter} has voted for this already")
    # A late vote would bring back what later ballots have replaced.
    require(before.state != "carried", "ALREADY_CARRIED", "a majority has voted for this already")
    votes = tuple(sorted({*before.votes, voter}))
    carried = majority(len(set(votes) & set(electorate)), len(electorate))
    ballot = before.model_copy(update={"votes": votes, "state": "carried" if carried else "proposed"})
    ctx.state.put(key, encode(ballot))
    return ballot


def enact(ctx: Context, key: str, value: bytes, electorate: Sequence[str]) -> None:
    """Put what a majority has voted for in force, and lock it: only a majority's peers endorse another."""
    ctx.state.put(key, value)
    ctx.state.set_policy(key, majority_of(electorate))


class Chartered(Contract):
    """What every lending contract starts from: a charter, and an event for each record that is written."""

    context = Context

    def __init__(self) -> None:
        # Read before the first call, so that no call depends on a file.
        catalogue()

    def after(self, ctx: hlf_chaincode.Context, result: Any) -> None:
        """Emit what a function that writes returns, under the function's name."""
        if isinstance(result, RecordView):
            ctx.emit(ctx.function, canonical(result))

    def refusal(self, _ctx: hlf_chaincode.Context, error: Exception) -> ContractError | None:
        """What the rules refuse, the contract refuses."""
        return refusal_of(error)

    @transaction
    @by_administrator()
    def vote_charter(self, ctx: Context, charter: Charter) -> RecordView:
        """Vote for a charter. It is in force once a majority of the voters has voted for this very text.

        Voters are the members of the charter in force; for the first one, the members that it lists.
        """
        present = ctx.state.get_json(CHARTER_KEY, Charter)
        _complete(ctx, charter)
        due = 1 if present is None else present.version + 1
        require(charter.version == due, "CHARTER_VERSION", f"the next charter is version {due}")
        voters = tuple(sorted(set((present or charter).members)))
        charter_id = digest(charter)[:32]
        ballot = _cast(ctx, f"charter-ballot/{charter_id}", charter.model_dump(mode="json"), voters)
        if ballot.state == "carried":
            enact(ctx, CHARTER_KEY, encode(charter), charter.members)
        return RecordView(id=charter_id, state="in-force" if ballot.state == "carried" else "proposed")

    @query
    def charter(self, ctx: Context) -> Charter:
        """The charter in force."""
        return ctx.charter


def _complete(ctx: Context, charter: Charter) -> None:
    kinds = {kind_of(one) for one in charter.members}
    missing = [kind for kind in _FOUNDERS.get(ctx.channel, ()) if kind not in kinds]
    require(
        not missing and len(set(charter.members)) == len(charter.members),
        "CHARTER_INCOMPLETE",
        f"the members of {ctx.channel} include {' and '.join(missing) or 'nobody twice'}",
    )
    require(
        set(charter.members) <= set(charter.anchors),
        "CHARTER_INCOMPLETE",
        "the charter has trust anchors for each of its members",
    )
    for organization, anchors in charter.anchors.items():
        require(bool(anchors), "CHARTER_INCOMPLETE", f"{organization} has no trust anchor")
        authorities = all(map(_is_ca, anchors))
        require(authorities, "CHARTER_INCOMPLETE", f"a trust anchor of {organization} is no CA certificate")


def _is_ca(pem: str) -> bool:
    from lending_domain.certificates import is_authority, load_certificate  # as in lending_domain.letters

    try:
        return is_authority(load_certificate(pem))
    except ValueError:
        return False
