"""PeerAdmin, Discovery, Lifecycle and Ledger against answers given by hand."""

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.common import common_pb2, ledger_pb2
from fabric_protos.discovery import protocol_pb2, protocol_pb2_grpc
from fabric_protos.gossip import message_pb2
from fabric_protos.peer import peer_pb2_grpc, proposal_pb2, proposal_response_pb2, query_pb2, transaction_pb2
from fabric_protos.peer.lifecycle import lifecycle_pb2

from hlf.admin import ChaincodeCall, ChaincodeDefinition, Discovery, Ledger, Lifecycle, PeerAdmin
from hlf.admin.definition import collection_package
from hlf.admin.package import ccaas_package, package_id
from hlf.endpoint import Endpoint
from hlf.errors import EvaluateError, GatewayError
from hlf.identity import Identity, SigningIdentity
from hlf.wire.proposal import read_proposal

BLOCKS = Path(__file__).parents[2] / "data" / "blocks"
Answer = Callable[[str, str, tuple[bytes, ...]], tuple[int, str, bytes]]


@pytest.fixture(scope="module")
def identity() -> SigningIdentity:
    return SigningIdentity(Identity("semas", b"certificate"), ec.generate_private_key(ec.SECP256R1()))


@contextmanager
def serving(add: Callable[[grpc.Server], None]) -> Iterator[Endpoint]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield Endpoint(f"127.0.0.1:{port}")
    finally:
        server.stop(None).wait()


class FakeEndorser(peer_pb2_grpc.EndorserServicer):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str, tuple[bytes, ...]]] = []

    def ProcessProposal(
        self, request: proposal_pb2.SignedProposal, context: grpc.ServicerContext
    ) -> proposal_response_pb2.ProposalResponse:
        facts = read_proposal(request.proposal_bytes)
        call = (facts.channel, facts.chaincode, facts.args)
        self.calls.append(call)
        status, message, payload = self.answer(*call)
        response = proposal_response_pb2.Response(status=status, message=message, payload=payload)
        return proposal_response_pb2.ProposalResponse(response=response)


def endorser(answer: Answer) -> tuple[FakeEndorser, Callable[[grpc.Server], None]]:
    fake = FakeEndorser(answer)
    return fake, lambda server: peer_pb2_grpc.add_EndorserServicer_to_server(fake, server)


def test_channels_and_heights(identity: SigningIdentity) -> None:
    def answer(channel: str, chaincode: str, args: tuple[bytes, ...]) -> tuple[int, str, bytes]:
        if args[0] == b"GetChannels":
            found = query_pb2.ChannelQueryResponse(channels=[query_pb2.ChannelInfo(channel_id="referral")])
            return 200, "", found.SerializeToString()
        if args[0] == b"GetChainInfo":
            return 200, "", ledger_pb2.BlockchainInfo(height=7).SerializeToString()
        return 200, "", b""

    fake, add = endorser(answer)
    with serving(add) as endpoint, PeerAdmin(endpoint, identity) as admin:
        assert admin.channels() == ("referral",)
        assert admin.height("referral") == 7
        admin.join_channel(b"genesis")
    assert fake.calls == [
        ("", "cscc", (b"GetChannels",)),
        ("referral", "qscc", (b"GetChainInfo", b"referral")),
        ("", "cscc", (b"JoinChain", b"genesis")),
    ]


def test_install_is_done_once(identity: SigningIdentity) -> None:
    package = ccaas_package("loan_1", "host:9999")
    refusal = (
        "failed to invoke backing implementation of 'InstallChaincode': chaincode already successfully "
        f"installed (package ID '{package_id(package)}')"
    )
    _, add = endorser(lambda *_: (500, refusal, b""))
    with serving(add) as endpoint, PeerAdmin(endpoint, identity) as admin:
        assert admin.install(package) == package_id(package)


def test_a_refusal_carries_the_peers_own_words(identity: SigningIdentity) -> None:
    _, add = endorser(lambda *_: (500, "no, thank you", b""))
    with (
        serving(add) as endpoint,
        PeerAdmin(endpoint, identity) as admin,
        pytest.raises(GatewayError, match="no, thank you") as caught,
    ):
        admin.install(ccaas_package("loan_1", "host:9999"))
    assert caught.value.chaincode_message == "no, thank you"
    assert caught.value.details[0].address == endpoint.address


def test_an_absent_peer_is_unavailable(identity: SigningIdentity) -> None:
    with serving(lambda _: None) as endpoint:
        pass
    with PeerAdmin(endpoint, identity) as admin, pytest.raises(GatewayError) as caught:
        admin.channels()
    assert caught.value.code == "UNAVAILABLE"
    assert endpoint.address in str(caught.value)


