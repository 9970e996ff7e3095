"""Private data: in transient fields and collections, never in blocks."""

from __future__ import annotations

import hashlib

import pytest

import hlf
from tests.scenarios.conftest import Way

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("scenarios")]

PAIR = "org-a_org-b"
BOTH = ["org-a", "org-b"]


def test_members_read_what_a_member_wrote(way: Way, key: str) -> None:
    writer, reader = way.contract("org-a"), way.contract("org-b")
    writer.submit("hide", PAIR, key, transient={"value": b'"secret"'}, endorsing_organizations=BOTH)
    reader.submit("hide", PAIR, f"{key}-2", transient={"value": b'"reply"'}, endorsing_organizations=BOTH)
    # Both stand on org-b's peer now that it has told of the second.
    for name, value in ((key, b"secret"), (f"{key}-2", b"reply")):
        assert reader.evaluate("reveal", PAIR, name, endorsing_organizations=["org-b"]) == value


def test_others_see_its_hash_and_no_more(way: Way, key: str) -> None:
    way.contract("org-a").submit(
        "hide", PAIR, key, transient={"value": b'"secret"'}, endorsing_organizations=BOTH
    )
    outsider = way.contract("org-c")
    with pytest.raises(hlf.EvaluateError, match="does not have read access permission"):
        outsider.evaluate("reveal", PAIR, key, endorsing_organizations=["org-a"])
    digest = way.contract("org-a").evaluate("fingerprint", PAIR, key, endorsing_organizations=["org-a"])
    assert digest.decode() == hashlib.sha256(b"secret").hexdigest()


def test_an_outsider_may_not_write_it(way: Way, key: str) -> None:
    with pytest.raises(hlf.EndorseError, match="does not have write access permission"):
        way.contract("org-c").submit(
            "hide", PAIR, key, transient={"value": b'"x"'}, endorsing_organizations=BOTH
        )


def test_transient_data_is_sent_to_members_without_naming_them(way: Way, key: str) -> None:
    """A gateway of a member finds the collection's endorsers by itself."""
    way.contract("org-c").submit("hide", "org-c", key, transient={"value": b'"own"'})
    assert way.contract("org-c").evaluate("reveal", "org-c", key) == b"own"


def test_transient_data_is_in_no_block(way: Way, key: str) -> None:
    outcome = way.contract("org-a").execute(
        "hide", PAIR, key, transient={"value": b'"unmistakable secret"'}, endorsing_organizations=BOTH
    )
    network = way.gateway().network("trade")
    with network.blocks(start=outcome.block_number, stop=outcome.block_number) as blocks:
        (block,) = list(blocks)
    assert outcome.transaction_id.encode() in block.SerializeToString()
    assert b"unmistakable secret" not in block.SerializeToString()
