"""Orderers that are gone: what tests ask of a network while some are, and how they keep the answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from hlf_network import Consortium
from tests.access import access_to
from tests.conformance.book import Book
from tests.conformance.calls import Access, Answer, commit_status, guarded, submit
from tests.conformance.masks import mask
from tests.networks import KINDS

USER = {"as": "org-a/user", "call": ["put", "key", "value"]}
SECONDS = 120.0
"""An election takes seconds, on a machine under load a minute; who waits longer waits in vain."""


@dataclass(frozen=True)
class Faulty:
    """A network whose orderers are stopped, and the page of recordings of its version."""

    network: Consortium
    access: Access
    page: dict[str, Any]
    fabric: str

    def heard(self, name: str, answer: Any) -> None:
        """Keep an answer of real Fabric, or hold the emulator's against it."""
        answer = mask(answer, {})
        if self.fabric == "docker":
            self.page[name] = answer
            return
        if name not in self.page:
            pytest.skip("unproven: real Fabric has not been asked")
        assert answer == self.page[name], name


@contextmanager
def network_of_its_own(
    kind: str, name: str, folder: Path, fabric: str, book: Book, changes: Mapping[str, Any] | None = None
) -> Iterator[Faulty]:
    """A network of a kind that a module has for itself; its answers are kept on the page `name`.

    `changes` are made to its topology: organization -> fields.
    """
    data = yaml.safe_load(KINDS[kind].topology(folder).read_text(encoding="utf-8"))
    data["network"] = name
    for organization, fields in (changes or {}).items():
        data["organizations"][organization].update(fields)
    topology = folder / "topology.yaml"
    topology.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    network = Consortium(topology, folder / "state", runtime=fabric)
    try:
        network.up()
        with closing(access_to(network)) as access:
            yield Faulty(network, access, book.page(name), fabric)
    finally:
        network.down()


def submitted(access: Access, transaction_id: str, envelope: common_pb2.Envelope) -> Answer:
    """Submit's answer. How an orderer could not be reached is the network's word, not Fabric's."""
    answer = guarded(lambda: submit(access, USER, transaction_id, envelope) or {"code": "OK"})
    for detail in answer.get("details", ()):
        if "received unsuccessful response" not in detail["message"]:
            detail["message"] = "not reached"
    answer["details"] = sorted({detail["message"] for detail in answer.get("details", ())})
    return answer


def eventually(access: Access, transaction_id: str, envelope: common_pb2.Envelope) -> Answer:
    """The code of a transaction that is submitted until it is ordered: an election takes its time."""

    def ordered() -> bool:
        # A leader that dies takes what it had not yet proposed with it, so an OK is no promise.
        if known(access, transaction_id):
            return True
        submitted(access, transaction_id, envelope)
        return False

    until(ordered)
    status = commit_status(access, USER, transaction_id)
    return {"validation_code": transaction_pb2.TxValidationCode.Name(status.result)}


def known(access: Access, transaction_id: str) -> bool:
    """Whether the gateway's peer has committed a transaction."""
    answer = guarded(lambda: {"ok": commit_status(access, {**USER, "deadline": 300}, transaction_id)})
    return "ok" in answer


def until(condition: Callable[[], bool]) -> None:
    """Try until a condition holds; AssertionError after SECONDS."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
