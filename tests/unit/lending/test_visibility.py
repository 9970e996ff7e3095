"""The matrix of who can see what, from a configuration that real Fabric accepted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2, configtx_pb2

from hlf.admin.definition import ChaincodeDefinition, Collection
from hlf.wire.configtx import config_of
from lending.visibility import Rows, rows

RECORDED = Path(__file__).parents[2] / "data" / "blocks"


def recorded(number: int) -> configtx_pb2.Config:
    return config_of(common_pb2.Block.FromString((RECORDED / f"referral-{number}.pb").read_bytes()))


@pytest.fixture(scope="module")
def matrix() -> Rows:
    pair = Collection("semas_foundation-seoul", "OR('semas.member','foundation-seoul.member')")
    own = Collection("foundation-seoul", "OR('foundation-seoul.member')")
    definition = ChaincodeDefinition("credit-evaluation", "1", 1, collections=(pair, own))
    return rows({"referral": recorded(0)}, {"referral": (definition,)})


def who(matrix: Rows, start: str) -> set[tuple[str, str]]:
    (row,) = (row for row in matrix if row["what"].startswith(start))
    assert row["channel"] == "referral"
    return {(one["organization"], one["how"]) for one in row["who"]}


def test_blocks_are_kept_by_members_with_a_peer_and_by_whoever_orders(matrix: Rows) -> None:
    assert who(matrix, "blocks:") == {
        ("semas", "peer"),
        ("foundation-seoul", "peer"),
        *((one, "orderer") for one in ("semas", "foundation-seoul", "mss", "bank-a")),
    }


def test_members_without_a_peer_are_clients(matrix: Rows) -> None:
    assert who(matrix, "questions to chaincodes") == {
        ("semas", "client"),
        ("foundation-seoul", "client"),
        ("mss", "client"),
    }


def test_streams_follow_the_acl_and_the_role(matrix: Rows) -> None:
    assert who(
        matrix, "stream of blocks and of the own organization's private data from a peer, to its clients"
    ) == {("semas", "client")}
    assert who(
        matrix,
        "stream of blocks and of the own organization's private data from a peer, to its administrators",
    ) == {("semas", "client"), ("foundation-seoul", "client")}
    # bank-a orders the channel and is no member: its staff gets nothing from its own orderer.
    assert ("bank-a", "client") not in who(
        matrix, "stream of blocks from an orderer, to its clients and administrators"
    )


def test_collections_are_their_members(matrix: Rows) -> None:
    assert who(matrix, "collection semas_foundation-seoul") == {
        ("semas", "peer"),
        ("foundation-seoul", "peer"),
    }
    assert who(matrix, "collection foundation-seoul") == {("foundation-seoul", "peer")}
    named = [row["chaincode"] for row in matrix if row["what"].startswith("collection")]
    assert named == ["credit-evaluation"] * 2


def test_an_orderer_of_another_name_is_the_institution_with_the_same_authority() -> None:
    config = recorded(0)
    orderers = config.channel_group.groups["Orderer"].groups
    renamed = configtx_pb2.ConfigGroup()
    renamed.CopyFrom(orderers["semas"])
    value = renamed.values["MSP"]
    # Both names have the same length, so that the message stays well-formed.
    value.value = value.value.replace(b"semas", b"order")
    orderers["order"].CopyFrom(renamed)
    del orderers["semas"]
    matrix = rows({"referral": config}, {})
    assert ("semas", "orderer") in who(matrix, "blocks:")
    assert not any(one["organization"] == "order" for row in matrix for one in row["who"])


def test_it_is_plain_json(matrix: Rows) -> None:
    assert json.loads(json.dumps(matrix)) == matrix
    assert all(row.keys() == {"what", "channel", "chaincode", "who"} for row in matrix)
