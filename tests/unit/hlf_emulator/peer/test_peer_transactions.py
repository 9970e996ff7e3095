"""Transactions through real chaincode streams: what commits, with which code, and who may see what."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from fabric_protos.peer import proposal_response_pb2

from tests.unit.hlf_emulator.peer.peer_world import BRIEF, OWN, SHARED, Code, Keys, World, running

BOTH = ("alpha", "beta")


def play(keys: Keys, folder: Path, scene: Callable[[World], Awaitable[None]], *chaincodes: str) -> None:
    async def run() -> None:
        async with running(keys, folder, deploy=chaincodes or ("store",)) as world:
            await scene(world)

    asyncio.run(run())


def found_under(folder: Path, content: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()]


async def read(world: World, organization: str, function: str, *args: str) -> str:
    answer = await world.ask(organization, function, *args)
    assert answer.response.status == 200, answer.response.message
    return answer.response.payload.decode()


def test_public_state_is_written_and_read(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert await world.submit(BOTH, "put", "k", "v") == Code.VALID
        assert await read(world, "alpha", "get", "k") == "v"
        assert await world.submit(BOTH, "remove", "k") == Code.VALID
        assert await read(world, "beta", "get", "k") == ""

    play(keys, tmp_path, scene)


def test_one_endorser_of_two_is_not_enough(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert await world.submit(["alpha"], "put", "k", "v") == Code.ENDORSEMENT_POLICY_FAILURE
        assert await read(world, "alpha", "get", "k") == ""

    play(keys, tmp_path, scene)


def test_two_that_read_the_same_conflict(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        _, first = await world.endorse(BOTH, "add", "n")
        _, second = await world.endorse(BOTH, "add", "n")
        assert await world.order(first, second) == [Code.VALID, Code.MVCC_READ_CONFLICT]
        assert await read(world, "alpha", "get", "n") == "1"
        assert await world.order(first) == [Code.DUPLICATE_TXID]

    play(keys, tmp_path, scene)


def test_a_key_added_to_a_range_is_a_phantom(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert await world.submit(BOTH, "put", "a1", "x") == Code.VALID
        _, counted = await world.endorse(BOTH, "count", "a", "b", "total")
        assert await world.submit(BOTH, "put", "a2", "x") == Code.VALID
        assert await world.order(counted) == [Code.PHANTOM_READ_CONFLICT]
        assert await world.submit(BOTH, "count", "a", "b", "total") == Code.VALID
        assert await read(world, "alpha", "get", "total") == "2"

    play(keys, tmp_path, scene)


def test_a_key_policy_replaces_the_chaincodes(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert await world.submit(BOTH, "put", "k", "v") == Code.VALID
        _, lock = await world.endorse(BOTH, "lock", "k", "beta")
        _, late = await world.endorse(BOTH, "put", "k", "late")
        assert await world.order(lock, late) == [Code.VALID, Code.ENDORSEMENT_POLICY_FAILURE]
        assert await world.submit(["alpha"], "put", "k", "x") == Code.ENDORSEMENT_POLICY_FAILURE
        assert await world.submit(["beta"], "put", "k", "y") == Code.VALID
        assert await read(world, "alpha", "get", "k") == "y"

    play(keys, tmp_path, scene)


def test_ranges_longer_than_a_batch_and_history(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        envelopes = [(await world.endorse(BOTH, "put", f"r{n:03}", "x"))[1] for n in range(120)]
        assert set(await world.order(*envelopes)) == {Code.VALID}
        found = await read(world, "beta", "keys", "r", "s")
        assert found.count("r") == 120
        first, one = await world.endorse(BOTH, "put", "h", "1")
        await world.order(one)
        second, two = await world.endorse(BOTH, "put", "h", "2")
        await world.order(two)
        assert await read(world, "alpha", "history", "h") == f'["{second}","{first}"]'

    play(keys, tmp_path, scene)


def test_private_values_reach_members_alone(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        secret = {"value": b'"for two"'}
        assert await world.submit(BOTH, "share", SHARED, "p", transient=secret) == Code.VALID
        assert await read(world, "alpha", "shared", SHARED, "p") == "for two"
        assert await read(world, "beta", "shared", SHARED, "p") == "for two"
        digest = hashlib.sha256(b"for two").hexdigest()
        assert await read(world, "alpha", "shared_hash", SHARED, "p") == f"{digest}"
        assert not list(world.channel("gamma").ledger.private.entries())
        height = world.channel("alpha").ledger.height
        assert world.channel("beta").ledger.private_data(height - 1)
        assert not world.channel("gamma").ledger.private_data(height - 1)
        assert found_under(tmp_path / "peers" / "peer0.beta", b"for two")
        assert not found_under(tmp_path / "peers" / "peer0.gamma", b"for two")

    play(keys, tmp_path, scene)


def test_member_only_collections_refuse_others(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        answer = await world.ask("beta", "shared", OWN, "p")
        assert answer.response.status == 500
        assert answer.response.message.endswith(
            f"tx creator does not have read access permission on privatedata in chaincodeName:store "
            f"collectionName: {OWN}"
        )
        answer = await world.ask("alpha", "shared", "nowhere", "p")
        assert "collection trade/store/nowhere could not be found" in answer.response.message
        # A peer that is no member sees the hash, and says that it lacks the value.
        own = {"value": b'"mine"'}
        assert await world.submit(BOTH, "share", BRIEF, "p", transient=own) == Code.VALID

    play(keys, tmp_path, scene)


def test_purged_values_leave_the_disk(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        secret = {"value": b'"burn after reading"'}
        assert await world.submit(BOTH, "share", SHARED, "p", transient=secret) == Code.VALID
        assert await world.submit(BOTH, "purge", SHARED, "p") == Code.VALID
        assert await read(world, "alpha", "shared", SHARED, "p") == ""
        assert not found_under(tmp_path, b"burn after reading")

    play(keys, tmp_path, scene)


def test_values_of_a_short_lived_collection_expire(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        secret = {"value": b'"for two blocks"'}
        assert await world.submit(BOTH, "share", BRIEF, "p", transient=secret) == Code.VALID
        for number in range(2):
            await world.submit(BOTH, "put", f"k{number}", "v")
            assert await read(world, "beta", "shared", BRIEF, "p") == "for two blocks"
        await world.submit(BOTH, "put", "k", "v")
        assert await read(world, "beta", "shared", BRIEF, "p") == ""
        assert await read(world, "beta", "shared_hash", BRIEF, "p") == ""
        assert not found_under(tmp_path, b"for two blocks")

    play(keys, tmp_path, scene)


def test_a_private_key_policy_moves_version_and_endorsers(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        secret = {"value": b'"v"'}
        assert await world.submit(BOTH, "share", SHARED, "p", transient=secret) == Code.VALID
        assert await world.submit(BOTH, "lock_private", SHARED, "p", "alpha") == Code.VALID
        assert await read(world, "beta", "shared", SHARED, "p") == "v"
        refused = await world.submit(["beta"], "share", SHARED, "p", by="beta/client", transient=secret)
        assert refused == Code.ENDORSEMENT_POLICY_FAILURE
        # Nothing public was written and the key has its own policy: the chaincode's is not asked.
        assert await world.submit(["alpha"], "share", SHARED, "p", transient=secret) == Code.VALID

    play(keys, tmp_path, scene)


def test_private_range(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        for key in ("p1", "p2"):
            await world.submit(BOTH, "share", SHARED, key, transient={"value": b'"v"'})
        assert await read(world, "beta", "shared_keys", SHARED) == '["p1","p2"]'

    play(keys, tmp_path, scene)


def test_a_chaincode_calls_another(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert await world.submit(BOTH, "put", "k", "v", chaincode="other") == Code.VALID
        answer = await world.ask("alpha", "call", "other", "get", "k")
        assert answer.response.payload == b"v"
        _, called = await world.endorse(BOTH, "call", "other", "add", "n")
        assert await world.order(called) == [Code.VALID]
        again = await world.ask("alpha", "call", "store", "get", "k")
        assert "exists" in again.response.message
        missing = await world.ask("alpha", "call", "absent", "get", "k")
        assert "INVOKE_CHAINCODE failed: transaction ID: " in missing.response.message
        assert "chaincode absent not found" in missing.response.message

    play(keys, tmp_path, scene, "store", "other")


def test_a_refusal_is_answered_with_its_read_set_and_no_endorsement(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        answer = await world.ask("alpha", "refuse")
        assert (answer.response.status, answer.response.message) == (500, "NO: as asked")
        assert answer.payload
        assert not answer.HasField("endorsement")

    play(keys, tmp_path, scene)


def test_what_a_proposal_touched_is_told_to_discovery(keys: Keys, tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        answer = await world.ask("alpha", "share", SHARED, "p", transient={"value": b'"v"'})
        calls = {tuple(call.collection_names): call for call in answer.interest.chaincodes}
        assert calls[SHARED,].no_private_reads
        assert isinstance(answer, proposal_response_pb2.ProposalResponse)
        await world.submit(BOTH, "put", "k", "v")
        await world.submit(BOTH, "lock", "k", "beta")
        answer = await world.ask("alpha", "put", "k", "w")
        (call,) = answer.interest.chaincodes
        assert call.disregard_namespace_policy
        assert len(call.key_policies) == 1

    play(keys, tmp_path, scene)
