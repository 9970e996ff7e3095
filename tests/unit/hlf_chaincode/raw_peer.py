"""Bare messages of the chaincode stream to MemoryLedger's peers, as conformance cases write them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from fabric_protos.peer import chaincode_shim_pb2

from hlf_chaincode import Context, Contract, query
from hlf_chaincode.stub import Message
from hlf_chaincode.testing import Caller, ChaincodeSpec, CollectionSpec, MemoryLedger, Transaction
from hlf_chaincode.testing.peer import PeerSide, Simulation
from hlf_chaincode.testing.world import ReadWriteSet
from tests.conformance import shim_messages
from tests.conformance.calls import text

CONFORMANCE = Path(__file__).parents[2] / "conformance"
VERSIONS = {"3.1.5": True, "2.5.16": False}
"""Fabric's versions, and whether their peers take batches."""
PEERS = ["org-a", "org-b"]

Case = Mapping[str, Any]
Heard = list[dict[str, Any]]


def recorded(page: str) -> list[tuple[str, Case, Any]]:
    """Version, case and what real Fabric answered, of every case of a page that has an answer."""
    cases = yaml.safe_load((CONFORMANCE / "cases" / f"{page}.yaml").read_text())
    return [
        (version, case, answers[case["case"]])
        for version in VERSIONS
        for answers in [json.loads((CONFORMANCE / "recordings" / version / f"{page}.json").read_text())]
        for case in cases
        if case["case"] in answers
    ]


class Nothing(Contract):
    """Only the messages matter here."""

    name = "nothing"

    @query
    def nothing(self, ctx: Context) -> None:
        """Do nothing."""


class RawLedger:
    """A ledger with one chaincode, which sends what it is told to."""

    def __init__(self, name: str, version: str, collections: Sequence[Case], policy: str = "") -> None:
        members = "OR('org-a.member', 'org-b.member')"
        specs = [
            CollectionSpec(
                values["name"],
                values.get("members", members),
                block_to_live=values.get("block_to_live", 0),
                member_only_read=values.get("member_only_read", True),
                member_only_write=values.get("member_only_write", True),
                endorsement_policy=values.get("policy"),
            )
            for values in collections
        ]
        self.name = name
        self.ledger = MemoryLedger(
            channel="slice",
            organizations=PEERS,
            chaincodes=[ChaincodeSpec(name, [Nothing], policy or members, specs)],
            batching=VERSIONS[version],
        )
        self._count = 0

    def run(self, step: Case, script: Sequence[Case], peer: str) -> tuple[Heard, Transaction]:
        """What one peer answers to each message, and the transaction that they make."""
        self._count += 1
        transaction_id = f"{self._count:064x}"
        caller = Caller(step.get("as", "org-a/user").split("/")[0])
        simulation = Simulation(self.ledger._world, peer, (caller.msp_id, "client"), transaction_id)
        side = PeerSide(simulation, self.name, _no_other)
        heard: Heard = []
        last_id = ""
        for one in script:
            if "fill" in one:
                for number in range(one["fill"]):
                    values = {**one["with"], "key": f"{one['with']['key']}{number:04d}"}
                    side.exchange(_message("PUT_STATE", {"with": values}, transaction_id))
                continue
            values = json.loads(json.dumps(one.get("with", {})).replace("{last id}", last_id))
            message = _message(one["send"], {**one, "with": values}, transaction_id)
            answer = side.exchange(message)
            heard.append(shim_messages.shown(message.type, answer))
            if "has_id" in str(heard[-1].get("payload")):
                last_id = chaincode_shim_pb2.QueryResponse.FromString(answer.payload).id
        side.finish()
        endorsers = tuple(step.get("organizations", PEERS))
        now = datetime.datetime.now(datetime.UTC)
        made = Transaction(
            transaction_id, self.name, "script", caller, endorsers, b"", simulation.rwset, None, now
        )
        return heard, made

    def commit(self, step: Case, script: Sequence[Case]) -> str:
        """The validation code of a transaction in a block of its own; every message must be answered."""
        heard, made = self.run(step, script, step.get("organizations", PEERS)[0])
        assert all(each["type"] == "RESPONSE" for each in heard), heard
        return self.ledger.commit(made)[0]


def read_and_written(rwset: ReadWriteSet) -> list[dict[str, Any]]:
    """A read/write set as conformance cases show it (calls_stream.read_and_written)."""
    hashed = (rwset.hashed_reads, rwset.hashed_writes, rwset.hashed_metadata)
    touched = {key[0] for part in (rwset.reads, *hashed) for key in part} | rwset.namespaces()
    shown = []
    for namespace in sorted(touched | {scan.namespace for scan in rwset.scans}):
        part: dict[str, Any] = {
            "reads": [f"{key}: {_there(at)}" for key, at in _of(namespace, rwset.reads)],
            "writes": [
                f"{key}: {'deleted' if value is None else text(value)}"
                for key, value in _of(namespace, rwset.writes)
            ],
            "metadata_writes": [f"{key}: {list(each)}" for key, each in _of(namespace, rwset.metadata)],
            "ranges": sum(scan.namespace == namespace for scan in rwset.scans),
        }
        for collection in sorted({key[1] for kind in hashed for key in kind if key[0] == namespace}):
            place = (namespace, collection)
            part[f"collection {collection}"] = {
                # In no order: theirs is that of the keys' hashes, and keys differ from run to run.
                "reads": sorted(_there(at) for key, at in rwset.hashed_reads.items() if key[:2] == place),
                "writes": sorted(
                    "purge" if key in rwset.purges else "delete" if digest is None else "put"
                    for key, digest in rwset.hashed_writes.items()
                    if key[:2] == place
                ),
                "metadata_writes": sum(key[:2] == place for key in rwset.hashed_metadata),
            }
        shown.append({"namespace": namespace, **{name: value for name, value in part.items() if value}})
    return shown


def without_lifecycle(rwset: Sequence[Case]) -> list[dict[str, Any]]:
    """A recorded read/write set, but for what a peer reads before any chaincode runs."""
    kept = [dict(part) for part in rwset if part["namespace"] not in ("_lifecycle", "lscc")]
    for part in kept:
        for name, content in part.items():
            if name.startswith("collection "):
                part[name] = {
                    **content,
                    "reads": sorted(content["reads"]),
                    "writes": sorted(content["writes"]),
                }
    return kept


def _message(name: str, step: Case, transaction_id: str) -> Message:
    kind = shim_messages.kind(name)
    return Message(type=kind, payload=shim_messages.payload(kind, step), txid=transaction_id)


def _no_other(*_: Any) -> Message:
    raise AssertionError("no case here calls another chaincode")


def _of(namespace: str, part: Mapping[tuple[str, str], Any]) -> list[tuple[str, Any]]:
    found = sorted((key, value) for (of, key), value in part.items() if of == namespace)
    return [(text(key.encode()), value) for key, value in found]


def _there(version: tuple[int, int] | None) -> str:
    return "not there" if version is None else "there"
