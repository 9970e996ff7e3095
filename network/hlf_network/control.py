"""A running emulator's control API: what runs, and faults on request (hlf_emulator.faults)."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hlf_network.errors import NetworkError

_TIMEOUT = 30.0


@dataclass(frozen=True)
class Faults:
    """Faults of one emulator; `address` is its control API's host:port.

    Nodes go by their names, which `status` lists. Every method returns when the fault is in force, and raises
    NetworkError with the emulator's own words when it refuses.
    """

    address: str

    def status(self) -> dict[str, Any]:
        """`nodes`: name -> kind, running, channels (heights) and the faults in force; `stopped`: names."""
        return self._ask("GET", "/status")

    def stop(self, node: str) -> None:
        """Close the ports of a peer or an orderer, as a crash would."""
        self._fault("stop", node=node)

    def start(self, node: str) -> None:
        """Let a stopped node run again, at the height it had."""
        self._fault("start", node=node)

    def lose_quorum(self, channel: str) -> list[str]:
        """Stop as few orderers as leave `channel` without a quorum; return which."""
        stopped: list[str] = self._fault("lose-quorum", channel=channel)["stopped"]
        return stopped

    def delay(self, node: str, seconds: float) -> None:
        """Let a peer wait that long before each block it commits; 0 ends it."""
        self._fault("delay", node=node, seconds=seconds)

    def lag(self, node: str, blocks: int) -> None:
        """Keep a peer that many blocks behind its channels; 0 lets it catch up."""
        self._fault("lag", node=node, blocks=blocks)

    def forget(self, node: str) -> None:
        """Drop a peer from gossip: the others see it no more, nor it them; its port goes on answering."""
        self._fault("forget", node=node)

    def expire(self, certificate: bytes) -> None:
        """Judge a certificate (PEM) expired from now on, wherever a node asks."""
        self._fault("expire", certificate=certificate.decode())

    def close_streams(self, node: str) -> int:
        """End every open stream of a node with UNAVAILABLE; return how many there were."""
        closed: int = self._fault("close-streams", node=node)["closed"]
        return closed

    def refuse_disk(self, node: str) -> None:
        """Let every write of a peer or an orderer fail as on a full disk; it goes on reading."""
        self._fault("refuse-disk", node=node)

    def heal(self, node: str | None = None) -> None:
        """End every fault of a node and start it if it is stopped; without a node, of all, with expiries."""
        self._fault("heal", **({} if node is None else {"node": node}))

    def drop_channel(self, channel: str) -> None:
        """No fault: forget a channel as if it had never been."""
        self._ask("POST", "/channels/drop", {"channel": channel})

    def _fault(self, name: str, **asked: object) -> dict[str, Any]:
        return self._ask("POST", f"/faults/{name}", asked)

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self.address, timeout=_TIMEOUT)
        try:
            connection.request(
                method,
                path,
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            content = response.read()
        except OSError as error:
            raise NetworkError(
                f"no emulator answers at {self.address}", hint="`up` starts it, or repairs the network"
            ) from error
        finally:
            connection.close()
        answer: dict[str, Any] = json.loads(content) if content else {}
        if response.status >= 300:
            raise NetworkError(f"the emulator refused: {answer.get('error', response.status)}")
        return answer


def control_address(config: Path) -> str:
    """Where the emulator of a configuration file takes faults. NetworkError when there is no such file."""
    try:
        address: str = json.loads(config.read_text())["control"]
    except OSError:
        raise NetworkError(
            f"there is no emulator in {config.parent.parent}",
            hint="`hlf emulator up` starts one; --state names another folder",
        ) from None
    return address
