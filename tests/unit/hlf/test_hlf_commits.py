"""Commits from one stream of filtered blocks: up before the first submit, and CommitStatus when in doubt."""

import gc
import logging
import threading

import grpc
import pytest
from fabric_protos.common.common_pb2 import FORBIDDEN
from fabric_protos.peer.events_pb2 import FilteredBlock

import hlf
from hlf import Endpoint, Gateway
from hlf.commitlog import CommitLog
from tests.unit.hlf.faces import run_on
from tests.unit.hlf.fake_gateway import FakeGateway, Refuse

VALID, MVCC, DUPLICATE = 0, 11, 9


@pytest.fixture(params=["sync", "async"])
def run(request, fake, identity, quick):
    """Runs ``scenario(contract, wait)`` on a gateway with a commit stream."""

    def go(scenario):
        async def on_contract(gateway, wait):
            return await scenario(gateway.network("ch").contract("basic"), wait)

        target = Endpoint(fake.address), identity
        return run_on(request.param, on_contract, *target, session=quick, commits="stream")

    return go


async def two(contract, wait):
    return [await wait(contract.execute("Write", name)) for name in "ab"]


@pytest.mark.feature("A20", "sync", "async")
def test_commits_come_from_one_stream(run, fake):
    first, second = run(two)
    assert (first.result, first.validation_code) == (b"Write|a", "VALID")
    assert fake.commits[second.transaction_id] == (second.block_number, "VALID")
    assert "CommitStatus" not in fake.requests
    assert len(fake.requests["Deliver"]) == 1


def test_the_stream_is_up_before_the_first_submit(run, fake):
    seen = []
    fake.script["Submit"] = [lambda _request: seen.append(len(fake.requests["Deliver"]))]
    run(two)
    assert seen == [1]


def test_an_invalid_transaction_is_left_to_commit_status(run, fake):
    fake.commit_on_submit = False
    fake.script["Submit"] = [lambda request: fake.commit(request.transaction_id, "MVCC_READ_CONFLICT")]
    with pytest.raises(hlf.CommitError) as caught:
        run(two)
    assert caught.value.validation_code == "MVCC_READ_CONFLICT"
    assert len(fake.requests["CommitStatus"]) == 1


@pytest.mark.parametrize("refusal", [FORBIDDEN, Refuse(grpc.StatusCode.PERMISSION_DENIED, "no")])
def test_a_refused_stream_leaves_all_to_commit_status(run, fake, caplog, refusal):
    fake.stream_script = [refusal]
    with caplog.at_level(logging.WARNING, "hlf"):
        outcomes = run(two)
    assert [outcome.validation_code for outcome in outcomes] == ["VALID", "VALID"]
    assert len(fake.requests["CommitStatus"]) == 2
    assert len(fake.requests["Deliver"]) == 1
    assert "no commit stream" in caplog.text


def test_a_broken_stream_goes_on_where_it_was(run, fake):
    async def scenario(contract, wait):
        outcomes = [await wait(contract.execute("Write", "a"))]
        fake.break_streams()
        # Until the new stream has shown its first block, CommitStatus answers.
        for turn in range(1000):
            asked = len(fake.requests.get("CommitStatus", ()))
            outcomes.append(await wait(contract.execute("Write", str(turn))))
            if len(fake.requests["Deliver"]) == 2 and asked == len(fake.requests.get("CommitStatus", ())):
                return outcomes
        return []

    outcomes = run(scenario)
    assert outcomes
    assert len({outcome.transaction_id for outcome in outcomes}) == len(outcomes)
    _head, seek = fake.requests["Deliver"][1]
    assert seek.start.specified.number == 10


def test_commits_come_from_the_gateway_s_own_peer_alone(fake, identity, quick):
    other = FakeGateway()
    try:
        peers = [Endpoint(other.address)]
        with Gateway(
            Endpoint(fake.address), identity, session=quick, commits="stream", event_peers=peers
        ) as gateway:
            contract = gateway.network("ch").contract("basic")
            contract.submit("Write")
            fake.break_streams()
            fake.wait_for(lambda: len(fake.requests["Deliver"]) == 2)
            contract.submit("Write")
        assert other.requests == {}
    finally:
        other.stop()


def test_what_a_broken_stream_leaves_open_is_asked_for(run, fake):
    fake.commit_on_submit = False

    def breaks(request):
        fake.break_streams()
        fake.stream_script = [Refuse(grpc.StatusCode.UNAVAILABLE, "still down")] * 20
        fake.accept(request.prepared_transaction)
        fake.commit(request.transaction_id)

    fake.script["Submit"] = [breaks]

    async def scenario(contract, wait):
        return await wait(contract.execute("Write", "a"))

    outcome = run(scenario)
    assert fake.commits[outcome.transaction_id] == (outcome.block_number, "VALID")


