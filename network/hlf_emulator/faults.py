"""The control API on loopback: the state of the nodes, and faults on request."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hlf_emulator.membership.msp import Verifier
from hlf_emulator.nodes import Node, OrdererNode, PeerNode
from hlf_emulator.ordering.orderer import OrderingService
from hlf_emulator.ports.rest import Request, Response, json_response

Asked = Mapping[str, Any]


class _Refused(Exception):  # noqa: N818 - the answer it leads to
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ControlApi:
    """GET /status; POST /faults/NAME with a JSON object, of which ``node`` names a node.

    ``stop``, ``start``, ``close-streams``, ``refuse-disk``: a node. ``delay`` (``seconds``), ``lag``
    (``blocks``), ``forget``: a peer. ``lose-quorum``: a ``channel``. ``expire``: a ``certificate`` (PEM).
    ``heal``: a node, or everything. And POST /channels/drop, which forgets a ``channel``.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        service: OrderingService,
        verifier: Verifier,
        drop: Callable[[str], Awaitable[None]],
    ) -> None:
        self._nodes = nodes
        self._service = service
        self._verifier = verifier
        self._drop = drop
        faults: dict[str, Callable[[Asked], Awaitable[dict[str, Any]]]] = {
            "stop": self._stop,
            "start": self._start,
            "lose-quorum": self._lose_quorum,
            "delay": self._delay,
            "lag": self._lag,
            "forget": self._forget,
            "expire": self._expire,
            "close-streams": self._close_streams,
            "refuse-disk": self._refuse_disk,
            "heal": self._heal,
        }
        self._calls = {f"/faults/{name}": fault for name, fault in faults.items()}
        self._calls["/channels/drop"] = self._drop_channel

    async def handle(self, request: Request) -> Response:
        """Answer one request; errors are ``{"error": text}``."""
        if request.method == "GET" and request.path == "/status":
            return json_response(200, self._status())
        call = self._calls.get(request.path)
        if request.method != "POST" or call is None:
            return json_response(
                404,
                {
                    "error": f"no such call: {request.method} {request.path}; "
                    f"GET /status, POST one of {', '.join(self._calls)}"
                },
            )
        try:
            asked = json.loads(request.body or b"{}")
            if not isinstance(asked, dict):
                raise _Refused(400, "expected a JSON object")
            return json_response(200, await call(asked))
        except ValueError as error:
            return json_response(400, {"error": f"not JSON: {error}"})
        except _Refused as refused:
            return json_response(refused.status, {"error": str(refused)})
        except (OSError, RuntimeError) as error:
            # A port that somebody else has taken meanwhile.
            return json_response(409, {"error": str(error)})

    def _status(self) -> dict[str, Any]:
        nodes = {name: node.status() for name, node in self._nodes.items()}
        return {
            "nodes": nodes,
            "stopped": [name for name, status in nodes.items() if not status["running"]],
            "expired": len(self._verifier.expired),
        }

    async def _stop(self, asked: Asked) -> dict[str, Any]:
        node = self._node(asked)
        await node.stop()
        return {"node": node.name, **node.status()}

    async def _start(self, asked: Asked) -> dict[str, Any]:
        node = self._node(asked)
        await node.start()
        return {"node": node.name, **node.status()}

    async def _lose_quorum(self, asked: Asked) -> dict[str, Any]:
        channel = asked.get("channel")
        sequencer = self._service.sequencers.get(str(channel))
        if sequencer is None:
            known = ", ".join(sorted(self._service.sequencers))
            raise _Refused(400, f"no channel {channel}; there are {known}")
        stopped = []
        for node in self._nodes.values():
            if not sequencer.has_quorum:
                break
            if isinstance(node, OrdererNode) and sequencer.ready(node.name):
                await node.stop()
                stopped.append(node.name)
        return {"channel": channel, "stopped": stopped}

    async def _delay(self, asked: Asked) -> dict[str, Any]:
        node = self._peer(asked)
        seconds = asked.get("seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            raise _Refused(400, "expected seconds: a number that is not negative")
        await node.feed.hold_back(delay=float(seconds))
        return {"node": node.name, **node.status()}

    async def _lag(self, asked: Asked) -> dict[str, Any]:
        node = self._peer(asked)
        blocks = asked.get("blocks")
        if not isinstance(blocks, int) or isinstance(blocks, bool) or blocks < 0:
            raise _Refused(400, "expected blocks: a whole number that is not negative")
        await node.feed.hold_back(lag=blocks)
        return {"node": node.name, **node.status()}

    async def _forget(self, asked: Asked) -> dict[str, Any]:
        node = self._peer(asked)
        node.peer.in_gossip = False
        return {"node": node.name, **node.status()}

    async def _expire(self, asked: Asked) -> dict[str, Any]:
        try:
            certificate = x509.load_pem_x509_certificate(str(asked.get("certificate")).encode())
        except (ValueError, x509.InvalidVersion) as error:
            raise _Refused(400, "expected certificate: one certificate in PEM") from error
        self._verifier.expired.add(certificate.public_bytes(serialization.Encoding.DER))
        return {"expired": len(self._verifier.expired)}

    async def _close_streams(self, asked: Asked) -> dict[str, Any]:
        node = self._node(asked)
        return {"node": node.name, "closed": node.streams.close()}

    async def _refuse_disk(self, asked: Asked) -> dict[str, Any]:
        node = self._node(asked)
        node.refuse_disk(True)
        return {"node": node.name, **node.status()}

    async def _heal(self, asked: Asked) -> dict[str, Any]:
        healed = [self._node(asked)] if "node" in asked else list(self._nodes.values())
        if "node" not in asked:
            self._verifier.expired.clear()
        for node in healed:
            node.refuse_disk(False)
            if isinstance(node, PeerNode):
                await node.feed.hold_back(delay=0, lag=0)
                await node.rejoin_gossip()
            await node.start()
        return {"healed": [node.name for node in healed]}

    async def _drop_channel(self, asked: Asked) -> dict[str, Any]:
        name = str(asked.get("channel"))
        await self._drop(name)
        return {"dropped": name}

    def _node(self, asked: Asked) -> Node:
        node = self._nodes.get(str(asked.get("node")))
        if node is None:
            raise _Refused(400, f"expected node: one of {', '.join(self._nodes)}")
        return node

    def _peer(self, asked: Asked) -> PeerNode:
        node = self._node(asked)
        if not isinstance(node, PeerNode):
            peers = (name for name, one in self._nodes.items() if isinstance(one, PeerNode))
            raise _Refused(400, f"{node.name} is no peer; there are {', '.join(peers)}")
        return node
