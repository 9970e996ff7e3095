"""What a network remembers between commands: runtime, ports, topology. One JSON file in its state folder."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hlf.errors import ConfigurationError
from hlf_network.crypto import write_secret

# What may be edited without the network being another one.
_INDIFFERENT = {"title"}


@dataclass
class Record:
    """`identifier` is in the names of everything that Docker keeps for this network."""

    identifier: str
    runtime: str
    topology: Mapping[str, Any]
    ports: Mapping[str, int]
    profiles: list[str] = field(default_factory=list)
    complete: bool = False

    def save(self, path: Path) -> None:
        """Write the record, whole or not at all."""
        draft = path.with_suffix(".draft")
        write_secret(draft, json.dumps(asdict(self), indent=1).encode())
        draft.rename(path)


def load(path: Path) -> Record | None:
    """The record, or None where no network was made. ConfigurationError if the file is damaged."""
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            "is not a network's record", file=str(path), hint="remove the folder, and what it started by hand"
        ) from error


def identifier(state: Path) -> str:
    """A name for the network of this state folder that no other folder's has."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:8]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for each field that differs: `path: old -> new`, `path: added`, `path: removed`."""
    return list(_differences(before, after, ""))


def _differences(before: Any, after: Any, where: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            if key in _INDIFFERENT:
                continue
            path = f"{where}.{key}" if where else str(key)
            if key not in after:
                yield f"{path}: removed"
            elif key not in before:
                yield f"{path}: added"
            else:
                yield from _differences(before[key], after[key], path)
    elif before != after:
        yield f"{where}: {before} -> {after}"
