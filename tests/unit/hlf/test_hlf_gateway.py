"""Gateway and AsyncGateway against a scripted service: each case runs on both faces."""

import asyncio
import json
import pickle
import runpy
from pathlib import Path

import grpc
import pytest

import hlf
from hlf import AsyncGateway, Endpoint, Gateway, PeerDetail, Retry, Wallet
from tests.unit.hlf.faces import run_on
from tests.unit.hlf.fake_gateway import Refuse, make_identity

Code = grpc.StatusCode
CHAINCODE_SAYS = PeerDetail("peer0:7051", "Org1MSP", "chaincode response 500, asset9 does not exist")
NO_QUORUM = Refuse(
    Code.UNAVAILABLE,
    "insufficient number of orderers could successfully process transaction to satisfy quorum requirement",
)


@pytest.fixture(params=["sync", "async"])
def run(request, fake, identity, quick):
    """Runs ``scenario(gateway, wait)``: ``wait`` is the identity, or awaits."""

    def go(scenario, who=identity, session=quick):
        return run_on(request.param, scenario, Endpoint(fake.address), who, session=session)

    return go


def contract(gateway):
    return gateway.network("ch").contract("basic")


@pytest.mark.feature("A1", "sync", "async")
@pytest.mark.feature("A5", "sync", "async")
@pytest.mark.feature("A8", "sync", "async")
def test_evaluate_passes_arguments_transient_data_and_organizations(run, fake):
    async def scenario(gateway, wait):
        return await wait(
            contract(gateway).evaluate(
                "Read", "a", b"\xff", transient={"k": b"secret"}, endorsing_organizations=["Org2MSP"]
            )
        )

    assert run(scenario) == b"Read|a|\xffsecret"
    request = fake.requests["Evaluate"][0]
    assert list(request.target_organizations) == ["Org2MSP"]
    assert request.channel_id == "ch"
    assert len(request.transaction_id) == 64


@pytest.mark.feature("A8", "sync", "async")
def test_named_contract_qualifies_the_function(run):
    async def scenario(gateway, wait):
        return await wait(gateway.network("ch").contract("basic", "assets").evaluate("Read"))

    assert run(scenario) == b"assets:Read"


@pytest.mark.feature("A1", "sync", "async")
@pytest.mark.feature("A5", "sync", "async")
def test_execute_returns_the_outcome(run, fake):
    async def scenario(gateway, wait):
        return await wait(contract(gateway).execute("Write", "a", endorsing_organizations=("Org1MSP",)))

    outcome = run(scenario)
    assert outcome.result == b"Write|a"
    assert outcome.validation_code == "VALID"
    assert outcome.endorsers == ("Org1MSP",)
    assert fake.commits[outcome.transaction_id] == (outcome.block_number, "VALID")
    assert len(fake.submitted) == 1
    assert list(fake.requests["Endorse"][0].endorsing_organizations) == ["Org1MSP"]


@pytest.mark.feature("A10", "sync", "async")
def test_chaincode_message_is_in_the_error(run, fake):
    fake.script["Endorse"] = [
        Refuse(Code.ABORTED, "failed to endorse transaction, see attached details", [CHAINCODE_SAYS])
    ]

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write"))

    with pytest.raises(hlf.EndorseError) as caught:
        run(scenario)
    error = caught.value
    assert "asset9 does not exist" in str(error)
    assert "peer0:7051 (Org1MSP)" in str(error)
    assert error.chaincode_message == "asset9 does not exist"
    assert error.code == "ABORTED"
    assert error.details == (CHAINCODE_SAYS,)
    assert len(error.transaction_id) == 64
    assert not error.retryable
    assert fake.submitted == []
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert copy.details == error.details


def test_evaluate_error(run, fake):
    fake.script["Evaluate"] = [Refuse(Code.UNAVAILABLE, "connection refused")]

    async def scenario(gateway, wait):
        await wait(contract(gateway).evaluate("Read"))

    with pytest.raises(hlf.EvaluateError) as caught:
        run(scenario)
    assert caught.value.retryable


