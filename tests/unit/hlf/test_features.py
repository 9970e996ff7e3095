"""Rows of the feature list, on both faces, that no other module of tests is about."""

import asyncio
import pickle

import grpc
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from fabric_protos.gateway.gateway_pb2 import CommitStatusResponse, SubmitResponse

import hlf
from hlf import Endpoint, Gateway, PeerDetail, Retry, SigningIdentity
from hlf.effects import RpcFailure, Sign, Timeouts
from hlf.identity import Identity, digest, load_certificate
from hlf.steps import CommitStep, TransactionStep
from tests.unit.hlf.faces import run_on, take
from tests.unit.hlf.fake_gateway import Refuse, make_identity
from tests.unit.hlf.test_hlf_tls import key_pem, serving

KEYS = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.fixture(params=["sync", "async"])
def face(request):
    return request.param


def contract(gateway):
    return gateway.network("ch").contract("basic")


async def submit(gateway, wait):
    return await wait(contract(gateway).submit("Write", "a"))


@pytest.mark.feature("A2", "sync", "async")
def test_an_identity_of_another_type(face, fake):
    """Credentials that are no certificate go out as they are; what they mean is the member's MSP's matter."""
    credentials = b"\x00not a certificate\xff"
    identity = SigningIdentity(Identity("CustomMSP", credentials), lambda message: b"signed " + message[:4])
    seen = []

    def check(request):
        seen.append(request.proposed_transaction)
        raise Refuse(grpc.StatusCode.ABORTED, "seen")

    fake.script["Endorse"] = [check]
    with pytest.raises(hlf.EndorseError):
        run_on(face, submit, Endpoint(fake.address), identity)
    from hlf.wire.proposal import read_proposal

    creator = Identity.from_serialized(read_proposal(seen[0].proposal_bytes).creator)
    assert creator == Identity("CustomMSP", credentials)
    assert seen[0].signature.startswith(b"signed ")


@pytest.mark.feature("A3", "sync", "async")
@pytest.mark.parametrize("key", KEYS)
def test_keys_that_sign_every_step(face, fake, key):
    assert run_on(face, submit, Endpoint(fake.address), make_identity(key=KEYS[key])) == b"Write|a"


@pytest.mark.feature("A3", "sync", "async")
@pytest.mark.parametrize("key", KEYS)
def test_a_callable_signs_with_a_key_elsewhere(face, fake, key):
    identity = make_identity(key=KEYS[key])
    remote = SigningIdentity(identity.identity, identity.sign)
    assert run_on(face, submit, Endpoint(fake.address), remote) == b"Write|a"


@pytest.mark.feature("A4", "sync", "async")
@pytest.mark.parametrize("name", ["none", "sha256", "sha384", "sha3-256", "sha3-384"])
def test_digests_of_steps_are_by_the_identity_s_hash(face, fake, identity, name):
    named = SigningIdentity(identity.identity, identity.sign, hash=name)

    async def scenario(gateway, wait):
        proposal = contract(gateway).propose("Write", "a")
        transaction = await wait(proposal.endorse())
        commit = await wait(transaction.submit())
        request = gateway.network("ch").chaincode_events_request("basic")
        return [(one.digest(), one.step.message) for one in (proposal, transaction, commit)] + [
            (request.digest(), request.message)
        ]

    for value, message in run_on(face, scenario, Endpoint(fake.address), named):
        assert value == digest(message, name)
        assert (value == message) is (name == "none")


def test_a_hash_that_is_none_of_the_five(identity):
    with pytest.raises(hlf.IdentityError, match="md5"):
        SigningIdentity(identity.identity, identity.sign, hash="md5")


@pytest.mark.feature("A5", "sync", "async")
def test_submit_with_a_commit_to_wait_for_later(face, fake, identity):
    fake.commit_on_submit = False

    async def scenario(gateway, wait):
        commit = await wait(contract(gateway).submit_async("Write", "a"))
        assert "CommitStatus" not in fake.requests
        fake.commit(commit.transaction_id)
        assert (await wait(commit.status())).successful
        with pytest.raises(hlf.ConfigurationError, match="no result"):
            _ = gateway.commit(commit.bytes()).result
        return commit.result

    assert run_on(face, scenario, Endpoint(fake.address), identity) == b"Write|a"


def test_options_that_a_step_has_not(face, fake, identity):
    async def scenario(gateway, wait):
        for options in ({"timeout": 1}, {"retry": Retry()}, {"timeouts": Timeouts()}):
            with pytest.raises(TypeError, match="unknown option"):
                contract(gateway).propose("Write", **options)

    run_on(face, scenario, Endpoint(fake.address), identity)