def gossip_peer() -> protocol_pb2.Peer:
    alive = message_pb2.GossipMessage(
        alive_msg=message_pb2.AliveMessage(membership=message_pb2.Member(endpoint="peer0:7051"))
    )
    state = message_pb2.GossipMessage(
        state_info=message_pb2.StateInfo(
            properties=message_pb2.Properties(
                ledger_height=5, chaincodes=[message_pb2.Chaincode(name="demo", version="1.0")]
            )
        )
    )
    return protocol_pb2.Peer(
        identity=Identity("semas", b"pem").serialized(),
        membership_info=message_pb2.Envelope(payload=alive.SerializeToString()),
        state_info=message_pb2.Envelope(payload=state.SerializeToString()),
    )


class FakeDiscovery(protocol_pb2_grpc.DiscoveryServicer):
    def Discover(
        self, request: protocol_pb2.SignedRequest, context: grpc.ServicerContext
    ) -> protocol_pb2.Response:
        message = protocol_pb2.Request.FromString(request.payload)
        assert message.authentication.client_identity
        return protocol_pb2.Response(results=[self.one(query) for query in message.queries])

    def one(self, query: protocol_pb2.Query) -> protocol_pb2.QueryResult:
        peers = protocol_pb2.Peers(peers=[gossip_peer()])
        if query.channel == "secret":
            return protocol_pb2.QueryResult(error=protocol_pb2.Error(content="access denied"))
        if query.HasField("peer_query"):
            members = protocol_pb2.PeerMembershipResult(peers_by_org={"semas": peers})
            return protocol_pb2.QueryResult(members=members)
        if query.HasField("config_query"):
            config = protocol_pb2.ConfigResult()
            config.msps["semas"].root_certs.append(b"root")
            config.orderers["mss"].endpoint.add(host="orderer0", port=7050)
            return protocol_pb2.QueryResult(config_result=config)
        call = query.cc_query.interests[0].chaincodes[0]
        descriptor = protocol_pb2.EndorsementDescriptor(
            chaincode=call.name,
            endorsers_by_groups={"G0": peers},
            layouts=[protocol_pb2.Layout(quantities_by_group={"G0": len(call.collection_names)})],
        )
        return protocol_pb2.QueryResult(cc_query_res=protocol_pb2.ChaincodeQueryResult(content=[descriptor]))


def test_discovery(identity: SigningIdentity) -> None:
    def add(server: grpc.Server) -> None:
        protocol_pb2_grpc.add_DiscoveryServicer_to_server(FakeDiscovery(), server)

    with serving(add) as endpoint, Discovery(endpoint, identity) as discovery:
        (peer,) = discovery.peers("referral")
        assert (peer.msp_id, peer.endpoint, peer.height) == ("semas", "peer0:7051", 5)
        assert peer.chaincodes == {"demo": "1.0"}
        config = discovery.config("referral")
        assert config.orderers == {"mss": ("orderer0:7050",)}
        assert config.organizations["semas"].root_certs == (b"root",)
        plan = discovery.endorsers("referral", ChaincodeCall("demo", ("pair",)), "other")
        assert (plan.chaincode, plan.layouts) == ("demo", ({"G0": 1},))
        assert plan.groups["G0"] == (peer,)
        with pytest.raises(GatewayError) as caught:
            discovery.peers("secret")
    assert caught.value.code == "PERMISSION_DENIED"


class FakeContract:
    """What Lifecycle and Ledger use of a Contract."""

    def __init__(self, answers: dict[str, bytes | Exception]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, tuple[Any, ...], tuple[str, ...]]] = []

    def evaluate(self, function: str, *args: Any, endorsing_organizations: tuple[str, ...] = ()) -> bytes:
        self.calls.append((function, args, endorsing_organizations))
        answer = self.answers[function]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def execute(
        self,
        function: str,
        *args: Any,
        endorsing_organizations: tuple[str, ...] = (),
        timeout: float | None = None,
    ) -> Any:
        self.calls.append((function, args, endorsing_organizations))
        return SimpleNamespace(transaction_id="tx")


def gateway(contract: FakeContract) -> Any:
    network = SimpleNamespace(name="referral", contract=lambda _: contract)
    return SimpleNamespace(network=lambda _: network, identity=SimpleNamespace(msp_id="semas"))


DEFINITION = ChaincodeDefinition("demo", "1.0", 1, "AND('semas.peer','bank-a.peer')")


