"""Who is refused before anything is simulated, in Fabric's order and words."""

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2, ledger_pb2
from fabric_protos.peer import proposal_pb2, query_pb2
from fabric_protos.peer.lifecycle import lifecycle_pb2

from hlf.admin.definition import Collection, collection_package
from hlf.wire.policy import application_policy
from hlf_emulator.peer.peer import RpcRefused
from tests.unit.hlf_emulator.peer.peer_world import CHANNEL, COLLECTIONS, Code, Keys, World, running


def play(keys: Keys, folder: Path, scene: Callable[[World], Awaitable[None]], *chaincodes: str) -> None:
    async def run() -> None:
        async with running(keys, folder, deploy=chaincodes) as world:
            await scene(world)

    asyncio.run(run())


async def refusal(world: World, signed: proposal_pb2.SignedProposal) -> str:
    with pytest.raises(RpcRefused) as caught:
        await world.peers["alpha"].process_proposal(signed)
    return caught.value.message


def test_who_may_propose(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        parts = world.propose("get", "k")
        forged = proposal_pb2.SignedProposal(
            proposal_bytes=parts.proposal, signature=keys.identities["beta/client"].sign(parts.proposal)
        )
        denied = f"error validating proposal: access denied: channel [{CHANNEL}] creator org "
        assert await refusal(world, forged) == denied + "[alpha]"
        unsigned = proposal_pb2.SignedProposal(proposal_bytes=parts.proposal)
        assert await refusal(world, unsigned) == "error validating proposal: empty signature bytes"
        stranger = world.propose("get", "k", by="delta/client", channel="")
        signed = world.sign(stranger, "delta/client")
        unknown = "access denied: channel [] creator org unknown, creator is malformed"
        assert await refusal(world, signed) == f"error validating proposal: {unknown}"
        # An orderer organization is no writer of the application.
        outsider = world.sign(world.propose("get", "k", by="delta/client"), "delta/client")
        assert (await refusal(world, outsider)).startswith(
            "Failed evaluating policy on signed data during check policy on channel [trade] with policy "
            "[/Channel/Application/Writers]: [implicit policy evaluation failed - 0 sub-policies were "
            "satisfied, but this policy requires 1 of the 'Writers' sub-policies to be satisfied]"
        )

    play(keys, tmp_path, scene)


def test_time_window_and_expiry(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        early = world.sign(world.propose("get", "k", timestamp_ns=0))
        message = await refusal(world, early)
        assert message.startswith(
            "request unauthorized due to incorrect timestamp 1970-01-01T00:00:00Z, peer time "
        )
        assert message.endswith("peer.authentication.timewindow 15m0s")
        late = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=20_000)
        world.peers["alpha"].clock = lambda: late
        assert (
            await refusal(world, world.sign(world.propose("get", "k"))) == "proposal client identity expired"
        )

    play(keys, tmp_path, scene)


def test_malformed_proposals(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        parts = world.propose("get", "k")
        message = proposal_pb2.Proposal.FromString(parts.proposal)
        header = common_pb2.Header.FromString(message.header)
        channel = common_pb2.ChannelHeader.FromString(header.channel_header)
        channel.tx_id = "wrong"
        header.channel_header = channel.SerializeToString()
        message.header = header.SerializeToString()
        encoded = message.SerializeToString()
        signed = proposal_pb2.SignedProposal(
            proposal_bytes=encoded, signature=keys.identities["alpha/client"].sign(encoded)
        )
        assert await refusal(world, signed) == (
            "error validating proposal: incorrectly computed txid 'wrong' -- expected "
            f"'{parts.transaction_id}'"
        )
        nameless = world.sign(world.propose("get", "k", chaincode=""))
        assert await refusal(world, nameless) == "ChaincodeHeaderExtension.ChaincodeId.Name is empty"

    play(keys, tmp_path, scene)


def test_faults_that_are_answers(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        answer = await world.ask("alpha", "get", "k", channel="nowhere")
        assert (answer.response.status, answer.response.message) == (500, "channel 'nowhere' not found")
        answer = await world.ask("alpha", "get", "k", chaincode="absent")
        assert answer.response.message == (
            "make sure the chaincode absent has been successfully defined on channel trade and try again: "
            "chaincode absent not found"
        )
        answer = await world.ask("gamma", "get", "k")
        assert answer.response.message == (
            "make sure the chaincode store has been successfully defined on channel trade and try again: "
            "chaincode definition for 'store' at sequence 1 on channel 'trade' has not yet been approved by "
            "this org"
        )
        txid, envelope = await world.endorse(["alpha", "beta"], "put", "k", "v")
        await world.order(envelope)
        payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
        assert payload.header.channel_header
        assert world.channel("alpha").ledger.has_transaction(txid)

    play(keys, tmp_path, scene, "store")


def test_an_unreachable_chaincode(keys: Keys, tmp_path: Path) -> None:
    async def run() -> None:
        async with running(keys, tmp_path) as world:
            package = await world.install("alpha", "127.0.0.1:1")
            assert await world.approve("alpha", package) == Code.VALID
            other = await world.install("beta", "127.0.0.1:2")
            assert await world.approve("beta", other) == Code.VALID
            args = lifecycle_pb2.CommitChaincodeDefinitionArgs(**world.terms()).SerializeToString()
            commit = ("CommitChaincodeDefinition", args)
            await world.submit(["alpha", "beta"], *commit, by="alpha/admin", chaincode="_lifecycle")
            answer = await world.ask("alpha", "get", "k")
            assert f"could not launch chaincode {package}: connection to {package} failed" in (
                answer.response.message
            )
            assert answer.response.message.endswith(
                'connection error: desc = "transport: error while dialing: dial tcp 127.0.0.1:1: connect: '
                'connection refused"'
            )

    asyncio.run(run())


def test_lifecycle_refusals(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async def ask(function: str, message: object, by: str = "admin") -> tuple[int, str]:
            answer = await world.lifecycle("alpha", function, message, by=by)  # type: ignore[arg-type]
            return answer.response.status, answer.response.message

        prefix = "failed to invoke backing implementation of "
        definition = lifecycle_pb2.QueryChaincodeDefinitionArgs(name="absent")
        assert await ask("QueryChaincodeDefinition", definition) == (404, "namespace absent is not defined")
        readiness = lifecycle_pb2.CheckCommitReadinessArgs(**world.terms(sequence=1))
        assert await ask("CheckCommitReadiness", readiness) == (
            500,
            f"{prefix}'CheckCommitReadiness': requested sequence is 1, but new definition must be sequence 2",
        )
        approval = lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs(**world.terms(sequence=3))
        assert await ask("ApproveChaincodeDefinitionForMyOrg", approval) == (
            500,
            f"{prefix}'ApproveChaincodeDefinitionForMyOrg': requested sequence 3 is larger than the next "
            "available sequence number 2",
        )
        refused, message = await ask("ApproveChaincodeDefinitionForMyOrg", approval, by="client")
        assert refused == 500
        assert message.startswith(
            "Failed to authorize invocation due to failed ACL check: Failed verifying that proposal's "
            "creator satisfies local MSP principal during channelless check policy with policy [Admins]: "
            "[The identity is not an admin under this MSP [alpha]"
        )
        terms = world.terms("fresh")
        terms["collections"] = collection_package(
            [Collection("c", "AND('alpha.member','beta.member')", 0, 1)]
        )
        approval = lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs(**terms)
        assert (await ask("ApproveChaincodeDefinitionForMyOrg", approval))[1].endswith(
            "error validating chaincode definition: collection-name: c -- error in member org policy: "
            "signature policy is not an OR concatenation, NOutOf 2"
        )
        terms = world.terms(sequence=2)
        terms["collections"] = collection_package(COLLECTIONS[:2])
        approval = lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs(**terms)
        assert (await ask("ApproveChaincodeDefinitionForMyOrg", approval))[1].endswith(
            "existing collection [brief] missing in the proposed collection configuration"
        )

    play(keys, tmp_path, scene, "store")


def test_lifecycle_queries(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        package = world.package_ids["alpha/store"]
        installed = await world.lifecycle(
            "alpha", "QueryInstalledChaincodes", lifecycle_pb2.QueryInstalledChaincodesArgs(), channel=""
        )
        result = lifecycle_pb2.QueryInstalledChaincodesResult.FromString(installed.response.payload)
        (entry,) = result.installed_chaincodes
        assert entry.package_id == package
        assert [found.name for found in entry.references[CHANNEL].chaincodes] == ["store"]
        approved = await world.lifecycle(
            "alpha",
            "QueryApprovedChaincodeDefinition",
            lifecycle_pb2.QueryApprovedChaincodeDefinitionArgs(name="store"),
        )
        answer = lifecycle_pb2.QueryApprovedChaincodeDefinitionResult.FromString(approved.response.payload)
        assert answer.source.local_package.package_id == package
        every = await world.lifecycle(
            "alpha",
            "QueryApprovedChaincodeDefinitions",
            lifecycle_pb2.QueryApprovedChaincodeDefinitionsArgs(),
        )
        listed = lifecycle_pb2.QueryApprovedChaincodeDefinitionsResult.FromString(every.response.payload)
        assert [(item.name, item.sequence) for item in listed.approved_chaincode_definitions] == [
            ("store", 1)
        ]
        committed = await world.lifecycle(
            "gamma", "QueryChaincodeDefinition", lifecycle_pb2.QueryChaincodeDefinitionArgs(name="store")
        )
        definition = lifecycle_pb2.QueryChaincodeDefinitionResult.FromString(committed.response.payload)
        assert dict(definition.approvals) == {"alpha": True, "beta": True, "gamma": False}
        terms = world.terms(sequence=2)
        terms["validation_parameter"] = application_policy("OR('alpha.peer')").SerializeToString()
        ready = await world.lifecycle(
            "beta", "CheckCommitReadiness", lifecycle_pb2.CheckCommitReadinessArgs(**terms)
        )
        readiness = lifecycle_pb2.CheckCommitReadinessResult.FromString(ready.response.payload)
        assert list(readiness.mismatches["alpha"].items) == ["ChaincodeParameters"]
        again = await world.lifecycle(
            "alpha",
            "InstallChaincode",
            lifecycle_pb2.InstallChaincodeArgs(
                chaincode_install_package=world.peers["alpha"].packages.content(package)
            ),
            channel="",
        )
        assert again.response.message == (
            "failed to invoke backing implementation of 'InstallChaincode': chaincode already successfully "
            f"installed (package ID '{package}')"
        )

    play(keys, tmp_path, scene, "store")


def test_system_queries(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        info = await world.ask("alpha", "GetChainInfo", CHANNEL, chaincode="qscc")
        assert ledger_pb2.BlockchainInfo.FromString(info.response.payload).height == 1
        block = await world.ask("alpha", "GetBlockByNumber", CHANNEL, "0", chaincode="qscc")
        assert common_pb2.Block.FromString(block.response.payload).header == keys.genesis.header
        missing = await world.ask("alpha", "GetBlockByNumber", CHANNEL, "9", chaincode="qscc")
        assert missing.response.message == (
            "Failed to get block number 9, error no such block number [9] in index"
        )
        lost = await world.ask("alpha", "GetTransactionByID", CHANNEL, "abc", chaincode="qscc")
        assert lost.response.message == (
            "Failed to get transaction with id abc, error no such transaction ID [abc] in index"
        )
        channels = await world.ask("alpha", "GetChannels", chaincode="cscc", channel="")
        listed = query_pb2.ChannelQueryResponse.FromString(channels.response.payload)
        assert [channel.channel_id for channel in listed.channels] == [CHANNEL]
        again = await world.ask(
            "alpha",
            "JoinChain",
            keys.genesis.SerializeToString(),
            chaincode="cscc",
            channel="",
            by="alpha/admin",
        )
        assert again.response.message == (
            "cannot create ledger from genesis block: ledger [trade] already exists with state [ACTIVE]"
        )
        denied = await world.ask(
            "alpha", "JoinChain", keys.genesis.SerializeToString(), chaincode="cscc", channel=""
        )
        assert denied.response.message.startswith("access denied for [JoinChain][trade]: [")

    play(keys, tmp_path, scene)
