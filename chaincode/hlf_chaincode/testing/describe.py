"""What a transaction read and wrote, as lines that a person reads in a failing test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fabric_protos.peer import chaincode_event_pb2

from ..keys import split_composite_key
from ..policy import VALIDATION_PARAMETER, read_policy
from .policies import shown_policy
from .world import ReadWriteSet, Scan, Version, key_hash

_LONGEST = 120
_SAME = "(same)"
_NOTHING = "-"

Effects = Mapping[str, str]
"""What was done (``"write store 'k'"``) and with what (``"'v'"``), in the order of the namespaces."""


def effects(
    result: bytes, event: chaincode_event_pb2.ChaincodeEvent | None, rwset: ReadWriteSet, message: str = ""
) -> Effects:
    """All that an execution answers, the response first."""
    shown = {"result": shown_value(result)} if result else {}
    if message:
        shown["message"] = message
    if event is not None:
        shown[f"event {event.event_name!r}"] = shown_value(event.payload)
    shown.update((f"read {_place(*where)}", _version(at)) for where, at in sorted(rwset.reads.items()))
    shown.update((f"range {scan.namespace} {_bounds(scan)}", _found(scan)) for scan in rwset.scans)
    shown.update(
        (f"write {_place(*where)}", shown_value(value)) for where, value in sorted(rwset.writes.items())
    )
    for where, metadata in sorted(rwset.metadata.items()):
        shown[f"policy {_place(*where)}"] = _policy(metadata)
    names = {key_hash(key): shown_key(key) for _, _, key in rwset.private_writes}
    for (namespace, collection, hashed), at in sorted(rwset.hashed_reads.items()):
        shown[f"read {namespace}/{collection} {_hashed(hashed, names)}"] = _version(at)
    for (namespace, collection, hashed), digest in sorted(rwset.hashed_writes.items()):
        purge = (namespace, collection, hashed) in rwset.purges
        shown[f"write {namespace}/{collection} {_hashed(hashed, names)}"] = (
            "purged" if purge else "deleted" if digest is None else f"hash {digest.hex()[:16]}…"
        )
    for (namespace, collection, hashed), metadata in sorted(rwset.hashed_metadata.items()):
        shown[f"policy {namespace}/{collection} {_hashed(hashed, names)}"] = _policy(metadata)
    for (namespace, collection, key), value in sorted(rwset.private_writes.items()):
        if value is not None:
            shown[f"private {namespace}/{collection} {shown_key(key)}"] = shown_value(value)
    return shown


def table(columns: Sequence[Effects], heads: Sequence[str] = ()) -> str:
    """Effects line by line, one column for each execution; of several, where they agree it says so."""
    labels = list(dict.fromkeys(label for column in columns for label in column))
    rows = [("", *heads)] if heads else []
    for label in labels:
        cells = [column.get(label, _NOTHING) for column in columns]
        same = len(columns) > 1 and len(set(cells)) == 1
        rows.append((label, *([_SAME] * len(cells) if same else cells)))
    if not rows:
        return "  read and wrote nothing"
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    )


def shown_key(key: str) -> str:
    """A key in quotes; a composite key as ``type['part', …]``."""
    if key.startswith("\x00") and key.endswith("\x00") and len(key) > 1:
        kind, parts = split_composite_key(key)
        return f"{kind}{parts}"
    return repr(key)


def shown_value(value: bytes | None) -> str:
    """Text in quotes, anything else in hexadecimal, cut where it is long."""
    if value is None:
        return "deleted"
    try:
        text = value.decode()
        shown = repr(text) if text.isprintable() or text.isspace() else ""
    except UnicodeDecodeError:
        shown = ""
    if not shown:
        shown = f"0x{value.hex()}"
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}… ({len(value)} bytes)"


def version_text(version: Version | None) -> str:
    """``block:position`` of the transaction that wrote a key last, or that there is none."""
    return f"{version[0]}:{version[1]}" if version else "absent"


def _version(version: Version | None) -> str:
    return f"at {version_text(version)}" if version else "absent"


def _place(namespace: str, key: str) -> str:
    return f"{namespace} {shown_key(key)}"


def _hashed(hashed: bytes, names: Mapping[bytes, str]) -> str:
    return names.get(hashed) or f"#{hashed.hex()[:16]}…"


def _bounds(scan: Scan) -> str:
    return f"{shown_key(scan.start)} to {shown_key(scan.end)}{'' if scan.exhausted else ', left there'}"


def _found(scan: Scan) -> str:
    keys = ", ".join(f"{shown_key(key)} at {version_text(at)}" for key, at in scan.results)
    shown = keys if len(keys) <= _LONGEST else f"{keys[:_LONGEST]}… ({len(scan.results)} keys)"
    return shown or "nothing"


def _policy(metadata: Mapping[str, bytes]) -> str:
    policy = metadata.get(VALIDATION_PARAMETER, b"")
    if not policy:
        return "removed"
    try:
        return shown_policy(read_policy(policy))
    except ValueError:
        return shown_value(policy)
