"""What cases ask of `_lifecycle`, and the steps that they stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.peer import collection_pb2, proposal_response_pb2, transaction_pb2
from fabric_protos.peer.lifecycle import chaincode_definition_pb2, db_pb2, lifecycle_pb2
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from hlf.wire.policy import application_policy
from tests.conformance import calls_stream, definitions
from tests.conformance.calls import (
    Access,
    Answer,
    Case,
    arrange_transaction,
    commit_status,
    endorse,
    guarded,
    node_of,
    sign_envelope,
    signed_proposal,
    submit,
    transact,
    unary,
)
from tests.conformance.crafted import craft


def arrange(access: Access, step: Case) -> None:
    """Take a step that a case stands on.

    A contract's function or one of `_lifecycle` is submitted; `deploy` is a whole definition, `script` what a
    bare chaincode does, `installed` the package of a bare chaincode, `approved_by_hand` an approval of org-c,
    which has no peer.
    """
    if "deploy" in step:
        calls_stream.deploy(access, step)
    elif "approved_by_hand" in step:
        _approve_by_hand(access, step)
    elif "installed" in step:
        calls_stream.bare(access, step["installed"])
    elif "script" in step:
        calls_stream.arrange_script(access, step)
    else:
        arrange_transaction(access, _call(access, step) if "function" in step else step)


def _approve_by_hand(access: Access, step: Case) -> None:
    """Approve version 1 as the first sequence of a chaincode, for an organization without a peer.

    What its approval would be is hashed into its implicit collection by a transaction that nobody simulated.
    """
    policy = application_policy("/Channel/Application/Endorsement").SerializeToString()
    fields: dict[str, Message] = {
        "EndorsementInfo": chaincode_definition_pb2.ChaincodeEndorsementInfo(
            version="1", endorsement_plugin="escc"
        ),
        "ValidationInfo": chaincode_definition_pb2.ChaincodeValidationInfo(
            validation_plugin="vscc", validation_parameter=policy
        ),
        "Collections": collection_pb2.CollectionConfigPackage(),
    }
    stored = f"{step['approved_by_hand']}#1"
    metadata = db_pb2.StateMetadata(datatype="ChaincodeParameters", fields=list(fields))
    put = {f"namespaces/metadata/{stored}": metadata.SerializeToString().decode()}
    for name, value in fields.items():
        data = db_pb2.StateData(Bytes=value.SerializeToString())
        put[f"namespaces/fields/{stored}/{name}"] = data.SerializeToString().decode()
    case = {"as": "org-c/user"}
    envelope = craft(
        access.identity,
        case["as"],
        "slice",
        {
            "chaincode": "_lifecycle",
            "version": "syscc",
            "endorsers": ["made/org-c:peer"],
            "writes": [{"collections": {"_implicit_org_org-c": {"put": put}}}],
        },
    )
    header = common_pb2.Payload.FromString(envelope.payload).header.channel_header
    transaction_id = common_pb2.ChannelHeader.FromString(header).tx_id
    submit(access, case, transaction_id, envelope)
    for peer in ("org-a", "org-b"):
        status = commit_status(access, {**case, "at": access.gateway_of(peer)}, transaction_id)
        assert status.result == transaction_pb2.VALID, f"{status.result} for {step}"


def propose(access: Access, case: Case) -> proposal_response_pb2.ProposalResponse:
    """One peer's answer to a proposal, as it is."""
    _, signed = signed_proposal(access, case)
    answer = unary(
        access,
        node_of(access, case),
        "/protos.Endorser/ProcessProposal",
        signed,
        proposal_response_pb2.ProposalResponse,
    )
    assert isinstance(answer, proposal_response_pb2.ProposalResponse)
    return answer