@pytest.mark.feature("A10", "sync", "async")
def test_invalid_transaction_is_a_commit_error(run, fake):
    fake.commit_on_submit = False

    def invalid(request):
        fake.commit(request.transaction_id, "MVCC_READ_CONFLICT")

    fake.script["Submit"] = [invalid]

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write"))

    with pytest.raises(hlf.CommitError) as caught:
        run(scenario)
    error = caught.value
    assert error.validation_code == "MVCC_READ_CONFLICT"
    assert error.block_number == 10
    assert error.retryable
    assert "new proposal" in str(error)
    assert pickle.loads(pickle.dumps(error)).block_number == 10


@pytest.mark.feature("A17", "sync", "async")
def test_uncertain_submit_that_was_ordered_is_resolved(run, fake):
    def ordered_yet_refused(request):
        fake.accept(request.prepared_transaction)
        raise NO_QUORUM

    fake.script["Submit"] = [ordered_yet_refused]

    async def scenario(gateway, wait):
        return await wait(contract(gateway).execute("Write"))

    assert run(scenario).validation_code == "VALID"
    assert len(fake.submitted) == 1


@pytest.mark.feature("A16", "sync", "async")
@pytest.mark.feature("A17", "sync", "async")
def test_uncertain_submit_that_was_lost_is_sent_again_unchanged(run, fake):
    fake.script["Submit"] = [NO_QUORUM, NO_QUORUM]

    async def scenario(gateway, wait):
        return await wait(contract(gateway).execute("Write"))

    assert run(scenario).validation_code == "VALID"
    sent = [request.prepared_transaction.SerializeToString() for request in fake.requests["Submit"]]
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert len(fake.requests["Endorse"]) == 1


@pytest.mark.feature("A17", "sync", "async")
def test_accepted_submit_that_orderers_lost_is_sent_again(run, fake):
    from fabric_protos.gateway.gateway_pb2 import SubmitResponse

    fake.script["Submit"] = [lambda _request: SubmitResponse()]

    async def scenario(gateway, wait):
        return await wait(contract(gateway).execute("Write"))

    assert run(scenario).validation_code == "VALID"
    assert len(fake.requests["Submit"]) == 2


def test_already_processed_does_not_hide_the_outcome(run, fake):
    def processed(request):
        fake.commit(request.transaction_id)
        raise Refuse(Code.UNAVAILABLE, "no quorum", [PeerDetail("o", "OMSP", "request already processed")])

    fake.script["Submit"] = [processed]

    async def scenario(gateway, wait):
        return await wait(contract(gateway).execute("Write"))

    assert run(scenario).validation_code == "VALID"


@pytest.mark.feature("A10", "sync", "async")
@pytest.mark.feature("A17", "sync", "async")
def test_outcome_unknown_can_be_resumed_elsewhere(run, fake, identity, quick):
    fake.commit_on_submit = False

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write", timeout=0.8))

    with pytest.raises(hlf.CommitStatusError) as caught:
        run(scenario)
    error = pickle.loads(pickle.dumps(caught.value))
    assert "outcome unknown" in str(error)
    assert not error.retryable
    fake.commit_on_submit = True

    async def later(gateway, wait):
        return await wait(gateway.resume(error.transaction))

    status = run(later)
    assert status.successful
    assert status.transaction_id == error.transaction_id
    assert len(fake.requests["Endorse"]) == 1


def test_resuming_what_was_committed_meanwhile_is_not_mistaken_for_a_refusal(run, fake):
    fake.commit_on_submit = False

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write", timeout=0.5))

    with pytest.raises(hlf.CommitStatusError) as caught:
        run(scenario)
    fake.commit(caught.value.transaction_id)
    fake.script["Submit"] = [
        Refuse(Code.ABORTED, "received unsuccessful response from orderer: status=SERVICE_UNAVAILABLE")
    ]

    async def later(gateway, wait):
        return await wait(gateway.resume(caught.value.transaction))

    assert run(later).successful


def test_a_misspelt_option_is_not_passed_over(run, fake):
    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write", endorsing_organisations=["Org1MSP"]))

    with pytest.raises(TypeError, match=r"'endorsing_organisations'.*endorsing_organizations"):
        run(scenario)
    assert not fake.requests


