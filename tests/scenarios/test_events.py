"""Events: live, from a block on, from a checkpoint, and through the restart of a peer."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

import hlf
from hlf.wire.blocks import decode_block
from tests.scenarios.conftest import Way

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("scenarios")]


def take(events: Any, name: str, count: int) -> list[str]:
    """The payloads of the first `count` events of that name."""
    return [
        event.payload.decode()
        for event in itertools.islice((one for one in events if one.name == name), count)
    ]


@pytest.mark.feature("A11", "sync", "async")
def test_events_from_now_on(way: Way, key: str) -> None:
    contract = way.contract()
    contract.submit("announce", key, "before")
    # Where it starts is settled before the first event, so that none of what follows can be missed.
    with way.gateway().network("trade").chaincode_events("assets", reconnect=True) as events:
        contract.submit("announce", key, "one")
        contract.submit("announce", key, "two")
        assert take(events, key, 2) == ["one", "two"]


@pytest.mark.feature("A11", "sync", "async")
def test_events_are_replayed_from_a_block(way: Way, key: str) -> None:
    contract = way.contract()
    block = contract.execute("announce", key, "one").block_number
    contract.submit("announce", key, "two")
    network = way.gateway().network("trade")
    for _ in range(2):
        with network.chaincode_events("assets", start_block=block) as events:
            assert take(events, key, 2) == ["one", "two"]


def test_invalid_transactions_emit_nothing(way: Way, key: str) -> None:
    contract = way.contract()
    block = contract.execute("announce", key, "valid").block_number
    with pytest.raises(hlf.CommitError):
        contract.submit("announce", key, "invalid", endorsing_organizations=["org-a"])
    contract.submit("announce", key, "valid too")
    with way.gateway().network("trade").chaincode_events("assets", start_block=block) as events:
        assert take(events, key, 2) == ["valid", "valid too"]


def test_closing_one_listener_leaves_another_be(way: Way, key: str) -> None:
    contract = way.contract()
    block = contract.execute("announce", key, "one").block_number
    network = way.gateway().network("trade")
    with network.chaincode_events("assets", start_block=block) as first:
        with network.chaincode_events("assets", start_block=block) as second:
            assert take(first, key, 1) == take(second, key, 1) == ["one"]
        assert list(second) == []
        contract.submit("announce", key, "two")
        assert take(first, key, 1) == ["two"]


@pytest.mark.feature("A12", "sync", "async")
def test_a_listener_goes_on_at_its_checkpoint(way: Way, key: str, tmp_path: Path) -> None:
    contract, network = way.contract(), way.gateway().network("trade")
    block = contract.execute("announce", key, "one").block_number
    for payload in ("two", "three"):
        contract.submit("announce", key, payload)
    seen = []
    for _ in range(3):  # three runs of a program that dies after each event
        with (
            hlf.FileCheckpoint(tmp_path / "listener.json") as checkpoint,
            network.chaincode_events("assets", start_block=block, checkpoint=checkpoint) as events,
        ):
            for event in events:
                if event.name == key:
                    seen.append(event.payload.decode())
                    checkpoint.record(event)
                    break
    assert seen == ["one", "two", "three"]


@pytest.mark.feature("A11", "sync", "async")
def test_the_three_kinds_of_blocks(way: Way, key: str) -> None:
    parties = ["org-a", "org-b"]
    outcome = way.contract().execute(
        "hide", "org-a_org-b", key, transient={"value": b'"secret"'}, endorsing_organizations=parties
    )
    number = outcome.block_number
    network = way.gateway().network("trade")
    with network.blocks(start=number, stop=number) as blocks:
        (block,) = list(blocks)
    assert outcome.transaction_id in {one.transaction_id for one in decode_block(block).transactions}
    with network.filtered_blocks(start=number, stop=number) as filtered:
        (short,) = list(filtered)
    assert (short.channel_id, short.number) == ("trade", number)
    assert outcome.transaction_id in {one.txid for one in short.filtered_transactions}
    with network.private_blocks(start=number, stop=number) as private:
        (full,) = list(private)
    assert full.private_data_map
    assert b"secret" in full.SerializeToString()


@pytest.mark.feature("A12", "sync", "async")
def test_blocks_go_on_at_a_checkpoint(way: Way, key: str) -> None:
    contract, network = way.contract(), way.gateway().network("trade")
    checkpoint = hlf.Checkpoint()
    checkpoint.record_block(contract.execute("put", key, "1").block_number)
    last = contract.execute("put", key, "2").block_number
    with network.filtered_blocks(start=checkpoint.start, stop=last) as blocks:
        assert [block.number for block in blocks] == list(range(checkpoint.start, last + 1))


@pytest.mark.feature("A13", "sync", "async")
def test_a_stream_that_is_refused_says_why(way: Way) -> None:
    network = way.gateway().network("trade")
    with (
        pytest.raises(hlf.EventError) as refused,
        network.blocks(start=0, stop=0) as blocks,
        way.gateway().network("nowhere").blocks(start=0) as nothing,
    ):
        assert next(iter(blocks)).header.number == 0
        next(iter(nothing))
    assert refused.value.status == "NOT_FOUND"
    assert "does not know the channel" in str(refused.value)


@pytest.mark.feature("A13", "sync", "async")
@pytest.mark.parametrize("kind", ["blocks", "private_blocks"])
def test_whom_the_channel_does_not_let_listen_is_told_so(way: Way, key: str, kind: str) -> None:
    number = way.contract().execute("put", key, "1").block_number
    outsider = way.gateway("org-c").network("trade")
    # The channel's configuration lets org-c's administrators have whole blocks, and everybody the short ones.
    with outsider.filtered_blocks(start=number, stop=number) as filtered:
        assert [block.number for block in filtered] == [number]
    with (
        pytest.raises(hlf.EventError) as refused,
        getattr(outsider, kind)(start=number, stop=number, reconnect=True) as blocks,
    ):
        next(iter(blocks))
    assert (refused.value.status, refused.value.retryable) == ("FORBIDDEN", False)
    assert "may not listen" in str(refused.value)


@pytest.mark.feature("A13", "sync", "async")
def test_who_may_not_ask_for_the_height_names_a_block_to_start_with(way: Way, key: str) -> None:
    outsider = way.gateway("org-c").network("trade")
    with (
        pytest.raises(hlf.EventError, match="access denied") as refused,
        outsider.chaincode_events("assets", reconnect=True) as events,
    ):
        next(iter(events))
    assert (refused.value.status, refused.value.retryable) == ("FORBIDDEN", False)
    assert "name the block to start with" in str(refused.value)
    number = way.contract().execute("announce", key, "heard").block_number
    with outsider.chaincode_events("assets", start_block=number, reconnect=True) as events:
        assert next(iter(events)).payload == b"heard"