@pytest.mark.parametrize(
    ("args", "options", "said"),
    [
        (["a", 100], {}, "argument 2 of Write is int, not text or bytes"),
        ([{"key": 1}], {}, "argument 1 of Write is dict"),
        ([], {"transient": {"price": "12"}}, "transient 'price' is str, not bytes"),
        ([], {"transient": b"12"}, "transient is bytes, not a mapping"),
        ([], {"endorsing_organizations": "Org1MSP"}, "endorsing_organizations is str, not a list"),
    ],
)
def test_values_of_the_wrong_kind_are_named_before_anything_is_sent(
    face, fake, identity, args, options, said
):
    async def scenario(gateway, wait):
        for call in (contract(gateway).evaluate, contract(gateway).submit):
            with pytest.raises(TypeError, match=said):
                await wait(call("Write", *args, **options))

    run_on(face, scenario, Endpoint(fake.address), identity)
    assert not fake.requests


def test_what_is_given_in_place_of_an_endpoint_an_identity_or_a_channel(face, fake, identity):
    kind = Gateway if face == "sync" else hlf.AsyncGateway
    with pytest.raises(hlf.ConfigurationError, match=r"target: str is neither.*Endpoint\(address"):
        kind(fake.address, identity)
    with pytest.raises(hlf.ConfigurationError, match=r"identity: bytes is no identity.*from_pem"):
        kind(Endpoint(fake.address), b"secret")
    with pytest.raises(hlf.ConfigurationError, match="is not host:port"):
        Endpoint(f"grpcs://{fake.address}")


def test_a_channel_of_the_other_face(fake, identity):
    async def on_asyncio():
        async with Endpoint(fake.address).connect_async() as channel:
            with pytest.raises(hlf.ConfigurationError, match=r"for asyncio \(AsyncGateway"):
                Gateway(channel, identity)

    asyncio.run(on_asyncio())
    with (
        Endpoint(fake.address).connect() as channel,
        pytest.raises(hlf.ConfigurationError, match=r"that blocks .*connect_async\(\)"),
    ):
        hlf.AsyncGateway(channel, identity)


def test_a_gateway_in_a_second_event_loop(fake, identity):
    gateway = hlf.AsyncGateway(Endpoint(fake.address), identity)

    async def read():
        return await contract(gateway).evaluate("Read")

    async def end():
        await gateway.close()

    with asyncio.Runner() as first:
        assert first.run(read()) == b"Read"
        with asyncio.Runner() as second, pytest.raises(hlf.ConfigurationError, match="another event loop"):
            second.run(read())
        first.run(end())


@pytest.mark.feature("A9", "sync", "async")
@pytest.mark.parametrize("by", ["gateway", "call"])
def test_each_phase_has_a_deadline_of_its_own(face, fake, identity, by):
    fake.commit_on_submit = False
    short = Timeouts(commit_status=0.3)
    options = {"timeouts": short} if by == "call" else {}

    async def scenario(gateway, wait):
        await wait(contract(gateway).submit("Write", **options))

    with pytest.raises(hlf.CommitStatusError) as caught:
        run_on(face, scenario, Endpoint(fake.address), identity, timeouts=short if by == "gateway" else None)
    assert caught.value.code == "DEADLINE_EXCEEDED"


@pytest.mark.feature("A10", "sync", "async")
def test_errors_of_each_phase_go_to_another_process(face, fake, identity):
    said = PeerDetail("peer0:7051", "Org1MSP", "chaincode response 500, no such asset")
    refuse = Refuse(grpc.StatusCode.ABORTED, "see the details", [said])

    async def evaluate(gateway, wait):
        await wait(contract(gateway).evaluate("Read"))

    for rpc, scenario, kind in (
        ("Evaluate", evaluate, hlf.EvaluateError),
        ("Endorse", submit, hlf.EndorseError),
        ("Submit", submit, hlf.SubmitError),
    ):
        fake.script[rpc] = [refuse]
        with pytest.raises(kind) as caught:
            run_on(face, scenario, Endpoint(fake.address), identity)
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (copy.code, copy.details, copy.chaincode_message) == ("ABORTED", (said,), "no such asset")
        assert copy.transaction_id in str(copy)
        assert vars(copy) == vars(caught.value)


