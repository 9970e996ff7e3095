"""What no orderer lets through is judged all the same: whatever bytes a block holds, there is a code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hlf.wire.blocks import data_hash, header_hash
from hlf_emulator.ledger.ledger import SharedLedger
from hlf_emulator.membership.msp import Verifier

RECORDED = Path(__file__).parents[3] / "data" / "blocks"
HEIGHT = 6
"""Blocks 0 to 5 are committed; the transaction of block 4, a write that was valid, is what tests spoil."""
Change = Callable[[common_pb2.Envelope], None]


def block(number: int) -> common_pb2.Block:
    return common_pb2.Block.FromString((RECORDED / f"referral-{number}.pb").read_bytes())


TRANSACTION = block(4).data.data[0]


def opened(folder: Path) -> SharedLedger:
    ledger = SharedLedger(folder, "referral", Verifier())

    async def fill() -> None:
        for number in range(ledger.height, HEIGHT):
            await ledger.commit(block(number))

    asyncio.run(fill())
    return ledger


def judged(ledger: SharedLedger, *contents: bytes) -> list[str]:
    """The codes of the contents in a next block, which is committed."""
    last = ledger.block(ledger.height - 1)
    following = common_pb2.Block()
    following.data.data.extend(contents)
    following.header.number = ledger.height
    following.header.previous_hash = header_hash(last.header)
    following.header.data_hash = data_hash(following.data)
    following.metadata.metadata.extend([b""] * 5)
    asyncio.run(ledger.commit(following))
    stamped = ledger.block(following.header.number).metadata.metadata[common_pb2.TRANSACTIONS_FILTER]
    return [transaction_pb2.TxValidationCode.Name(code) for code in stamped]


def spoilt(change: Change) -> bytes:
    envelope = common_pb2.Envelope.FromString(TRANSACTION)
    change(envelope)
    return envelope.SerializeToString()


def in_header(**fields: object) -> Change:
    def change(envelope: common_pb2.Envelope) -> None:
        payload = common_pb2.Payload.FromString(envelope.payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        for name, value in fields.items():
            setattr(header, name, value)
        payload.header.channel_header = header.SerializeToString()
        envelope.payload = payload.SerializeToString()

    return change


def replaced(field: str, value: bytes) -> Change:
    return lambda envelope: setattr(envelope, field, value)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "BAD_COMMON_HEADER"),
        (b"\xff\xff", "INVALID_OTHER_REASON"),
        (TRANSACTION, "DUPLICATE_TXID"),
        (spoilt(replaced("payload", b"\xff\xff")), "BAD_PAYLOAD"),
        (spoilt(replaced("payload", b"")), "BAD_COMMON_HEADER"),
        (spoilt(replaced("signature", b"")), "BAD_CREATOR_SIGNATURE"),
        (spoilt(in_header(epoch=1)), "BAD_COMMON_HEADER"),
        (spoilt(in_header(type=common_pb2.MESSAGE)), "BAD_COMMON_HEADER"),
        (spoilt(in_header(type=99)), "BAD_COMMON_HEADER"),
        (spoilt(in_header(channel_id="another")), "BAD_CREATOR_SIGNATURE"),
        (spoilt(in_header(tx_id="another")), "BAD_CREATOR_SIGNATURE"),
    ],
)
def test_a_code_for_what_no_orderer_takes(tmp_path: Path, content: bytes, code: str) -> None:
    ledger = opened(tmp_path)
    assert judged(ledger, content, content) == [code, code]
    ledger.close()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> SharedLedger:
    return opened(tmp_path_factory.mktemp("judged"))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, len(TRANSACTION) - 1), st.integers(0, 3), st.binary(max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_the_bytes_there_is_a_code(ledger: SharedLedger, cuts: list[tuple[int, int, bytes]]) -> None:
    content = TRANSACTION
    for place, length, inserted in cuts:
        content = content[:place] + inserted + content[place + length :]
    (code,) = judged(ledger, content)
    assert code != "VALID"
