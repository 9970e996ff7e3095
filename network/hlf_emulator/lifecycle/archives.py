"""Gzipped tar archives read as Go reads them: what they hold, and what Go says of broken ones."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator

_BLOCK = 512
_ZEROS = b"\0" * _BLOCK
_TRUNCATED = "unexpected EOF"
MAX_ARCHIVE = 200 * 1024 * 1024
"""Bytes unzipped; twice the largest message that carries a package."""


class ArchiveError(Exception):
    """An archive that cannot be read; `zipped` when it is no gzip stream at all. The text is Go's."""

    def __init__(self, message: str, *, zipped: bool = True, entry: str | None = None) -> None:
        super().__init__(message)
        self.zipped = zipped
        self.entry = entry


def entries(content: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """Name, type and content of every entry, in order. Raises ArchiveError where the stream breaks."""
    data, problem = _unzip(content)
    offset = 0
    name: str | None = None
    while offset < len(data):
        block = data[offset : offset + _BLOCK]
        if len(block) < _BLOCK:
            raise ArchiveError(problem or _TRUNCATED)
        if block == _ZEROS:
            return
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as fault:
            raise ArchiveError("archive/tar: invalid tar header") from fault
        offset += _BLOCK
        held = data[offset : offset + header.size]
        if len(held) < header.size:
            raise ArchiveError(problem or _TRUNCATED, entry=header.name)
        offset += (header.size + _BLOCK - 1) // _BLOCK * _BLOCK
        if header.type == tarfile.GNUTYPE_LONGNAME:
            name = held.rstrip(b"\0").decode(errors="surrogateescape")
        elif header.type == tarfile.XHDTYPE:
            name = _pax_path(held)
        elif header.type != tarfile.XGLTYPE:
            kind = tarfile.REGTYPE if header.type == tarfile.AREGTYPE else header.type
            yield name or _name(block, header), kind, held
            name = None
    if problem:
        raise ArchiveError(problem)


def _unzip(content: bytes) -> tuple[bytes, str]:
    """What could be unzipped, and what stopped it (empty: nothing did)."""
    if len(content) < 10:
        # Go reads ten bytes before it looks at them.
        raise ArchiveError(_TRUNCATED if content else "EOF", zipped=False)
    if content[:3] != b"\x1f\x8b\x08":
        raise ArchiveError("gzip: invalid header", zipped=False)
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(content, MAX_ARCHIVE)
    except zlib.error:
        # Go says where; that is known for what is corrupt from the start, and said of all.
        return b"", "flate: corrupt input before offset 1"
    return data, "" if stream.eof else _TRUNCATED


def _name(block: bytes, header: tarfile.TarInfo) -> str:
    """The name as it stands: a folder keeps its slash."""
    slash = "/" if header.isdir() and not header.name.endswith("/") else ""
    return header.name + (slash if block[:100].rstrip(b"\0").endswith(b"/") else "")


def _pax_path(records: bytes) -> str | None:
    for line in records.split(b"\n"):
        _, _, record = line.partition(b" ")
        key, _, value = record.partition(b"=")
        if key == b"path":
            return value.decode(errors="surrogateescape")
    return None