def test_refused_submit_is_a_submit_error(run, fake):
    fake.script["Submit"] = [
        Refuse(Code.ABORTED, "received unsuccessful response from orderer: status=FORBIDDEN, info=no")
    ]

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write"))

    with pytest.raises(hlf.SubmitError) as caught:
        run(scenario)
    assert caught.value.transaction
    assert "CommitStatus" not in fake.requests


def test_commit_status_refused_leaves_the_outcome_unknown(run, fake):
    fake.script["CommitStatus"] = [Refuse(Code.PERMISSION_DENIED, "not for you")]

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write"))

    with pytest.raises(hlf.CommitStatusError) as caught:
        run(scenario)
    assert caught.value.code == "PERMISSION_DENIED"


@pytest.mark.feature("A9", "sync", "async")
def test_one_timeout_covers_the_whole_call(run, fake):
    fake.commit_on_submit = False

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write", timeout=0.0))

    # A loopback answer may beat a deadline of nothing, so which phase it ends in is chance.
    with pytest.raises(hlf.GatewayError) as caught:
        run(scenario)
    assert caught.value.code == "DEADLINE_EXCEEDED"


@pytest.mark.feature("A6", "sync", "async")
def test_steps(run, fake):
    async def scenario(gateway, wait):
        proposal = contract(gateway).propose("Write", "a")
        transaction = await wait(proposal.endorse())
        assert fake.submitted == []
        commit = await wait(transaction.submit())
        status = await wait(commit.status())
        assert commit.accepted
        ids = {proposal.transaction_id, transaction.transaction_id, commit.transaction_id}
        return ids, transaction.result, transaction.endorsers, status

    ids, result, endorsers, status = run(scenario)
    assert ids == {status.transaction_id}
    assert result == b"Write|a"
    assert endorsers == ("Org1MSP",)
    assert status.successful


@pytest.mark.feature("A7", "sync", "async")
def test_offline_signing_of_each_step(run, identity, quick):
    async def scenario(gateway, wait):
        unsigned = contract(gateway).propose("Write", "a")
        signature = identity.sign_digest(unsigned.digest())
        transaction = await wait(gateway.proposal(unsigned.bytes(), signature).endorse())
        data, signature = transaction.bytes(), identity.sign_digest(transaction.digest())
        commit = await wait(gateway.transaction(data, signature).submit())
        signature = identity.sign_digest(commit.digest())
        status = await wait(gateway.commit(commit.bytes(), signature).status())
        assert await wait(
            gateway.proposal(unsigned.bytes(), identity.sign_digest(unsigned.digest())).evaluate()
        )
        return status

    status = run(scenario, who=identity.identity)
    assert status.successful


def test_identity_without_key_does_not_sign(run, identity):
    async def scenario(gateway, wait):
        await wait(contract(gateway).evaluate("Read"))

    with pytest.raises(hlf.IdentityError, match="digest"):
        run(scenario, who=identity.identity)


def test_custom_flow_runs_on_both_faces(run):
    def pay_and_note(payments, notes):
        outcome = yield from payments.execute("Pay", "100")
        return (yield from notes.submit("Note", outcome.transaction_id)), outcome

    async def scenario(gateway, wait):
        network = gateway.network("ch")
        flow = pay_and_note(network.contract("pay").flows, network.contract("notes").flows)
        return await wait(gateway.run(flow))

    noted, outcome = run(scenario)
    assert noted == b"Note|" + outcome.transaction_id.encode()


def test_shared_channel_survives_a_gateway(fake, identity):
    channel = Endpoint(fake.address).connect()
    with Gateway(channel, identity) as first:
        assert contract(first).evaluate("Read") == b"Read"
    with Gateway(channel, make_identity("Org2MSP")) as second:
        assert contract(second).evaluate("Read") == b"Read"
    channel.close()


UNAVAILABLE = Refuse(Code.UNAVAILABLE, "endorser is away")


