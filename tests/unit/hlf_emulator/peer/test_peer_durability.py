"""What is still there after the process is killed, a peer was away, or a record was torn."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2

from hlf.wire.blocks import block_metadata
from hlf_emulator.ledger.ledger import SharedLedger
from hlf_emulator.ledger.state import Space
from hlf_emulator.membership.bundle import ConfigError
from hlf_emulator.membership.msp import Verifier
from tests.unit.hlf_emulator.peer.peer_world import CHANNEL, SHARED, Code, Keys, World, running

BOTH = ("alpha", "beta")
RECORDED = Path(__file__).parents[3] / "data" / "blocks"


def recorded(number: int) -> common_pb2.Block:
    return common_pb2.Block.FromString((RECORDED / f"referral-{number}.pb").read_bytes())


def test_blocks_of_real_fabric_get_the_codes_that_real_fabric_gave(tmp_path: Path) -> None:
    async def run() -> None:
        ledger = SharedLedger(tmp_path, "referral", Verifier())
        for number in range(10):
            block = recorded(number)
            effects = await ledger.commit(block)
            codes = bytes(transaction.code for transaction in effects.transactions)
            assert codes == block_metadata(block, common_pb2.TRANSACTIONS_FILTER), number
        assert ledger.definitions["demo"].version == "1.0"
        assert ledger.bundle.batch.timeout == 0.075
        assert "bank-a" in ledger.bundle.application_msp_ids
        before = {(space, key): entry for space, key, entry in ledger.state.entries()}
        ledger.close()
        again = SharedLedger(tmp_path, "referral", Verifier())
        assert again.height == 10
        assert {(space, key): entry for space, key, entry in again.state.entries()} == before
        with pytest.raises(ConfigError, match="expected number 10"):
            skipped = recorded(9)
            skipped.header.number = 11
            await again.commit(skipped)
        again.close()

    asyncio.run(run())


def test_a_torn_last_block_is_dropped_and_taken_again(tmp_path: Path) -> None:
    async def run() -> None:
        ledger = SharedLedger(tmp_path, "referral", Verifier())
        for number in range(5):
            await ledger.commit(recorded(number))
        ledger.close()
        file = tmp_path / "blocks"
        os.truncate(file, file.stat().st_size - 7)
        again = SharedLedger(tmp_path, "referral", Verifier())
        assert again.height == 4
        await again.commit(recorded(4))
        assert again.height == 5
        again.close()

    asyncio.run(run())


_VICTIM = """
import asyncio, json, os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.hlf_emulator.peer.peer_world import *

async def run():
    keys = make_keys()
    async with running(keys, Path({folder!r}), deploy=("store",)) as world:
        both = ("alpha", "beta")
        assert await world.submit(both, "put", "k", "v") == 0
        secret = {{"value": b'"private"'}}
        assert await world.submit(both, "share", SHARED, "p", transient=secret) == 0
        # Endorsed but not yet in a block when the process dies.
        _, waiting = await world.endorse(both, "share", SHARED, "q", transient=secret)
        Path({out!r}).write_text(json.dumps({{
            "block": world.cut(waiting).SerializeToString().hex(),
            "identities": {{
                name: [identity.certificate.decode(), identity_key(identity).decode()]
                for name, identity in keys.identities.items()
            }},
            "msps": {{name: msp.SerializeToString().hex() for name, msp in keys.msps.items()}},
            "genesis": keys.genesis.SerializeToString().hex(),
        }}))
        os.kill(os.getpid(), signal.SIGKILL)

def identity_key(identity):
    from cryptography.hazmat.primitives import serialization as s
    return identity.private_key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())

