"""Chaincodes of the test's own (bare_chaincode), deployed on first use, and what cases have them do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.peer import chaincode_event_pb2, proposal_pb2, proposal_response_pb2
from fabric_protos.peer.lifecycle import lifecycle_pb2

from hlf.admin.discovery import Discovery
from hlf.admin.package import ccaas_package, package_id
from hlf_network import servers
from hlf_network.waiting import wait_until
from tests.conformance import definitions, shim_messages
from tests.conformance.bare_chaincode import BareChaincode
from tests.conformance.calls import (
    CALLS as GATEWAY,
)
from tests.conformance.calls import (
    SECONDS,
    Access,
    Answer,
    Case,
    arrange_transaction,
    guarded,
    node_of,
    signed_proposal,
    text,
)

_PEERS = ("org-a", "org-b")
_TRIES = 5
"""Calls until a peer has noticed that a stream has ended and opens another."""
_GOSSIPED = 90.0
_COLLECTIONS: tuple[Mapping[str, Any], ...] = (
    {"name": "both"},
    {"name": "open-read", "member_only_read": False},
    {"name": "open-write", "member_only_write": False},
    {"name": "theirs", "members": "OR('org-b.member')"},
)


def bare(access: Access, name: str = "bare") -> BareChaincode:
    """The bare chaincode of that name, served, installed and defined when it is first asked for."""
    if name not in access.servers:
        listen, host = access.chaincode_address
        server = BareChaincode(listen)
        access.servers[name] = server
        package = ccaas_package(name, f"{host}:{server.port}", dial_timeout="3s")
        server.package_id = package_id(package)
        for organization in _PEERS:
            install(access, f"{organization}/admin", package)
        deploy(access, {"deploy": name, "collections": _COLLECTIONS, "package": name})
    found = access.servers[name]
    assert isinstance(found, BareChaincode)
    return found


def install(access: Access, who: str, package: bytes) -> proposal_response_pb2.Response:
    """Install a package on the gateway of `who`'s organization."""
    argument = lifecycle_pb2.InstallChaincodeArgs(chaincode_install_package=package).SerializeToString()
    case = {"as": who, "channel": "", "chaincode": "_lifecycle", "call": ["InstallChaincode", argument]}
    return _process(access, case).response


def deploy(access: Access, step: Case) -> None:
    """Approve and commit a definition (`deploy`: its name) that runs the bare chaincode `package`.

    `runs` names a chaincode of the network's own to run in its place. `policy` and `collections` as in
    `definitions`, `version`, `sequence`, `init_required`, `endorsement_plugin`, `channel`; the organizations
    in `without_package` approve without it.
    """
    identifiers = _identifiers(access, step)
    fields = {
        "name": step["deploy"],
        "version": step.get("version", "1"),
        "sequence": step.get("sequence", 1),
        "init_required": step.get("init_required", False),
        "endorsement_plugin": step.get("endorsement_plugin", ""),
    }
    terms = {"policy": step.get("policy", "OR('org-a.member', 'org-b.member')"), **step}
    channel = step.get("channel", "slice")

    def approve(organization: str) -> None:
        approval = lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs(**fields)
        definitions.add_terms(approval, terms)
        if organization not in step.get("without_package", ()):
            approval.source.local_package.package_id = identifiers[organization]
        function = "ApproveChaincodeDefinitionForMyOrg"
        _arrange(access, organization, [organization], function, approval, channel)

    with ThreadPoolExecutor(len(_PEERS)) as pool:
        list(pool.map(approve, _PEERS))
    commit = lifecycle_pb2.CommitChaincodeDefinitionArgs(**fields)
    definitions.add_terms(commit, terms)
    _arrange(access, "org-a", list(_PEERS), "CommitChaincodeDefinition", commit, channel)
    if "package_id" not in step:
        running = set(_PEERS) - set(step.get("without_package", ()))
        _wait_gossiped(access, channel, step["deploy"], str(fields["sequence"]), running)