@pytest.mark.feature("A16", "sync", "async")
def test_nothing_is_retried_unasked(run, fake):
    fake.script["Endorse"] = [UNAVAILABLE]

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write"))

    with pytest.raises(hlf.EndorseError):
        run(scenario)
    assert len(fake.requests["Endorse"]) == 1


@pytest.mark.feature("A16", "sync", "async")
@pytest.mark.parametrize("call", ["evaluate", "submit"])
def test_retry_makes_a_new_proposal(run, fake, call):
    rpc = "Evaluate" if call == "evaluate" else "Endorse"
    fake.script[rpc] = [UNAVAILABLE, UNAVAILABLE]

    async def scenario(gateway, wait):
        return await wait(getattr(contract(gateway), call)("F", retry=Retry(attempts=3, pause=0.01)))

    assert run(scenario) == b"F"
    assert len({request.transaction_id for request in fake.requests[rpc]}) == 3
    assert len(fake.submitted) == (call == "submit")


@pytest.mark.feature("A16", "sync", "async")
@pytest.mark.parametrize("conflicts", [True, False])
def test_read_conflicts_are_retried_where_the_caller_says_so(run, fake, conflicts):
    def conflict(request):
        fake.commit(request.transaction_id, "MVCC_READ_CONFLICT")

    fake.script["Submit"] = [conflict]

    async def scenario(gateway, wait):
        retry = Retry(pause=0.01, conflicts=conflicts)
        return await wait(contract(gateway).execute("F", retry=retry))

    if conflicts:
        assert run(scenario).validation_code == "VALID"
    else:
        with pytest.raises(hlf.CommitError):
            run(scenario)


def test_a_restarting_peer_is_retried(run, fake):
    away = PeerDetail("peer1", "Org2MSP", "rpc error: code = Unavailable desc = connection error")
    fake.script["Endorse"] = [Refuse(Code.ABORTED, "failed to collect enough endorsements", [away])]

    async def scenario(gateway, wait):
        return await wait(contract(gateway).submit("F", retry=Retry(pause=0.01)))

    assert run(scenario) == b"F"


def test_a_refusal_by_the_chaincode_is_not_retried(run, fake):
    fake.script["Endorse"] = [Refuse(Code.ABORTED, "failed", [CHAINCODE_SAYS])]

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("F", retry=Retry(pause=0.01)))

    with pytest.raises(hlf.EndorseError):
        run(scenario)


def test_quickstart(fake, identity, tmp_path, capsys):
    profile = {
        "organizations": {"Org1": {"mspid": "Org1MSP", "peers": ["p"]}},
        "peers": {"p": {"url": f"grpc://{fake.address}"}},
    }
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    Wallet(tmp_path / "wallet").put("alice", identity)
    example = runpy.run_path(str(Path(__file__).parents[3] / "examples" / "quickstart.py"))
    call = ("ch", "basic", "List", "Write", "a")
    example["main"](str(tmp_path / "profile.json"), str(tmp_path / "wallet"), "alice", *call)
    printed = capsys.readouterr().out
    assert printed.startswith("List\n")
    assert "is in block 10: Write|a" in printed


@pytest.mark.feature("A3", "async")
def test_asynchronous_signer(fake, identity):
    async def remote(message):
        await asyncio.sleep(0)
        return identity.sign(message)

    signer = hlf.SigningIdentity(identity.identity, remote)

    async def scenario():
        async with AsyncGateway(Endpoint(fake.address), signer) as gateway:
            return await contract(gateway).submit("Write")

    assert asyncio.run(scenario()) == b"Write"


def test_asynchronous_signer_needs_the_asynchronous_gateway(gateway, identity):
    async def remote(message):
        return identity.sign(message)

    with pytest.raises(hlf.IdentityError, match="asynchronously"):
        hlf.SigningIdentity(identity.identity, remote).sign(b"m")


def test_unreachable_peer_has_a_hint(identity):
    with Gateway(Endpoint("127.0.0.1:1"), identity) as gateway, pytest.raises(hlf.EvaluateError) as caught:
        contract(gateway).evaluate("Read", timeout=5)
    assert caught.value.code == "UNAVAILABLE"
    assert "no node answers" in str(caught.value)