asyncio.run(run())
"""


def test_nothing_committed_is_lost_to_kill_9(tmp_path: Path) -> None:
    from fabric_protos.msp import msp_config_pb2

    from hlf.identity import SigningIdentity

    folder, out = tmp_path / "state", tmp_path / "out.json"
    root = str(Path(__file__).parents[4])
    script = _VICTIM.format(root=root, folder=str(folder), out=str(out))
    done = subprocess.run([sys.executable, "-c", script], cwd=root, check=False, timeout=60)
    assert done.returncode == -9
    saved = json.loads(out.read_text())
    keys = Keys(
        {
            name: SigningIdentity.from_pem(name.split("/")[0], certificate.encode(), key.encode())
            for name, (certificate, key) in saved["identities"].items()
        },
        {
            name: msp_config_pb2.FabricMSPConfig.FromString(bytes.fromhex(encoded))
            for name, encoded in saved["msps"].items()
        },
        common_pb2.Block.FromString(bytes.fromhex(saved["genesis"])),
    )

    async def run() -> None:
        async with running(keys, folder, join=False) as world:
            alpha = world.channel("alpha")
            entry = alpha.ledger.state.get(Space("store"), "k")
            assert entry is not None and entry.value == b"v"
            assert private(world, "beta", "p") == b"private"
            assert alpha.approved_package("store")
            block = common_pb2.Block.FromString(bytes.fromhex(saved["block"]))
            for channel in (world.channel(name) for name in ("alpha", "beta", "gamma")):
                await channel.commit(block)
            assert private(world, "alpha", "q") == private(world, "beta", "q") == b"private"
            assert private(world, "gamma", "q") is None

    asyncio.run(run())


def private(world: World, organization: str, key: str) -> bytes | None:
    entry = world.channel(organization).ledger.private.state.get(Space("store", SHARED), key)
    return entry.value if entry else None


def test_a_peer_that_was_away_catches_up(keys: Keys, tmp_path: Path) -> None:
    async def run() -> None:
        async with running(keys, tmp_path, deploy=("store",)) as world:
            secret = {"value": b'"v"'}
            _, envelope = await world.endorse(BOTH, "share", SHARED, "p", transient=secret)
            await world.peers["beta"].stop()
            before = world.channel("beta").ledger.height
            await world.order(envelope, to=("alpha", "gamma"))
            assert world.channel("alpha").ledger.height == before + 1
            assert world.channel("beta").ledger.height == before
            await world.peers["beta"].start()
            assert world.channel("beta").ledger.height == before + 1
            assert private(world, "beta", "p") == b"v"

    asyncio.run(run())


def test_a_peer_that_lags_answers_from_its_own_height(keys: Keys, tmp_path: Path) -> None:
    async def run() -> None:
        async with running(keys, tmp_path, deploy=("store",)) as world:
            assert await world.submit(BOTH, "put", "k", "old") == Code.VALID
            _, envelope = await world.endorse(BOTH, "put", "k", "new")
            block = world.cut(envelope)
            await world.channel("alpha").commit(block)
            waiting = asyncio.create_task(world.channel("beta").ledger.wait_height(block.header.number + 1))
            assert (await world.ask("alpha", "get", "k")).response.payload == b"new"
            assert (await world.ask("beta", "get", "k")).response.payload == b"old"
            assert (await world.ask("beta", "keys", "", "")).response.payload == b'["k"]'
            assert not waiting.done()
            await world.channel("beta").commit(block)
            await asyncio.wait_for(waiting, 5)
            assert (await world.ask("beta", "get", "k")).response.payload == b"new"

    asyncio.run(run())


def test_private_data_that_nobody_had_is_found_later(keys: Keys, tmp_path: Path) -> None:
    async def run() -> None:
        async with running(keys, tmp_path, deploy=("store",)) as world:
            secret = {"value": b'"v"'}
            await world.peers["beta"].stop()
            parts = world.propose("share", SHARED, "p", transient=secret)
            answer = await world.peers["alpha"].process_proposal(world.sign(parts))
            assert answer.response.status == 200
            await world.peers["beta"].start()
            other = await world.peers["beta"].process_proposal(world.sign(parts))
            store = world.channel("beta").ledger.private
            store._db.execute("DELETE FROM transient")
            await world.peers["alpha"].stop()
            from hlf.wire.transaction import assemble_transaction

            envelope = assemble_transaction(parts.proposal, [answer, other])
            envelope.signature = keys.identities["alpha/client"].sign(envelope.payload)
            await world.order(envelope.SerializeToString(), to=("beta", "gamma"))
            lacking = await world.ask("beta", "shared", SHARED, "p")
            assert "private data matching public hash version is not available" in lacking.response.message
            await world.peers["alpha"].start()
            assert (await world.ask("beta", "shared", SHARED, "p")).response.payload == b"v"

    asyncio.run(run())


def test_a_channel_cannot_be_joined_with_another_genesis(keys: Keys, tmp_path: Path) -> None:
    async def run() -> None:
        async with running(keys, tmp_path, join=False) as world:
            await world.peers["alpha"].join(keys.genesis)
            other = common_pb2.Block()
            other.CopyFrom(keys.genesis)
            other.header.data_hash = b"\x00" * 32
            with pytest.raises(ConfigError, match="another first block"):
                await world.peers["beta"].join(other)
            assert CHANNEL not in world.peers["beta"].channels

    asyncio.run(run())
