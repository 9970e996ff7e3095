"""PEM as Go's encoding/pem reads it: the first block that is whole, of whatever type, wherever it begins."""

from __future__ import annotations

import base64
import binascii
import re

# Type, headers ("Key: value" lines up to an empty one), content.
_BLOCK = re.compile(
    rb"(?:\A|(?<=\n))-----BEGIN ([^\r\n]*?)-----[ \t]*\r?\n"
    rb"((?:[^\r\n:]+:[^\r\n]*\r?\n)*\r?\n)?"
    rb"([^-]*)"
    rb"-----END \1-----[ \t]*(?:\r?\n|\Z)"
)


def first_block(content: bytes) -> bytes | None:
    """The decoded content of the first block, None when there is none."""
    for match in _BLOCK.finditer(content):
        try:
            return base64.b64decode(re.sub(rb"[\s]", b"", match[3]), validate=True)
        except binascii.Error:
            continue
    return None
