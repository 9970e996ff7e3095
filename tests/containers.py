"""What became of containers that have ended, kept before their network takes their logs along."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LINES = 60


def post_mortem(client: Any, since: str) -> Iterator[tuple[str, str]]:
    """(title, last lines of the log) of every ended container of a network created since an RFC 3339 time.

    `client` is a docker.DockerClient. Whoever was stopped by a test shows exit code 137 and no OOM.
    """
    for container in client.containers.list(all=True, filters={"label": "hlf.network", "status": "exited"}):
        if container.attrs["Created"] < since:
            continue
        state = container.attrs["State"]
        title = (
            f"{container.name} ended at {state['FinishedAt']}: exit code {state['ExitCode']}, "
            f"OOM killed: {state['OOMKilled']}{', ' + state['Error'] if state.get('Error') else ''}"
        )
        yield title, container.logs(tail=_LINES).decode(errors="replace")
