"""Ports of this machine: chosen once for a network, remembered, and checked before use."""

import hashlib
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from hlf_network.errors import NetworkError, PortTakenError

# Below the range that systems take outgoing connections' ports from.
_FIRST, _LAST = 17000, 31000


def choose(names: Iterable[str], state: Path, known: Mapping[str, int]) -> dict[str, int]:
    """A free port for every name; those of `known` stay.

    Where the search starts depends on the state folder, so that two checkouts starting at once do not meet.
    """
    digest = hashlib.sha256(str(state).encode()).digest()
    candidate = _FIRST + int.from_bytes(digest[:4]) % (_LAST - _FIRST)
    ports = dict(known)
    taken = set(ports.values())
    for name in names:
        if name in ports:
            continue
        for _attempt in range(_LAST - _FIRST):
            candidate = candidate + 1 if candidate < _LAST else _FIRST
            if candidate not in taken and free(candidate):
                break
        else:
            raise NetworkError(f"no free port between {_FIRST} and {_LAST}", hint="stop what holds them")
        ports[name] = candidate
        taken.add(candidate)
    return ports


def free(port: int, host: str = "") -> bool:
    """Whether a server could listen on the port now; `host` "" means every address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(ports: Mapping[str, int], names: Iterable[str]) -> None:
    """PortTakenError, naming port and user of it, if one of the ports is held by another program."""
    for name in names:
        if not free(ports[name]):
            raise PortTakenError(
                f"port {ports[name]}, which {name} used before, is held by another program",
                hint="stop that program, or `hlf network down` and `up`, which chooses other ports",
            )
