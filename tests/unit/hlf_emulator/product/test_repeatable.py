"""With a seed the same run gives the same blocks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2_grpc

from hlf.identity import SigningIdentity
from hlf_network import ports
from hlf_network.emulated import EmulatedNetwork, Options
from hlf_network.sample import ORDERER, PORTS

pytestmark = pytest.mark.xdist_group("product")
CLOCK = "2026-01-01T00:00:00Z"


def envelopes(user: SigningIdentity, count: int) -> list[common_pb2.Envelope]:
    """Transactions that say the same in every run."""
    made = []
    for number in range(count):
        nonce = hashlib.sha256(bytes([number])).digest()[:24]
        header = common_pb2.Header(
            channel_header=common_pb2.ChannelHeader(
                type=common_pb2.ENDORSER_TRANSACTION,
                channel_id="mychannel",
                tx_id=hashlib.sha256(nonce + user.serialized()).hexdigest(),
            ).SerializeToString(),
            signature_header=common_pb2.SignatureHeader(
                creator=user.serialized(), nonce=nonce
            ).SerializeToString(),
        )
        payload = common_pb2.Payload(header=header, data=b"content").SerializeToString()
        made.append(common_pb2.Envelope(payload=payload, signature=user.sign(payload)))
    return made


def test_the_same_seed_keys_and_envelopes_give_the_same_blocks(tmp_path: Path) -> None:
    options = Options(
        ports=ports.choose(PORTS, tmp_path, {}), batch_timeout="1m", in_memory=True, seed=7, clock=CLOCK
    )
    sent: list[common_pb2.Envelope] = []
    runs = []
    for name in ("one", "two"):
        network = EmulatedNetwork(tmp_path / name, options)
        try:
            network.up()
            sent = sent or envelopes(network.identity(), 30)
            with network.endpoint(ORDERER.msp_id).connect() as connection:
                stub = ab_pb2_grpc.AtomicBroadcastStub(connection)
                assert {answer.status for answer in stub.Broadcast(iter(sent), timeout=20)} == {200}
            # The channel's batches are of ten: three blocks after the first, whatever the time.
            with network.gateway().network("mychannel").blocks(start=0, stop=3) as stream:
                runs.append([block.SerializeToString() for block in stream])
            certificate = network.identity("Org2MSP", "Admin").certificate
        finally:
            network.down()
        runs[-1].append(certificate)
    first, second = ([common_pb2.Block.FromString(block).header for block in run[:4]] for run in runs)
    assert [header.number for header in first] == [0, 1, 2, 3]
    assert first == second
    assert runs[0] == runs[1]


def test_another_seed_gives_other_keys(tmp_path: Path) -> None:
    from hlf_network.sample import SamplePaths
    from hlf_network.sample_material import make

    certificates = []
    for name, seed in (("one", 1), ("two", 2), ("three", 1)):
        paths = SamplePaths(tmp_path / name)
        made = Options(PORTS, clock=CLOCK)
        make(paths, PORTS, now=made.now(), seed=seed)
        certificates.append(paths.ca_certificate(ORDERER).read_bytes())
    assert certificates[0] == certificates[2]
    assert certificates[0] != certificates[1]
