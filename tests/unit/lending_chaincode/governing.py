"""Governing the model in memory: versions that differ from model 2, and who does what about them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from lending_domain.canonical import plain
from lending_domain.model import Model, Origin, Source, model2
from tests.unit.lending_chaincode.consortium import Authority, Consortium

SEOUL, GYEONGGI, BUSAN = "foundation-seoul", "foundation-gyeonggi", "foundation-busan"
LATER = date(2021, 6, 1)


def version(name: str = "model-3", *, predecessor: str | None = None, **changes: Any) -> Model:
    """A version of its own: manager's ability weighs 0.001 more in the common block, sales outlook less."""
    base = model2()
    common = base.judgement["other"] | {
        "manager_ability": Decimal("0.106"),
        "sales_outlook": Decimal("0.064"),
    }
    origin = Origin(
        label=f"{name} of the test",
        predecessor=predecessor,
        sources=(Source(kind="decision", citation="a test"),),
    )
    fields = {"id": name, "judgement": base.judgement | {"other": common}, "origin": origin, **changes}
    return base.model_copy(update=fields)


class Chamber:
    """The foundations' administrators on `referral`, three of them once Busan has joined."""

    def __init__(self, world: Consortium) -> None:
        self.world = world
        self.callers = {name: person.caller for name, person in world.admins.items()}

    def join(self) -> Chamber:
        """Take a third foundation, without a peer of its own here, into the charter."""
        self.callers[BUSAN] = Authority(BUSAN).issue("admin", "admin").caller
        charter = self.world.charter("semas", SEOUL, GYEONGGI, BUSAN, version=2)
        charter["anchors"][BUSAN] = charter["anchors"]["semas"]
        for voter in ("semas", SEOUL):
            self.do(voter, "vote_charter", charter)
        return self

    def do(self, who: str, function: str, *args: Any, endorsers: Any = ("semas", SEOUL, GYEONGGI)) -> str:
        """Submit; the state after it."""
        view = self.world.referral.submit(
            "credit-evaluation", function, *args, caller=self.callers[who], endorsers=list(endorsers)
        )
        return str(view.state)

    def propose(self, model: Model, on: date = LATER, who: str = SEOUL) -> str:
        return self.do(who, "propose_model", plain(model), on)

    def carry(self, model: Model, on: date = LATER) -> str:
        """Propose, and vote until it is carried; its digest."""
        self.propose(model, on)
        assert self.do(GYEONGGI, "vote_model", model.digest, on) == "carried"
        return model.digest

    def activate(self, model: Model, on: date = LATER, since: date | None = None) -> str:
        digest = self.carry(model, on)
        return self.do(SEOUL, "activate_model", digest, on, since or on)

    def ask(self, function: str, *args: Any, who: str = "semas") -> Any:
        return self.world.referral.evaluate("credit-evaluation", function, *args, caller=self.callers[who])

    def life(self, digest: str) -> Any:
        return next(one for one in self.ask("models") if one.id == digest)
