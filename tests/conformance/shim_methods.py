"""Which of the shim's 43 methods the cases of the chaincode stream call, and what real Fabric answered.

A case calls the methods of its contract's function, or, with a bare chaincode, those that its messages are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.book import CASES, HERE, Case

METHODS = (
    "GetArgs",
    "GetStringArgs",
    "GetFunctionAndParameters",
    "GetArgsSlice",
    "GetTxID",
    "GetChannelID",
    "InvokeChaincode",
    "GetState",
    "PutState",
    "DelState",
    "GetMultipleStates",
    "SetStateValidationParameter",
    "GetStateValidationParameter",
    "GetStateByRange",
    "GetStateByRangeWithPagination",
    "GetStateByPartialCompositeKey",
    "GetStateByPartialCompositeKeyWithPagination",
    "GetAllStatesCompositeKeyWithPagination",
    "CreateCompositeKey",
    "SplitCompositeKey",
    "GetQueryResult",
    "GetQueryResultWithPagination",
    "GetHistoryForKey",
    "GetPrivateData",
    "GetMultiplePrivateData",
    "GetPrivateDataHash",
    "PutPrivateData",
    "DelPrivateData",
    "PurgePrivateData",
    "SetPrivateDataValidationParameter",
    "GetPrivateDataValidationParameter",
    "GetPrivateDataByRange",
    "GetPrivateDataByPartialCompositeKey",
    "GetPrivateDataQueryResult",
    "GetCreator",
    "GetTransient",
    "GetBinding",
    "GetDecorations",
    "GetSignedProposal",
    "GetTxTimestamp",
    "SetEvent",
    "StartWriteBatch",
    "FinishWriteBatch",
)
PAGES = ("shim", "chaincode", "stream")
VERSIONS = ("3.1.5", "2.5.16")

# The batch is started by the runtime and finished before the result: every contract that writes uses both.
_BATCHED = ("StartWriteBatch", "FinishWriteBatch")
_SEEN = (
    *("GetArgs", "GetStringArgs", "GetFunctionAndParameters", "GetArgsSlice", "GetTxID", "GetChannelID"),
    *("GetCreator", "GetTransient", "GetBinding", "GetDecorations", "GetSignedProposal", "GetTxTimestamp"),
)
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "seen": _SEEN,
    "where": ("GetChannelID", "GetCreator", "GetStringArgs"),
    "put": ("PutState", "SetEvent", *_BATCHED),
    "get": ("GetState",),
    "peek": ("GetState",),
    "remove": ("DelState", *_BATCHED),
    "mend": ("PutState", "DelState", *_BATCHED),
    "fill": ("PutState", *_BATCHED),
    "put_twice": ("PutState", *_BATCHED),
    "put_large": ("PutState", *_BATCHED),
    "put_then_get": ("PutState", "GetState", *_BATCHED),
    "write_in_query": ("PutState",),
    "several": ("GetMultipleStates",),
    "lock": ("SetStateValidationParameter", *_BATCHED),
    "unlock": ("SetStateValidationParameter", *_BATCHED),
    "policy": ("GetStateValidationParameter",),
    "keys": ("GetStateByRange",),
    "leave": ("GetStateByRange",),
    "count": ("GetStateByRange", "PutState"),
    "page": ("GetStateByRangeWithPagination",),
    "walk": ("GetStateByRangeWithPagination",),
    "page_then_put": ("GetStateByRangeWithPagination", "PutState"),
    "put_then_page": ("PutState", "GetStateByRangeWithPagination"),
    "put_pair": ("CreateCompositeKey", "SplitCompositeKey", "PutState", *_BATCHED),
    "fill_pairs": ("CreateCompositeKey", "PutState", *_BATCHED),
    "join": ("CreateCompositeKey",),
    "split": ("SplitCompositeKey",),
    "pairs": ("GetStateByPartialCompositeKey",),
    "list_pairs": ("GetStateByPartialCompositeKey", "SplitCompositeKey"),
    "count_pairs": ("GetStateByPartialCompositeKey", "PutState"),
    "page_pairs": ("GetStateByPartialCompositeKeyWithPagination",),
    "walk_pairs": ("GetStateByPartialCompositeKeyWithPagination",),
    "all_pairs_page": ("GetAllStatesCompositeKeyWithPagination",),
    "rich": ("GetQueryResult",),
    "rich_page": ("GetQueryResultWithPagination",),
    "changes": ("GetHistoryForKey",),
    "times": ("GetHistoryForKey",),
    "share": ("PutPrivateData", "GetTransient", *_BATCHED),
    "share_pairs": ("PutPrivateData", "CreateCompositeKey", *_BATCHED),
    "write_unknown": ("PutPrivateData", *_BATCHED),
    "shared": ("GetPrivateData",),
    "add_shared": ("GetPrivateData", "PutPrivateData", *_BATCHED),
    "shared_several": ("GetMultiplePrivateData",),
    "shared_hash": ("GetPrivateDataHash",),
    "confirm": ("GetPrivateDataHash", "PutState", *_BATCHED),
    "withdraw": ("DelPrivateData", *_BATCHED),
    "purge": ("PurgePrivateData", *_BATCHED),
    "lock_shared": ("SetPrivateDataValidationParameter", *_BATCHED),
    "shared_policy": ("GetPrivateDataValidationParameter",),
    "shared_keys": ("GetPrivateDataByRange",),
    "shared_keys_then_put": ("GetPrivateDataByRange", "PutState"),
    "put_then_shared_keys": ("PutState", "GetPrivateDataByRange"),
    "shared_pairs": ("GetPrivateDataByPartialCompositeKey",),
    "shared_rich": ("GetPrivateDataQueryResult",),
    "announce": ("SetEvent",),
    "announce_twice": ("SetEvent",),
    "call": ("InvokeChaincode",),
    "call_any": ("InvokeChaincode",),
    "large": ("GetArgs",),
    "size": ("PutState", *_BATCHED),
}
"""What each function of the contract in tests/data/slice calls."""

# A message to public state, and the same to a collection.
_MESSAGES: Mapping[str, tuple[str, str]] = {
    "GET_STATE": ("GetState", "GetPrivateData"),
    "GET_STATE_MULTIPLE": ("GetMultipleStates", "GetMultiplePrivateData"),
    "GET_PRIVATE_DATA_HASH": ("GetPrivateDataHash", "GetPrivateDataHash"),
    "GET_STATE_METADATA": ("GetStateValidationParameter", "GetPrivateDataValidationParameter"),
    "GET_QUERY_RESULT": ("GetQueryResult", "GetPrivateDataQueryResult"),
    "GET_HISTORY_FOR_KEY": ("GetHistoryForKey", "GetHistoryForKey"),
    "PUT_STATE": ("PutState", "PutPrivateData"),
    "PUT_STATE_METADATA": ("SetStateValidationParameter", "SetPrivateDataValidationParameter"),
    "DEL_STATE": ("DelState", "DelPrivateData"),
    "PURGE_PRIVATE_DATA": ("PurgePrivateData", "PurgePrivateData"),
    "WRITE_BATCH_STATE": ("FinishWriteBatch", "FinishWriteBatch"),
    "GET_STATE_BY_RANGE": ("GetStateByRange", "GetPrivateDataByRange"),
}


@dataclass
class Proof:
    """The recorded cases of one method: `served` by a contract on our runtime, `bare` on the bare stream."""

    served: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    by_version: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VERSIONS, 0))
    refused: int = 0
    answered: int = 0


def proofs() -> dict[str, Proof]:
    """Every method of `METHODS` with the cases that real Fabric was asked."""
    found = {method: Proof() for method in METHODS}
    answers = {(version, page): _answers(version, page) for version in VERSIONS for page in PAGES}
    for page, case in CASES:
        if page not in PAGES:
            continue
        name = case["case"]
        recorded = {
            version: answers[version, page][name] for version in VERSIONS if name in answers[version, page]
        }
        for method in methods(case) if recorded else ():
            proof = found[method]
            (proof.bare if case["rpc"] == "Stream" else proof.served).append(name)
            for version in recorded:
                proof.by_version[version] += 1
            if case["rpc"] != "Stream":
                refused = _refused(next(iter(recorded.values())))
                proof.refused += refused
                proof.answered += not refused
    return found


def methods(case: Case) -> tuple[str, ...]:
    """The methods that a case calls, each once."""
    if case["rpc"] == "Stream":
        return tuple(dict.fromkeys(_sent(case.get("script", ()))))
    calls = [case["call"]] if "call" in case else [step["call"] for step in case.get("commit", ())]
    functions = [str(call[0]).rpartition(":")[2] for call in calls if call]
    return tuple(dict.fromkeys(method for each in functions for method in FUNCTIONS.get(each, ())))


def page() -> str:
    """The table of the methods, as Markdown."""
    lines = [
        "## The shim's methods",
        "",
        "Recorded cases of each: called by a contract on `hlf_chaincode`, of them refused, sent by a bare",
        "chaincode as a message alone; on each version of Fabric; and one by name.",
        "",
        f"| method | contract | of them refused | bare | {' | '.join(VERSIONS)} | for example |",
        f"|---|---|---|---|{'---|' * len(VERSIONS)}---|",
    ]
    for method, proof in proofs().items():
        counts = " | ".join(str(proof.by_version[version]) for version in VERSIONS)
        example = (proof.served or proof.bare or [""])[0]
        bare = len(proof.bare) or "–"
        lines.append(f"| {method} | {len(proof.served)} | {proof.refused} | {bare} | {counts} | {example} |")
    return "\n".join([*lines, ""])


def _answers(version: str, page: str) -> dict[str, Any]:
    path = HERE / "recordings" / version / f"{page}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _sent(steps: Any) -> Iterator[str]:
    for step in steps:
        if "invoke" in step:
            yield "InvokeChaincode"
            yield from _sent(step.get("steps", ()))
        elif "burst" in step:
            yield from _sent(step["burst"])
        elif "fill" in step:
            yield _MESSAGES["PUT_STATE"]["collection" in step["with"]]
        elif step.get("send") == "COMPLETED" and "event" in step:
            yield "SetEvent"
        elif step.get("send") in _MESSAGES:
            given = step.get("with", {})
            method = _MESSAGES[step["send"]][bool(given.get("collection"))]
            paginated = "metadata" in given and method in ("GetStateByRange", "GetQueryResult")
            yield f"{method}WithPagination" if paginated else method


def _refused(answer: Mapping[str, Any]) -> bool:
    return answer.get("code", "OK") != "OK" or int(answer.get("status", 200)) >= 400


def unknown() -> dict[str, set[str]]:
    """Functions that cases call and `FUNCTIONS` does not name, by page; none, unless it is out of date."""
    missing: dict[str, set[str]] = defaultdict(set)
    for page_name, case in CASES:
        if page_name == "shim" and case.get("call") and case["call"][0]:
            function = str(case["call"][0]).rpartition(":")[2]
            if function not in FUNCTIONS:
                missing[page_name].add(function)
    return dict(missing)
