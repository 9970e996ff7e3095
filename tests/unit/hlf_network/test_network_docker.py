"""The Docker runtime against an engine that answers as Docker does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, ImageNotFound
from requests import Response

from hlf_network import NetworkError, authority, docker_runtime
from hlf_network.docker_runtime import DockerRuntime, images, obstacle
from hlf_network.layout import Layout, port_names
from hlf_network.topology import Topology, load

SLICE = Path(__file__).parents[2] / "data" / "slice-topology.yaml"


@pytest.fixture
def topology() -> Topology:
    return load(SLICE)


@pytest.fixture
def layout(topology: Topology) -> Layout:
    ports = {name: 17000 + index for index, name in enumerate(port_names(topology))}
    return Layout(topology, Path("state"), ports, in_containers=True)


def refusing(status: HTTPStatus) -> Any:
    """A container whose engine answers a kill with that status."""

    def kill() -> None:
        response = Response()
        response.status_code = status
        raise APIError("refused", response=response, explanation="as the engine says")

    return SimpleNamespace(kill=kill)


def engine(monkeypatch: pytest.MonkeyPatch, *, container: Any = None, present: Collection[str] = ()) -> None:
    """An engine with one container, and with the images that are `present`."""

    def image(name: str) -> None:
        if name not in present:
            raise ImageNotFound(name)

    client = SimpleNamespace(
        containers=SimpleNamespace(get=lambda _name: container),
        images=SimpleNamespace(get=image),
        close=lambda: None,
    )
    monkeypatch.setattr(docker_runtime, "_connect", lambda: client)


def test_a_node_that_has_stopped_may_be_stopped_again(
    monkeypatch: pytest.MonkeyPatch, layout: Layout
) -> None:
    engine(monkeypatch, container=refusing(HTTPStatus.CONFLICT))
    DockerRuntime("net", "id").stop_node(layout, "peer0.org-a")


def test_a_node_that_cannot_be_stopped_is_said(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> None:
    engine(monkeypatch, container=refusing(HTTPStatus.INTERNAL_SERVER_ERROR))
    with pytest.raises(NetworkError, match="Docker refused: as the engine says"):
        DockerRuntime("net", "id").stop_node(layout, "peer0.org-a")


def test_a_topology_with_a_ca_needs_its_image_too(
    monkeypatch: pytest.MonkeyPatch, topology: Topology
) -> None:
    every = set(images(topology).values())
    assert authority.IMAGE in every
    engine(monkeypatch, present=every)
    assert obstacle(topology) is None
    engine(monkeypatch, present=every - {authority.IMAGE})
    found = obstacle(topology)
    assert found is not None
    assert found.hint == f"docker pull {authority.IMAGE}"
    without = {
        name: replace(organization, authority=None) for name, organization in topology.organizations.items()
    }
    assert obstacle(replace(topology, organizations=without)) is None
