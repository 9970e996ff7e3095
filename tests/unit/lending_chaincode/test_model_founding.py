"""The demonstration's founding of evaluation, broken off after each of its steps and begun again."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hlf.errors import EndorseError, EvaluateError, PeerDetail
from hlf_chaincode import ContractError
from lending.demo.founding import FOUNDED_ON, found_evaluation
from lending.documents.applicants import load_applicant
from lending.governance import GovernanceClient
from lending.institution import Committed, argument
from lending_domain.canonical import canonical, plain
from lending_domain.model import model2
from tests.unit.lending_chaincode.consortium import FOUNDATIONS, Consortium

DATA = Path(__file__).parents[2] / "data"
STEPS = [
    "propose_model",
    "comment_model",
    "vote_model",
    "activate_model",
    "vote_threshold",
    "vote_threshold",
    "share_duplicate_key",
]


class BrokenOffError(Exception):
    """Somebody pressed Ctrl-C."""


class Desk(GovernanceClient[Any]):
    """An administrator's client whose verbs run against the ledger in memory."""

    def __init__(self, world: Consortium, organization: str) -> None:
        super().__init__(SimpleNamespace(run=_run))
        self.world, self.person = world, world.admins[organization]

    @property
    def organization(self) -> str:
        return self.person.msp_id

    def execute(self, channel: str, chaincode: str, function: str, *args: Any, **named: Any) -> Any:
        yield from ()
        endorsers = named["endorsers"]
        call = {
            "transient": _plain(named.get("private")),
            "caller": self.person.caller,
            "endorsers": endorsers,
        }
        with _as_gateway(EndorseError):
            view = self.world.referral.submit(chaincode, function, *map(_argument, args), **call)
        result = {"id": view.id, "state": view.state}
        return Committed(
            self.organization, channel, chaincode, function, "", 0, "VALID", tuple(endorsers), result
        )

    def ask(self, channel: str, chaincode: str, function: str, *args: Any, **named: Any) -> Any:
        yield from ()
        with _as_gateway(EvaluateError):
            answer = self.world.referral.evaluate(
                chaincode, function, *map(_argument, args), caller=self.person.caller
            )
        return json.loads(canonical(answer))


class _as_gateway:  # noqa: N801 - a context manager
    """A contract's refusal as the Gateway hands it on."""

    def __init__(self, error: type[EndorseError | EvaluateError]) -> None:
        self.error = error

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ContractError):
            detail = PeerDetail("peer", "org", f"chaincode response 500, {error}")
            raise self.error("refused", details=(detail,)) from error


def _run(flow: Generator[Any, Any, Any]) -> Any:
    with pytest.raises(StopIteration) as done:
        next(flow)
    return done.value.value


def _argument(value: Any) -> str:
    """As it travels."""
    sent = argument(value)
    return sent if isinstance(sent, str) else sent.decode()


def _plain(private: Any) -> dict[str, Any]:
    return {name: plain(value) for name, value in (private or {}).items()}


class Narrator:
    """Notes what is submitted, until it is broken off before its step number `last`."""

    def __init__(self, last: int = 99) -> None:
        self.done: list[str] = []
        self.last = last

    def submit(self, _title: str, _record_id: str, act: Callable[[], Committed]) -> Committed:
        if len(self.done) == self.last:
            raise BrokenOffError
        done = act()
        self.done.append(done.function)
        return done


@pytest.fixture
def founding() -> Callable[[Narrator], None]:
    """Found evaluation on a ledger that has charters and nothing else."""
    world = Consortium()
    for voter in world.referral.organizations[:2]:
        charter = world.charter(*world.referral.organizations)
        world.referral.submit("credit-evaluation", "vote_charter", charter, caller=world.admins[voter].caller)
    desks = {name: Desk(world, name) for name in FOUNDATIONS}
    topology = SimpleNamespace(groups={"foundations": FOUNDATIONS})
    cast = SimpleNamespace(
        administrator=desks.__getitem__, network=SimpleNamespace(layout=SimpleNamespace(topology=topology))
    )
    applicants = [load_applicant(DATA / "demo-applicant.yaml")]

    def act(narrator: Narrator) -> None:
        found_evaluation(cast, narrator, applicants)
        first = desks[FOUNDATIONS[0]]
        assert first.active_model("referral", FOUNDED_ON).digest == model2().digest
        assert first.thresholds("referral", model2().digest).version == 1

    return act


def test_each_step_is_done_once(founding: Callable[[Narrator], None]) -> None:
    narrator = Narrator()
    founding(narrator)
    assert narrator.done == STEPS
    again = Narrator()
    founding(again)
    assert again.done == []


@pytest.mark.parametrize("last", range(len(STEPS)))
def test_what_was_broken_off_is_finished(founding: Callable[[Narrator], None], last: int) -> None:
    first, second = Narrator(last), Narrator()
    with pytest.raises(BrokenOffError):
        founding(first)
    assert first.done == STEPS[:last]
    founding(second)
    # A table of thresholds has a salt of its own: begun again, both foundations vote for the new one.
    anew = ["vote_threshold"] if first.done.count("vote_threshold") == 1 else []
    assert second.done == anew + STEPS[last:]
