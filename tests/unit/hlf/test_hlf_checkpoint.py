"""Checkpoints: where a listener goes on, and files that two SDKs share."""

import json

import pytest

from hlf import Checkpoint, ConfigurationError, FileCheckpoint


@pytest.mark.feature("A12", "sync")
def test_listener_goes_on_where_it_stopped(fake, gateway, tmp_path):
    block = [("t1", "a", b""), ("t2", "a", b"")]
    fake.events = [(3, block)]
    network = gateway.network("ch")
    with (
        FileCheckpoint(tmp_path / "c.json") as checkpoint,
        network.chaincode_events("basic", checkpoint=checkpoint) as stream,
    ):
        checkpoint.record(next(stream))
    fake.events = [(3, block), (4, [("t3", "a", b"")])]
    with (
        FileCheckpoint(tmp_path / "c.json") as checkpoint,
        network.chaincode_events("basic", checkpoint=checkpoint) as stream,
    ):
        assert [next(stream).transaction_id for _ in range(2)] == ["t2", "t3"]


@pytest.mark.parametrize(
    ("content", "number", "transaction_id"),
    [
        ('{"blockNumber":5,"transactionId":"t"}', 5, "t"),
        ('{"blockNumber":"5","transactionId":"t"}', 5, "t"),
        ('{"blockNumber":"5"}', 5, ""),
        ('{"blockNumber":0,"transactionId":""}', None, ""),
        ("{}", None, ""),
        ("", None, ""),
    ],
)
@pytest.mark.feature("A12", "sync", "async")
def test_files_of_other_sdks(tmp_path, content, number, transaction_id):
    (tmp_path / "c").write_text(content)
    with FileCheckpoint(tmp_path / "c") as checkpoint:
        assert (checkpoint.block_number, checkpoint.transaction_id) == (number, transaction_id)


def test_blocks(tmp_path):
    with FileCheckpoint(tmp_path / "c") as checkpoint:
        assert checkpoint.start == "next"
        checkpoint.record_block(7)
        assert checkpoint.start == 8
    assert json.loads((tmp_path / "c").read_text()) == {"blockNumber": 8, "transactionId": ""}


@pytest.mark.feature("A12", "sync", "async")
def test_one_process_at_a_time(tmp_path):
    with FileCheckpoint(tmp_path / "c"), pytest.raises(ConfigurationError, match="another process"):
        FileCheckpoint(tmp_path / "c")
    FileCheckpoint(tmp_path / "c").close()


@pytest.mark.parametrize("content", ["[]", "{", '{"blockNumber": "x"}'])
def test_file_that_is_none(tmp_path, content):
    (tmp_path / "c").write_text(content)
    with pytest.raises(ConfigurationError, match="not a checkpoint"):
        FileCheckpoint(tmp_path / "c")


@pytest.mark.feature("A12", "sync", "async")
def test_memory():
    checkpoint = Checkpoint()
    checkpoint.move(3, "t")
    assert (checkpoint.start, checkpoint.transaction_id) == (3, "t")


def test_a_file_that_cannot_be_used_is_not_said_to_be_held_by_another_process(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "entry").touch()
    for path, reason in (("folder", "cannot be read"), ("none/c.json", "cannot be locked")):
        with pytest.raises(ConfigurationError, match=reason) as caught:
            FileCheckpoint(tmp_path / path)
        assert caught.value.file == str(tmp_path / path)
