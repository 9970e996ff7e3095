"""Versions of records, and the table of lives."""

import json

import pytest

from hlf_chaincode.stub import Stub
from lending_chaincode.credit_evaluation import CreditEvaluation
from lending_chaincode.document_exchange import DocumentExchange
from lending_chaincode.guarantee import Guarantee
from lending_chaincode.loan_application import LoanApplication
from lending_chaincode.loan_execution import LoanExecution
from lending_domain.canonical import canonical, parse
from lending_domain.records import Record, encode, read_record
from lending_domain.records_servicing import GuaranteeFile
from lending_domain.states import LIVES, NEW
from tests.unit.lending_chaincode.consortium import START, new_id, refused


class LaterFile(GuaranteeFile):
    """A guarantee's file as a later schema might have it."""

    remark: str | None = None


def test_a_value_written_before_keeps_its_hash(consortium):
    file = consortium.file(new_id())
    stored = encode(file)
    assert b"null" not in stored
    assert encode(GuaranteeFile.model_validate(parse(stored))) == stored
    assert encode(LaterFile.model_validate(parse(stored))) == stored


def test_a_record_of_an_unknown_version_is_refused(consortium):
    record = Record(type="guarantee", id=new_id(), state="issued", parties=("bank-a",))
    fields = {**json.loads(encode(record)), "version": 9}
    assert read_record(encode(record)) == record
    with pytest.raises(ValueError, match="version 9"):
        read_record(canonical(fields))
    guarantee_id, file = new_id(), consortium.file(new_id())
    consortium.at_guarantee("issue", consortium.seoul, guarantee_id, "bank-a", START, file=file)
    world = consortium.guarantee._world
    world.entry("guarantee", f"guarantee/{guarantee_id}").value = canonical(fields)
    with refused("RECORD_VERSION"):
        consortium.at_guarantee("cancel", consortium.seoul, guarantee_id, START)


def test_a_stored_value_in_another_form_is_refused_without_its_text(consortium):
    guarantee_id, file = new_id(), consortium.file(new_id())
    consortium.at_guarantee("issue", consortium.seoul, guarantee_id, "bank-a", START, file=file)
    collection = "foundation-seoul_bank-a"
    for peer in ("foundation-seoul", "bank-a"):
        stored = consortium.guarantee._world.private_entry(peer, "guarantee", collection, guarantee_id)
        stored.value = b'{"secret":"whose"}'
    with refused("BAD_RECORD") as caught:
        consortium.guarantee.evaluate(
            "guarantee", "file", guarantee_id, caller=consortium.seoul.caller, peer="foundation-seoul"
        )
    assert "whose" not in str(caught.value)


def test_what_a_call_asks_for_again_is_not_read_again(consortium, monkeypatch):
    guarantee_id, file = new_id(), consortium.file(new_id())
    consortium.at_guarantee("issue", consortium.seoul, guarantee_id, "bank-a", START, file=file)
    read: list[str] = []
    get = Stub.get

    def noted(stub, key, collection=""):
        read.append(key)
        return get(stub, key, collection)

    monkeypatch.setattr(Stub, "get", noted)
    endorsers = ("foundation-seoul", "bank-a")
    consortium.at_guarantee("cancel", consortium.seoul, guarantee_id, START, endorsers=endorsers)
    # By the decorator, by the function, by the date's check: once at each endorser.
    assert sorted(read) == ["charter", "charter", f"guarantee/{guarantee_id}", f"guarantee/{guarantee_id}"]


def test_every_step_of_a_life_is_a_contracts_function():
    contracts = (DocumentExchange, LoanApplication, CreditEvaluation, Guarantee, LoanExecution)
    functions = {name for contract in contracts for name in dir(contract)}
    actions = {action for life in LIVES.values() for action in life}
    # The review's two outcomes are one function; to activate a model is to supersede the one before.
    assert actions - functions == {"confirm", "refuse", "supersede_model"}
    for life in LIVES.values():
        assert any(NEW in step.sources for step in life.values())
        reachable = {step.target for step in life.values() if step.target}
        named = {source for step in life.values() for source in step.sources} - {NEW}
        computed = {"overdue", "accelerated", "accident", "subrogated", "override-proposed", "overridden"}
        computed |= {"carried"}
        assert named <= reachable | computed