@pytest.mark.feature("A14", "sync", "async")
def test_gateways_share_a_connection(face, fake, identity):
    async def work(channel, wait, gateway_kind):
        for who in (identity, make_identity("Org2MSP")):
            gateway = gateway_kind(channel, who)
            assert await wait(contract(gateway).evaluate("Read")) == b"Read"
            await wait(gateway.close())

    if face == "sync":

        async def done(value):
            return value

        channel = Endpoint(fake.address).connect()
        with pytest.raises(StopIteration):
            work(channel, done, Gateway).send(None)
        channel.close()
        return

    async def scenario():
        async def wait(value):
            return await value

        async with Endpoint(fake.address).connect_async() as channel:
            await work(channel, wait, hlf.AsyncGateway)

    asyncio.run(scenario())


@pytest.mark.feature("A15", "sync", "async")
def test_mutual_tls_with_its_hash_in_deliver_requests(face, identity):
    node, client = make_identity("NodeMSP"), make_identity("ClientMSP")
    with serving(node, client.certificate) as server:
        endpoint = Endpoint(
            server.address,
            node.certificate,
            override_host="peer0.example",
            client_certificate_pem=client.certificate,
            client_key_pem=key_pem(client),
        )

        async def scenario(gateway, wait):
            await take(gateway.network("ch").blocks(start=1, stop=1), wait, 1)
            return await wait(contract(gateway).submit("Write", "a"))

        assert run_on(face, scenario, endpoint, identity, commits="stream") == b"Write|a"
        certificate = load_certificate(client.certificate)
        expected = certificate.fingerprint(hashes.SHA256())
        assert [head.tls_cert_hash for head, _ in server.requests["Deliver"]] == [expected, expected]


@pytest.mark.feature("A15", "sync", "async")
def test_keepalive_and_message_sizes_are_what_peers_allow(identity):
    options = dict(Endpoint("peer0:7051").options())
    assert options["grpc.keepalive_time_ms"] >= 60_000
    assert options["grpc.max_receive_message_length"] == options["grpc.max_send_message_length"] == 100 << 20


@pytest.mark.feature("A16", "sync", "async")
def test_a_retry_ends_with_the_deadline_of_the_whole(face, fake, identity):
    fake.script["Endorse"] = [Refuse(grpc.StatusCode.UNAVAILABLE, "away")] * 50

    async def scenario(gateway, wait):
        retry = Retry(attempts=50, pause=0.1)
        await wait(contract(gateway).submit("Write", timeout=0.5, retry=retry))

    with pytest.raises(hlf.EndorseError):
        run_on(face, scenario, Endpoint(fake.address), identity)
    assert 1 <= len(fake.requests["Endorse"]) <= 4


@pytest.mark.feature("A17", "sync", "async")
def test_an_unknown_outcome_is_settled_from_its_bytes(face, fake, identity, quick):
    fake.commit_on_submit = False

    async def first(gateway, wait):
        await wait(contract(gateway).submit("Write", timeout=0.5))

    with pytest.raises(hlf.CommitStatusError) as caught:
        run_on(face, first, Endpoint(fake.address), identity, session=quick)
    data = pickle.loads(pickle.dumps(caught.value)).transaction
    fake.commit_on_submit = True

    async def later(gateway, wait):
        return await wait(gateway.resume(data))

    # By a gateway of another identity: the transaction carries its own signature.
    status = run_on(face, later, Endpoint(fake.address), make_identity(), session=quick)
    assert (status.transaction_id, status.successful) == (caught.value.transaction_id, True)


@pytest.mark.feature("A17", "sync", "async")
def test_a_peer_slower_than_the_first_sending_again_is_heard(identity):
    """Where each answer takes twelve seconds, questions of five would never have one."""
    now, waited, sent = [0.0], [], 0
    session = hlf.Session(identity, monotonic=lambda: now[0])
    commit = CommitStep.of(TransactionStep("id", "ch", b"payload", b"signature"), identity)
    flow = hlf.flows.commit_status(session, commit)
    effect = next(flow)
    with pytest.raises(StopIteration) as end:
        while True:
            if isinstance(effect, Sign):
                effect = flow.send(b"signature")
            elif effect.method.endswith("Submit"):
                sent += 1
                effect = flow.send(SubmitResponse())
            elif effect.timeout < 12:
                now[0] += effect.timeout
                waited.append(effect.timeout)
                effect = flow.throw(RpcFailure("DEADLINE_EXCEEDED", "too late"))
            else:
                effect = flow.send(CommitStatusResponse(block_number=7))
    assert (waited, sent, end.value.value.block_number) == ([5, 10], 2, 7)


def test_a_tls_root_that_is_none_is_said_to_be_wrong():
    from hlf.admin import ClientTls

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for root in (
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----",
    ):
        with pytest.raises(hlf.ConfigurationError, match="root_pem"):
            _ = ClientTls(root, make_identity(key=key).certificate, pem).context