def test_approve_is_endorsed_by_the_own_organization_and_commit_by_those_named() -> None:
    contract = FakeContract({})
    lifecycle = Lifecycle(gateway(contract), "referral")
    assert lifecycle.approve(DEFINITION, "demo_1:ff") == "tx"
    lifecycle.approve(DEFINITION, None)
    lifecycle.commit(DEFINITION, ["semas", "bank-a"])
    assert [(function, organizations) for function, _, organizations in contract.calls] == [
        ("ApproveChaincodeDefinitionForMyOrg", ("semas",)),
        ("ApproveChaincodeDefinitionForMyOrg", ("semas",)),
        ("CommitChaincodeDefinition", ("semas", "bank-a")),
    ]
    first, second = (
        lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs.FromString(args[0])
        for _, args, _ in contract.calls[:2]
    )
    assert first.source.local_package.package_id == "demo_1:ff"
    assert second.source.WhichOneof("Type") == "unavailable"
    assert first.validation_parameter == DEFINITION.validation_parameter()


def test_readiness_is_asked_of_every_organization_named() -> None:
    answer = lifecycle_pb2.CheckCommitReadinessResult(approvals={"semas": True, "bank-a": True, "mss": False})
    answer.mismatches["mss"].items.append("ChaincodeParameters")
    contract = FakeContract({"CheckCommitReadiness": answer.SerializeToString()})
    lifecycle = Lifecycle(gateway(contract), "referral")
    assert lifecycle.readiness(DEFINITION) == {"semas": True, "bank-a": True, "mss": False}
    assert lifecycle.mismatches(DEFINITION) == {"mss": ("ChaincodeParameters",)}
    contract.calls.clear()
    assert lifecycle.agreed(DEFINITION, ["semas", "bank-a"])
    assert [organizations for _, _, organizations in contract.calls] == [("semas",), ("bank-a",)]
    assert not lifecycle.agreed(DEFINITION, ["semas", "mss"])


def test_what_is_not_defined_is_none_and_other_refusals_are_raised() -> None:
    contract = FakeContract(
        {
            "QueryChaincodeDefinition": EvaluateError(
                "chaincode response 404, namespace demo is not defined"
            ),
            "QueryApprovedChaincodeDefinition": EvaluateError(
                "could not fetch approved chaincode definition (name: 'demo', sequence: '1') on channel 'c'"
            ),
        }
    )
    lifecycle = Lifecycle(gateway(contract), "referral")
    assert lifecycle.committed("demo") is None
    assert lifecycle.approved("demo") is None
    contract.answers["QueryChaincodeDefinition"] = EvaluateError("access denied")
    with pytest.raises(EvaluateError, match="access denied"):
        lifecycle.committed("demo")


def test_definitions_in_force() -> None:
    one = lifecycle_pb2.QueryChaincodeDefinitionResult(
        sequence=1,
        version="1.0",
        validation_parameter=DEFINITION.validation_parameter(),
        collections=collection_package(()),
        approvals={"semas": True},
    )
    every = lifecycle_pb2.QueryChaincodeDefinitionsResult()
    every.chaincode_definitions.add(
        name="demo", sequence=1, version="1.0", validation_parameter=DEFINITION.validation_parameter()
    )
    contract = FakeContract(
        {
            "QueryChaincodeDefinition": one.SerializeToString(),
            "QueryChaincodeDefinitions": every.SerializeToString(),
        }
    )
    lifecycle = Lifecycle(gateway(contract), "referral")
    committed = lifecycle.committed("demo")
    assert committed is not None
    assert (committed.definition, committed.approvals) == (DEFINITION, {"semas": True})
    assert lifecycle.all_committed() == {"demo": DEFINITION}


def test_the_ledger_reads_blocks_and_transactions() -> None:
    raw = (BLOCKS / "referral-6.pb").read_bytes()
    envelope = common_pb2.Envelope.FromString(common_pb2.Block.FromString(raw).data.data[0])
    processed = transaction_pb2.ProcessedTransaction(transactionEnvelope=envelope, validationCode=10)
    contract = FakeContract(
        {
            "GetBlockByNumber": raw,
            "GetChainInfo": ledger_pb2.BlockchainInfo(height=8).SerializeToString(),
            "GetTransactionByID": processed.SerializeToString(),
        }
    )
    ledger = Ledger(gateway(contract).network("referral"))
    assert ledger.info().height == 8
    assert ledger.decoded(6).number == 6
    assert contract.calls[-1] == ("GetBlockByNumber", ("referral", b"6"), ())
    transaction = ledger.transaction("x")
    assert transaction is not None
    assert transaction.validation_code == "ENDORSEMENT_POLICY_FAILURE"
    assert transaction.chaincode == "demo"
    contract.answers["GetTransactionByID"] = EvaluateError("no such transaction ID [x] in index")
    assert ledger.transaction("x") is None
