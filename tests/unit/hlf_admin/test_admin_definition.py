import dataclasses

import pytest
from fabric_protos.peer.lifecycle import lifecycle_pb2

from hlf.admin.definition import ChaincodeDefinition, Collection, collection_package
from hlf.errors import ConfigurationError

PAIR = Collection(
    "a_b",
    "OR('a.member', 'b.member')",
    required_peers=1,
    max_peers=2,
    block_to_live=9,
    member_only_write=False,
    endorsement_policy="AND('a.peer', 'b.peer')",
)
DEFINITION = ChaincodeDefinition("guarantee", "1.0", 2, "AND('a.peer', 'b.peer')", (PAIR,))


def test_a_definition_comes_back_as_it_went() -> None:
    answer = lifecycle_pb2.QueryChaincodeDefinitionResult(
        sequence=2,
        version="1.0",
        validation_parameter=DEFINITION.validation_parameter(),
        collections=collection_package(DEFINITION.collections),
    )
    back = ChaincodeDefinition.from_message("guarantee", answer)
    assert back == DEFINITION.normalized()
    assert back.collections[0].policy == "OR('a.member','b.member')"
    assert back.collections[0] == dataclasses.replace(
        PAIR, policy="OR('a.member','b.member')", endorsement_policy="AND('a.peer','b.peer')"
    )


def test_terms_are_compared_without_sequence_and_spelling() -> None:
    other = dataclasses.replace(DEFINITION, sequence=7, endorsement_policy="and('a.peer','b.peer')")
    assert DEFINITION.same_terms(other)
    assert not DEFINITION.same_terms(dataclasses.replace(other, version="1.1"))
    assert not DEFINITION.same_terms(dataclasses.replace(other, collections=()))


def test_no_policy_is_the_channels_default() -> None:
    plain = ChaincodeDefinition("guarantee", "1.0", 1)
    assert plain.same_terms(ChaincodeDefinition("guarantee", "1.0", 1, "/Channel/Application/Endorsement"))


def test_wrong_policies_name_their_field() -> None:
    with pytest.raises(ConfigurationError) as caught:
        dataclasses.replace(DEFINITION, endorsement_policy="AND(").validation_parameter()
    assert caught.value.field == "endorsement_policy"
    with pytest.raises(ConfigurationError) as caught:
        collection_package([dataclasses.replace(PAIR, policy="nobody")])
    assert caught.value.field == "collections.a_b"
