"""Texts that are Go's: what cannot be decoded, quoted bytes, times of any year."""

from __future__ import annotations

import pytest
from fabric_protos.common import common_pb2

from hlf_emulator.go.text import Undecodable, go_quote, header_type_name, unmarshal
from hlf_emulator.peer.proposal_checks import rfc3339


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\xff\xff", "error unmarshalling ChannelHeader: proto: cannot parse invalid wire-format data"),
        (b"\x22\x02\xff\xfe", "error unmarshalling ChannelHeader: string field contains invalid UTF-8"),
    ],
)
def test_what_cannot_be_decoded(content: bytes, text: str) -> None:
    with pytest.raises(Undecodable) as raised:
        unmarshal(common_pb2.ChannelHeader, content)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("content", "quoted"),
    [
        (b"plain", '"plain"'),
        (b'"\\\n', r'"\"\\\n"'),
        (b"\x00\x7f", r'"\x00\x7f"'),
        (b"\xff", r'"\xff"'),
        ("١é".encode(), '"١é"'),
        ("\u200b\U000e0001".encode(), r'"\u200b\U000e0001"'),
    ],
)
def test_quoted_bytes(content: bytes, quoted: str) -> None:
    assert go_quote(content) == quoted


def test_types_of_headers() -> None:
    assert header_type_name(common_pb2.CONFIG) == "CONFIG"
    assert header_type_name(-1) == "-1"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (253_402_300_800, "10000-01-01T00:00:00Z"),
        (2**63 - 1, "292277026596-12-04T15:30:07Z"),
    ],
)
def test_times_of_any_year(seconds: int, text: str) -> None:
    assert rfc3339(seconds) == text