def _call(access: Access, case: Case) -> Case:
    """The case as a call of `_lifecycle`; `like` takes over what that chaincode's definition says.

    `terms`: policy and collections as in `definitions`; `source`: the bare chaincode whose package it takes;
    `raw`: these bytes for an argument.
    """
    function = case["function"]
    if "raw" in case:
        return {**case, "chaincode": "_lifecycle", "call": [function, str(case["raw"]).encode("latin-1")]}
    argument: Message = getattr(lifecycle_pb2, f"{function}Args")()
    if "like" in case:
        query = lifecycle_pb2.QueryChaincodeDefinitionArgs(name=case["like"]).SerializeToString()
        asked = {
            "as": "org-a/admin",
            "chaincode": "_lifecycle",
            "call": ["QueryChaincodeDefinition", query],
        }
        payload = propose(access, asked).response.payload
        found = MessageToDict(
            lifecycle_pb2.QueryChaincodeDefinitionResult.FromString(payload), preserving_proto_field_name=True
        )
        found.pop("approvals", None)
        ParseDict({"name": case["like"], **found}, argument)
    changes = ParseDict(case.get("with", {}), type(argument)())
    for field, value in changes.ListFields():
        if field.label == field.LABEL_REPEATED:
            argument.ClearField(field.name)
            getattr(argument, field.name).MergeFrom(value)
        elif field.message_type is not None:
            getattr(argument, field.name).CopyFrom(value)
        else:
            setattr(argument, field.name, value)
    definitions.add_terms(argument, case.get("terms", {}))
    if "source" in case:
        _name_package(argument, calls_stream.bare(access, case["source"]).package_id)
    return {**case, "chaincode": "_lifecycle", "call": [function, argument.SerializeToString()]}


def _name_package(argument: Any, package_id: str) -> None:
    if isinstance(argument, lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs):
        argument.source.local_package.package_id = package_id
    else:
        argument.package_id = package_id


def _lifecycle(access: Access, case: Case) -> Answer:
    """A `_lifecycle` function asked of one peer: its decoded result, of `only` those fields if given.

    `among` keeps, of a list, what has one of these names: other cases define chaincodes too. `rwset` adds
    what was read and written.
    """
    call = _call(access, case)

    def make() -> Answer:
        answer = propose(access, call)
        response = answer.response
        shown: Answer = {"code": "OK", "status": response.status, "message": response.message}
        if response.status == 200:
            function = case["function"]
            result = getattr(lifecycle_pb2, f"{function}Result")
            decoded = MessageToDict(result.FromString(response.payload), preserving_proto_field_name=True)
            shown["result"] = {
                name: _among(value, case)
                for name, value in decoded.items()
                if name in case.get("only", decoded)
            }
            if case.get("rwset"):
                shown["rwset"] = calls_stream.read_and_written(answer)
        return shown

    return guarded(make)


def _among(value: Any, case: Case) -> Any:
    if "among" not in case or not isinstance(value, list):
        return value
    kept = [each for each in value if (each.get("name") or each.get("label")) in case["among"]]
    return sorted(kept, key=lambda each: str(each.get("sequence", "")))


def _lifecycle_transact(access: Access, case: Case) -> Answer:
    """A `_lifecycle` function endorsed, submitted and waited for."""
    return transact(access, _call(access, case))


def _across(access: Access, case: Case) -> Answer:
    """A transaction endorsed before, and committed after, the steps in `meanwhile`."""
    call = _call(access, case) if "function" in case else calls_stream.scripted(case)

    def make() -> Answer:
        transaction_id, envelope = endorse(access, call)
        for step in case["meanwhile"]:
            arrange(access, step)
        submit(access, call, transaction_id, sign_envelope(access, call, envelope))
        status = commit_status(access, call, transaction_id)
        return {"validation_code": transaction_pb2.TxValidationCode.Name(status.result)}

    return guarded(make)


CALLS: Mapping[str, Callable[[Access, Case], Answer]] = {
    "Lifecycle": _lifecycle,
    "LifecycleTransact": _lifecycle_transact,
    "Across": _across,
}
