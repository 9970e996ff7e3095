"""Each of the shim's 43 methods has its cases on real Fabric, by a contract on our runtime."""

from __future__ import annotations

import pytest

from tests.conformance import shim_methods
from tests.data.slice.contract import Records

PROOFS = shim_methods.proofs()
# Of Fabric 3.1 alone; on 2.5 the runtime makes plain calls in their place, and the answer is the same.
REACHING_THE_PEER = set(shim_methods.METHODS) - {
    *("GetArgs", "GetStringArgs", "GetFunctionAndParameters", "GetArgsSlice", "GetTxID", "GetChannelID"),
    *("GetCreator", "GetTransient", "GetBinding", "GetDecorations", "GetSignedProposal", "GetTxTimestamp"),
    *("CreateCompositeKey", "SplitCompositeKey", "SetEvent", "StartWriteBatch"),
}
# What LevelDB never answers, and what no chaincode can provoke an error of.
NEVER_ANSWERED = {"GetQueryResult", "GetQueryResultWithPagination", "GetPrivateDataQueryResult"}
NEVER_REFUSED = {
    *("GetTxID", "GetChannelID", "GetCreator", "GetTransient", "GetBinding", "GetDecorations"),
    *("GetSignedProposal", "GetTxTimestamp"),
}


def test_there_are_forty_three() -> None:
    assert len(shim_methods.METHODS) == len(set(shim_methods.METHODS)) == 43


@pytest.mark.parametrize("method", shim_methods.METHODS)
def test_a_method_has_cases_on_both_versions_of_fabric(method: str) -> None:
    proof = PROOFS[method]
    assert proof.served, f"no case has a contract call {method}"
    assert all(proof.by_version.values())
    if method not in NEVER_ANSWERED:
        assert proof.answered, f"no case has {method} answered"
    if method not in NEVER_REFUSED:
        assert proof.refused, f"no case has {method} refused"


@pytest.mark.parametrize("method", sorted(REACHING_THE_PEER))
def test_a_method_that_reaches_the_peer_is_also_sent_bare(method: str) -> None:
    wrapped = {
        "GetAllStatesCompositeKeyWithPagination": "GetStateByRangeWithPagination",
        "GetStateByPartialCompositeKey": "GetStateByRange",
        "GetStateByPartialCompositeKeyWithPagination": "GetStateByRangeWithPagination",
        "GetPrivateDataByPartialCompositeKey": "GetPrivateDataByRange",
    }
    assert PROOFS[wrapped.get(method, method)].bare


def test_every_function_says_what_it_calls() -> None:
    assert shim_methods.unknown() == {}
    assert all(hasattr(Records, name) for name in shim_methods.FUNCTIONS)
    assert {method for each in shim_methods.FUNCTIONS.values() for method in each} == set(
        shim_methods.METHODS
    )