def _identifiers(access: Access, step: Case) -> dict[str, str]:
    """The package id by organization of what `deploy` is to run."""
    if "runs" in step:
        made = servers.packages(access.network.layout)
        return {organization: made[organization, step["runs"]].id for organization in _PEERS}
    identifier = step.get("package_id", "")
    if not identifier:
        package = step.get("package", "bare")
        # While it is being deployed itself, it is there already.
        identifier = (access.servers.get(package) or bare(access, package)).package_id
    return dict.fromkeys(_PEERS, identifier)


def _wait_gossiped(access: Access, channel: str, name: str, sequence: str, running: set[str]) -> None:
    """Until both peers know of each other that they run a definition: gossip takes a second, or a minute."""
    for organization in _PEERS:
        identity = access.identity(f"{organization}/admin")
        with Discovery(access.endpoint(access.gateway_of(organization)), identity) as discovery:

            def known(discovery: Discovery = discovery) -> bool:
                peers = discovery.peers(channel)
                return running <= {peer.msp_id for peer in peers if peer.chaincodes.get(name) == sequence}

            wait_until(known, _GOSSIPED, lambda: f"{name} was not seen at {', '.join(sorted(running))}")


def _arrange(
    access: Access, organization: str, endorsers: list[str], function: str, argument: Any, channel: str
) -> None:
    arrange_transaction(
        access,
        {
            "as": f"{organization}/admin",
            "organizations": endorsers,
            "chaincode": "_lifecycle",
            "call": [function, argument.SerializeToString()],
            "channel": channel,
        },
    )


def arrange_script(access: Access, step: Case) -> None:
    """Commit what a bare chaincode is told to do in `script`."""
    bare(access)
    arrange_transaction(access, scripted(step))


def scripted(case: Case, name: str = "") -> Case:
    """A call of the bare chaincode, which keeps what it is answered under `name`."""
    call = [shim_messages.script(name, case["script"])] if "script" in case else case.get("call", [])
    return {"chaincode": "bare", **case, "call": call}


# -- calls


def _stream(access: Access, case: Case) -> Answer:
    """A transaction whose chaincode takes the steps of `script`: what it is answered, and what the client is.

    `via` is ProcessProposal (default; with what was read and written if `rwset`), Evaluate, Endorse or
    Transact; `others` names further bare chaincodes that the script calls.
    """
    server = bare(access, case.get("server", "bare"))
    for other in case.get("others", ()):
        bare(access, other)
    name = secrets.token_hex(8)
    asked = scripted(case, name)
    via = case.get("via", "ProcessProposal")
    ask = propose_once if via == "ProcessProposal" else GATEWAY[via]
    answer = ask(access, asked)
    heard = server.heard.pop(name, [[]])
    return {"stream": heard[0], "client": answer}


def _process(access: Access, case: Case) -> proposal_response_pb2.ProposalResponse:
    """Ask one peer; `patience` is how many seconds the client waits."""
    _, signed = signed_proposal(access, case)
    stub = access.channel(node_of(access, case)).unary_unary(
        "/protos.Endorser/ProcessProposal",
        request_serializer=proposal_pb2.SignedProposal.SerializeToString,
        response_deserializer=proposal_response_pb2.ProposalResponse.FromString,
    )
    answer = stub(signed, timeout=case.get("patience", SECONDS))
    assert isinstance(answer, proposal_response_pb2.ProposalResponse)
    return answer


def propose_once(access: Access, case: Case) -> Answer:
    """One peer's answer to a proposal; `rwset` adds what was read and written."""

    def make() -> Answer:
        answer = _process(access, case)
        shown: Answer = {
            "code": "OK",
            "status": answer.response.status,
            "message": answer.response.message,
            "payload": text(answer.response.payload),
            "endorsed": bool(answer.endorsement.signature),
        }
        if not answer.payload:
            return shown
        action = _action(answer)
        if action.events:
            event = chaincode_event_pb2.ChaincodeEvent.FromString(action.events)
            shown["event"] = {"chaincode": event.chaincode_id, "name": event.event_name}
        if case.get("rwset"):
            shown["rwset"] = read_and_written(answer)
        return shown

    answer = guarded(make)
    if answer["code"] == "DEADLINE_EXCEEDED":
        # Client and server both end the call, and which comes first is chance.
        del answer["message"]
    return answer


