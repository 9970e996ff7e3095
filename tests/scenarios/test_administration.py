"""Members and chaincodes managed from Python alone, and what runs chaincodes served with TLS."""

from __future__ import annotations

import json
import os
import subprocess
from typing import NoReturn

import pytest

from hlf.admin.definition import ChaincodeDefinition
from hlf.admin.lifecycle import Lifecycle
from hlf.admin.package import read_package
from hlf_network.access import Access
from hlf_network.waiting import wait_until
from tests.scenarios.conftest import Way

pytestmark = [
    pytest.mark.fabric,
    pytest.mark.xdist_group("scenarios"),
    pytest.mark.parametrize("way", ["sync"], indirect=True),
]


def _refuse(*command: object, **options: object) -> NoReturn:
    raise AssertionError(f"a program is run: {command}")


@pytest.mark.feature("F10")
@pytest.mark.feature("F11")
def test_a_chaincode_is_put_into_force_and_called(
    way: Way, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second name for the chaincode that is installed, under another policy; no program is run for it."""
    for function in ("Popen", "run", "check_output"):
        monkeypatch.setattr(subprocess, function, _refuse)
    layout = way.network.layout
    access = Access(layout)
    name = f"again-{os.urandom(4).hex()}"
    definition = ChaincodeDefinition(name, "1.0", 1, "OR('org-a.peer', 'org-b.peer', 'org-c.peer')")
    approvers = ("org-a", "org-b")
    for organization in approvers:
        node = layout.gateway(organization)
        with access.peer(node) as peer, access.gateway(node) as gateway:
            assert "trade" in peer.channels()
            (package,) = (one for one in peer.installed() if one.label.startswith("assets"))
            Lifecycle(gateway, "trade").approve(definition, package.package_id)
    with access.gateway(layout.gateway("org-a")) as gateway:
        lifecycle = Lifecycle(gateway, "trade")
        wait_until(lambda: lifecycle.agreed(definition, approvers), 30, lambda: "the approvals are not seen")
        assert lifecycle.readiness(definition) == {"org-a": True, "org-b": True, "org-c": False}
        lifecycle.commit(definition, approvers)
        committed = lifecycle.committed(name)
        assert committed is not None
        assert committed.definition.sequence == 1
    contract = way.contract(chaincode=name)
    contract.submit("put", key, "value", endorsing_organizations=["org-a"])
    assert contract.evaluate("get", key, endorsing_organizations=["org-a"]) == b"value"


@pytest.mark.feature("F9")
def test_the_chaincode_that_answers_is_served_with_tls_on_both_sides(way: Way) -> None:
    layout = way.network.layout
    with Access(layout).peer(layout.gateway("org-a")) as peer:
        (package,) = (one for one in peer.installed() if one.label.startswith("assets"))
        connection = json.loads(
            read_package(peer.installed_package(package.package_id)).files["connection.json"]
        )
    assert connection["tls_required"] and connection["client_auth_required"]
    assert connection["root_cert"].startswith("-----BEGIN CERTIFICATE-----")
    assert way.contract().evaluate("echo", "through TLS", endorsing_organizations=["org-a"]) == b"through TLS"
