"""The official Fabric CA client for Node against org-a's CA, on the network that --fabric names."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from hlf_network import Consortium
from tests.official.toolkits import node_ca

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("slice")]

SECONDS = 60


def test_official_ca_client(slice_network: Consortium, tmp_path: Path) -> None:
    toolkit = node_ca()
    layout = slice_network.layout
    node = layout.node("ca.org-a")
    name = f"official{os.urandom(4).hex()}"
    way = {
        "url": f"https://{node.address}",
        "root": layout.paths.tls_ca_certificate("org-a").read_text(),
        "caName": node.name,
        "secret": layout.paths.ca_registrar("org-a").read_text(),
        "name": name,
    }
    file = tmp_path / "way.json"
    file.write_text(json.dumps(way))
    done = subprocess.run(
        [*toolkit.client, str(file)],
        cwd=toolkit.folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["secret"] == 12
    assert f"Identity '{name}' is already registered" in said["again"]
    assert "Authentication failure" in said["wrong"]
    assert said["subject"] == said["renewed"] == f"OU=org1 + OU=client + OU=department1\nCN={name}"
    assert "CN=ca.org-a" in said["root"]
    assert said["identity"] == {
        "id": name,
        "type": "client",
        "affiliation": "org1.department1",
        "attrs": 5,
        "max_enrollments": 1,
        "caname": "ca.org-a",
    }
    assert said["listed"] is True
    assert said["created"] == "chosen"
    assert said["updated"] == "org1"
    assert "Identity removal is disabled" in said["removal"]
    assert said["affiliation"] == {
        "name": name,
        "affiliations": [{"name": f"{name}.one"}],
        "caname": "ca.org-a",
    }
    assert said["affiliations"] == [f"{name}-new"]
    assert (said["certificates"], said["revoked"]) == (2, 2)
    assert "Authentication failure" in said["afterwards"]
    assert said["crl"] is True
