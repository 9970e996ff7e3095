"""The control API on loopback: the state of the nodes, and faults asked for."""

import json
from collections.abc import Mapping

from hlf_emulator.nodes import Node, PeerNode
from hlf_emulator.rest import Request, Response, json_response


class ControlApi:
    """GET /status; POST /faults/stop, /faults/start and /faults/delay with ``{"node": name}``."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes

    async def handle(self, request: Request) -> Response:
        """Answer one request; errors are ``{"error": text}``."""
        if request.method == "GET" and request.path == "/status":
            nodes = {name: node.status() for name, node in self._nodes.items()}
            stopped = [name for name, status in nodes.items() if not status["running"]]
            return json_response(200, {"nodes": nodes, "stopped": stopped})
        action = request.path.removeprefix("/faults/")
        if request.method != "POST" or action not in {"stop", "start", "delay"}:
            return json_response(404, {"error": f"no such call: {request.method} {request.path}"})
        try:
            asked = json.loads(request.body)
            node = self._nodes[asked["node"]]
        except (ValueError, KeyError, TypeError):
            return json_response(400, {"error": 'expected {"node": the name of a node}'})
        if action == "delay":
            return self._delay(node, asked)
        try:
            await (node.stop() if action == "stop" else node.start())
        except (OSError, RuntimeError) as error:
            return json_response(409, {"error": f"cannot {action} {node.name}: {error}"})
        return json_response(200, {"node": node.name, **node.status()})

    def _delay(self, node: Node, asked: Mapping[str, object]) -> Response:
        seconds = asked.get("seconds")
        if not isinstance(node, PeerNode) or not isinstance(seconds, int | float) or seconds < 0:
            return json_response(400, {"error": 'expected {"node": the name of a peer, "seconds": number}'})
        node.feed.delay = float(seconds)
        return json_response(200, {"node": node.name, "seconds": seconds})
