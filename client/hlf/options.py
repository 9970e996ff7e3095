"""The options of calls, and when a call may be made anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from hlf.effects import Timeouts
from hlf.errors import CommitError, FabricError


@dataclass(frozen=True, slots=True)
class Retry:
    """Making a call anew, with a new proposal, where its error says that this cannot double its effect.

    ``attempts`` counts the first one too. ``pause`` is the seconds before the second, doubled each time.
    ``conflicts`` extends it to transactions that committed as read conflicts: set it for functions that may
    be run again on what has changed in between.
    """

    attempts: int = 3
    pause: float = 0.2
    conflicts: bool = False

    def allows(self, error: FabricError) -> bool:
        """Whether this error is one to try again after."""
        return error.retryable and (self.conflicts or not isinstance(error, CommitError))


ONCE = Retry(attempts=1)


class ProposalOptions(TypedDict, total=False):
    """Options of a proposal.

    ``transient``: data for the chaincode that stays out of the block. ``endorsing_organizations``: MSP ids of
    the only organizations that are sent the proposal.
    """

    transient: Mapping[str, bytes]
    endorsing_organizations: Sequence[str]


class CallOptions(ProposalOptions, total=False):
    """Options of every contract call.

    ``timeout``: seconds for the whole call, retries included. ``timeouts``: seconds for its phases, instead
    of the gateway's. ``retry``: none by default.
    """

    timeout: float | None
    timeouts: Timeouts
    retry: Retry | None


PROPOSAL_OPTIONS = tuple(ProposalOptions.__annotations__)
CALL_OPTIONS = tuple(CallOptions.__annotations__)


def check(options: ProposalOptions, allowed: Iterable[str]) -> None:
    """Raise TypeError for an option that is none."""
    # Passed over in silence, a misspelt name would send transient data where it must not go.
    for name in options:
        if name not in allowed:
            raise TypeError(f"unknown option {name!r}; one of {', '.join(allowed)}")


def check_values(function: str, args: Sequence[object], transient: object) -> None:
    """Raise TypeError for an argument or a transient value that is neither text nor bytes."""
    for place, value in enumerate(args, 1):
        if not isinstance(value, str | bytes):
            raise TypeError(f"argument {place} of {function} is {_kind(value)}, not text or bytes")
    if not isinstance(transient, Mapping):
        raise TypeError(f"transient is {_kind(transient)}, not a mapping of names to bytes")
    for name, value in transient.items():
        if not isinstance(value, bytes):
            raise TypeError(f"transient {name!r} is {_kind(value)}, not bytes")


def _kind(value: object) -> str:
    return type(value).__name__


def of_proposal(options: CallOptions) -> ProposalOptions:
    """Those of a call's options that its proposal has."""
    chosen: ProposalOptions = {}
    if "transient" in options:
        chosen["transient"] = options["transient"]
    if "endorsing_organizations" in options:
        chosen["endorsing_organizations"] = options["endorsing_organizations"]
    return chosen