def test_a_stream_that_lags_is_not_waited_for(run, fake):
    async def scenario(contract, wait):
        outcomes = [await wait(contract.execute("Write", "a"))]
        fake.set_deliver(False)
        outcomes += [await wait(contract.execute("Write", name)) for name in "bc"]
        asked = len(fake.requests["CommitStatus"])
        sent = len(fake.requests["Submit"])
        fake.set_deliver(True)
        return outcomes, asked, sent

    outcomes, asked, sent = run(scenario)
    assert [outcome.result for outcome in outcomes] == [b"Write|a", b"Write|b", b"Write|c"]
    # The first that was waited for in vain was sent again; the next was not waited for.
    assert asked == 2
    assert sent == 4


def test_a_lost_transaction_is_sent_again(run, fake):
    from fabric_protos.gateway.gateway_pb2 import SubmitResponse

    fake.script["Submit"] = [lambda _request: SubmitResponse()]
    assert len(run(two)) == 2
    assert len(fake.requests["Submit"]) == 3


def test_outcome_unknown_past_the_deadline(run, fake):
    fake.commit_on_submit = False

    async def scenario(contract, wait):
        await wait(contract.submit("Write", timeout=1))

    with pytest.raises(hlf.CommitStatusError) as caught:
        run(scenario)
    assert caught.value.transaction


def test_steps_use_the_stream_too(run, fake):
    async def scenario(contract, wait):
        commit = await wait(contract.submit_async("Write", "a"))
        status = await wait(commit.status())
        return commit.result, status

    result, status = run(scenario)
    assert result == b"Write|a"
    assert status.successful
    assert "CommitStatus" not in fake.requests


def test_many_threads_share_a_stream(fake, identity):
    outcomes = []
    with Gateway(Endpoint(fake.address), identity, commits="stream") as gateway:
        contract = gateway.network("ch").contract("basic")

        def work(number):
            outcomes.extend(contract.execute("Write", f"{number}-{turn}") for turn in range(10))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len({outcome.transaction_id for outcome in outcomes}) == 80
    assert "CommitStatus" not in fake.requests


def test_closing_a_gateway_ends_its_reader(fake, identity):
    channel = Endpoint(fake.address).connect()
    with Gateway(channel, identity, commits="stream") as gateway:
        gateway.network("ch").contract("basic").submit("Write")
        readers = [thread for thread in threading.enumerate() if thread.name == "commits of ch"]
        assert readers
    assert not any(reader.is_alive() for reader in readers)
    channel.close()


def test_a_stream_takes_an_identity_that_signs(fake, identity):
    with pytest.raises(hlf.ConfigurationError, match="commits"):
        Gateway(Endpoint(fake.address), identity.identity, commits="stream")
    with pytest.raises(hlf.ConfigurationError, match="status or stream"):
        Gateway(Endpoint(fake.address), identity, commits="both")


def block(number, *transactions):
    message = FilteredBlock(number=number)
    for transaction_id, code in transactions:
        message.filtered_transactions.add(txid=transaction_id, tx_validation_code=code)
    return message


def test_a_log_watches_nothing_before_its_first_block():
    log = CommitLog()
    assert log.watch("t") is None
    log.block(block(4))
    assert log.watch("t") is not None
    log.doubt()
    assert log.watch("u") is None


@pytest.mark.parametrize("code", [MVCC, DUPLICATE, 8])
def test_a_log_vouches_for_valid_transactions_only(code):
    log = CommitLog()
    log.block(block(4))
    watch, other = log.watch("t"), log.watch("u")
    log.block(block(5, ("t", code), ("u", VALID), ("t", VALID)))
    assert (watch.done, watch.block) == (True, None)
    assert (other.done, other.block) == (True, 5)


def test_a_log_is_in_doubt_until_it_has_come_as_far_as_commit_status():
    log = CommitLog()
    log.block(block(4))
    watch = log.watch("t")
    watch.told(6)
    assert not log.trusted
    log.block(block(5))
    assert not log.trusted
    log.block(block(6))
    assert log.trusted
    watch.told(6)
    assert log.trusted


def test_a_log_forgets_what_nobody_waits_for():
    log = CommitLog()
    log.block(block(4))
    kept = log.watch("kept")
    for number in range(1000):
        log.watch(f"dropped-{number}")
    gc.collect()
    assert len(log) == 1
    assert not kept.done


def test_a_watch_wakes_once_and_at_once_when_it_is_done():
    log = CommitLog()
    woken = []
    log.on_decided(lambda: woken.append("decided"))
    assert woken == []
    log.block(block(4))
    watch = log.watch("t")
    watch.on_done(lambda: woken.append("early"))
    log.block(block(5, ("t", VALID)))
    log.block(block(5, ("t", VALID)))
    watch.on_done(lambda: woken.append("late"))
    log.on_decided(lambda: woken.append("decided"))
    assert woken == ["decided", "early", "late", "decided"]
