"""Nothing personal leaves the parties of a loan: not in clear, not by its hash, not for a dictionary."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator

import pytest

from lending_domain.canonical import canonical, parse
from lending_domain.records_evaluation import EvaluationRecord
from tests.integration.conftest import DemoRun
from tests.integration.exposure import Exposure, expose, written_digests
from tests.integration.personal import (
    PersonalValue,
    applicants,
    guesses,
    personal_values,
    weak_commitments,
)

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("demo")]

PEERS = ("applicants", "semas", "foundation-seoul", "foundation-gyeonggi", "bank-a", "bank-b")
# Party to neither loan.
OUTSIDERS = ("foundation-gyeonggi", "bank-b")
CHANNELS = ("application", "referral", "guarantee", "execution")


@pytest.fixture(scope="module")
def exposure(demo_run: DemoRun) -> Exposure:
    return expose(demo_run.network)


def values() -> Iterator[PersonalValue]:
    for applicant in applicants():
        yield from personal_values(applicant)


def holds(haystack: Iterable[bytes], value: PersonalValue) -> bool:
    return any(needle in each for each in haystack for needle in value.needles)


def hash_forms(value: PersonalValue) -> Iterator[bytes]:
    for digest in value.digests():
        yield digest
        yield digest.hex().encode()
        yield digest.hex().upper().encode()
        yield base64.b64encode(digest)


def test_every_channel_and_every_peer_was_read(demo_run: DemoRun, exposure: Exposure) -> None:
    assert set(exposure.blocks) == set(CHANNELS)
    assert (
        set(exposure.stores) == set(PEERS) == {node.organization for node in demo_run.network.layout.peers()}
    )
    written = {step["transaction_id"] for step in demo_run.report["steps"] if "transaction_id" in step}
    everything = b"".join(block for blocks in exposure.blocks.values() for block in blocks)
    assert all(transaction_id.encode() in everything for transaction_id in written)


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_block_holds_a_personal_value(exposure: Exposure, channel: str) -> None:
    found = [value.name for value in values() if holds(exposure.blocks[channel], value)]
    assert found == []


@pytest.mark.parametrize("organization", PEERS)
def test_no_store_holds_what_its_owner_is_no_party_to(exposure: Exposure, organization: str) -> None:
    found = [
        value.name
        for value in values()
        if organization not in value.parties and holds(exposure.stores[organization], value)
    ]
    assert found == []


def test_no_orderer_log_or_shared_file_holds_a_personal_value(exposure: Exposure) -> None:
    found = [
        (path, value.name)
        for value in values()
        for path, content in exposure.files.items()
        if holds([content], value)
    ]
    assert found == []


@pytest.mark.parametrize("organization", PEERS)
def test_control_a_partys_store_holds_what_it_is_party_to(exposure: Exposure, organization: str) -> None:
    missing = [
        value.name
        for value in values()
        if organization in value.parties and not holds(exposure.stores[organization], value)
    ]
    assert missing == []


def test_no_block_and_no_store_of_others_holds_an_unsalted_hash(exposure: Exposure) -> None:
    found = []
    for value in values():
        places = [block for blocks in exposure.blocks.values() for block in blocks]
        for organization, store in exposure.stores.items():
            if organization not in value.parties:
                places += store
        if any(form in each for each in places for form in hash_forms(value)):
            found.append(value.name)
    assert found == []


def hits(digests: set[bytes]) -> list[bytes]:
    found = [guess for guess in guesses() if hashlib.sha256(guess).digest() in digests]
    found += [one.encode() for one in weak_commitments() if bytes.fromhex(one) in digests]
    return found


def test_a_dictionary_finds_nothing_in_any_hash_or_commitment(exposure: Exposure) -> None:
    assert len(exposure.digests) > 200
    of_outsiders = {
        digest
        for organization in OUTSIDERS
        for part in exposure.stores[organization]
        for digest in written_digests(part)
    }
    assert hits(exposure.digests | of_outsiders) == []


def test_control_the_dictionary_finds_what_is_not_salted(exposure: Exposure) -> None:
    amount = canonical({"amount_krw": applicants()[1].request.amount_krw})
    number = applicants()[0].subject.business_number.encode()
    planted = {hashlib.sha256(one).digest() for one in (amount, number)}
    assert set(hits(exposure.digests | planted)) == {amount, number}


@pytest.mark.parametrize("organization", ["applicants", "semas", "foundation-seoul", "bank-a"])
def test_control_a_partys_values_are_behind_the_hashes(exposure: Exposure, organization: str) -> None:
    """Whoever has the salted values finds each of them among the hashes: those are the right hashes."""
    assert exposure.values[organization]
    behind = [hashlib.sha256(value).digest() in exposure.digests for value in exposure.values[organization]]
    assert all(behind)


def test_control_the_evaluations_open_their_commitments(exposure: Exposure) -> None:
    records = [
        EvaluationRecord.model_validate(parse(value))
        for value in set(exposure.values["foundation-seoul"])
        if value.startswith(b'{"form":') and b'"screening"' in value
    ]
    # The second applicant's was corrected: the one before stays, as verifiable as the other.
    assert len(records) > len(applicants())
    assert all(bytes.fromhex(record.commitment) in exposure.digests for record in records)