def _action(answer: proposal_response_pb2.ProposalResponse) -> proposal_pb2.ChaincodeAction:
    body = proposal_response_pb2.ProposalResponsePayload.FromString(answer.payload)
    return proposal_pb2.ChaincodeAction.FromString(body.extension)


def read_and_written(answer: proposal_response_pb2.ProposalResponse) -> list[Answer]:
    """What a simulation read and wrote, namespace by namespace."""
    shown: list[Answer] = []
    for namespace in rwset_pb2.TxReadWriteSet.FromString(_action(answer).results).ns_rwset:
        public = kv_rwset_pb2.KVRWSet.FromString(namespace.rwset)
        part: Answer = {
            "reads": [f"{_key(each)}: {_version(each)}" for each in public.reads],
            "writes": [f"{_key(each)}: {_value(each)}" for each in public.writes],
            "metadata_writes": [
                f"{_key(each)}: {[item.name for item in each.entries]}" for each in public.metadata_writes
            ],
            "ranges": len(public.range_queries_info),
        }
        for collection in namespace.collection_hashed_rwset:
            hashed = kv_rwset_pb2.HashedRWSet.FromString(collection.hashed_rwset)
            part[f"collection {collection.collection_name}"] = {
                "reads": [_version(each) for each in hashed.hashed_reads],
                "writes": [
                    "purge" if each.is_purge else "delete" if each.is_delete else "put"
                    for each in hashed.hashed_writes
                ],
                "metadata_writes": len(hashed.metadata_writes),
            }
        shown.append(
            {"namespace": namespace.namespace, **{name: value for name, value in part.items() if value}}
        )
    return shown


def _key(entry: Any) -> str:
    return text(entry.key.encode())


def _version(read: Any) -> str:
    return "there" if read.HasField("version") else "not there"


def _value(write: Any) -> str:
    return "deleted" if write.is_delete else text(write.value)


def _register(access: Access, case: Case) -> Answer:
    """A call of a chaincode whose stream begins with `greeting`; what the peer says, and a call afterwards.

    The new stream is ended after the answer: real Fabric waits for a registration as long as there is one.
    """
    server = bare(access)
    server.end()
    server.heard.pop("greeting", None)
    named = {"with": {"name": server.package_id}}
    ask = GATEWAY[case["via"]] if "via" in case else propose_once
    opened = server.opened
    server.greeting = [{**step, **named} if step.get("properly") else step for step in case["greeting"]]
    try:
        for _ in range(_TRIES):
            client = ask(access, {"chaincode": "bare", "call": [], **case})
            if server.opened > opened:
                break
    finally:
        server.greeting = None
        server.end()
    heard = [answer for each in server.heard.pop("greeting", []) for answer in each]
    return {"stream": heard, "client": client, "afterwards": _recovered(access, case)}


def _recovered(access: Access, case: Case) -> Answer:
    """The first call that gets through again: what waits for the old stream may take the next one with it."""
    for _ in range(_TRIES):
        answer = propose_once(access, {"chaincode": "bare", "call": [], "as": case["as"]})
        if answer.get("status") == 200:
            return answer
    return answer


def _install(access: Access, case: Case) -> Answer:
    """InstallChaincode of a `package` (see `definitions.package`); `again` installs it twice."""
    content = definitions.package(case["package"])

    def make() -> Answer:
        if case.get("again"):
            install(access, case["as"], content)
        response = install(access, case["as"], content)
        shown: Answer = {"code": "OK", "status": response.status, "message": response.message}
        if response.status == 200:
            result = lifecycle_pb2.InstallChaincodeResult.FromString(response.payload)
            shown["result"] = {"package_id": result.package_id, "label": result.label}
        return shown

    return guarded(make)


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "Stream": _stream,
    "Register": _register,
    "Install": _install,
}
