"""The official Gateway clients and chaincode runtimes, on the network that --fabric names.

They come from their registries when the tests run; where a language or its registry is not to be had, its
tests are skipped and counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hlf.errors import EvaluateError
from hlf.gateway import Gateway
from hlf_network import Consortium
from hlf_network.access import Access
from tests.official.serving import PARTIES, served
from tests.official.toolkits import TOOLKITS, Toolkit

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("slice")]

SECONDS = 120


@pytest.fixture(scope="session")
def toolkit(request: pytest.FixtureRequest) -> Toolkit:
    """One language's official programs; skips where they cannot be had."""
    return TOOLKITS[request.param]()


@pytest.mark.parametrize("toolkit", ["go", "java", "node"], indirect=True)
def test_official_client(toolkit: Toolkit, slice_network: Consortium, tmp_path: Path) -> None:
    said = run_client(toolkit, slice_network, "records", "org-a", tmp_path)
    refusal = "chaincode response 500, NOT_TODAY: as asked"
    assert said["evaluate"]["msp_id"] == "org-a"
    assert (said["submit"][-1], said["read"]) == ("1", "one")
    assert said["submitAsync"]["successful"] and said["submitAsync"]["code"] == 0
    assert said["chaincodeRefusesEvaluate"]["name"] == "Gateway"
    assert said["chaincodeRefusesEvaluate"]["status"] == "UNKNOWN"
    assert said["chaincodeRefusesSubmit"]["name"] == "Endorse"
    assert said["chaincodeRefusesSubmit"]["status"] == "ABORTED"
    assert said["chaincodeRefusesSubmit"]["details"] == [{"mspId": "org-a", "message": refusal}]
    assert said["unknownChaincode"]["name"] == "Endorse"
    assert (said["oneParty"]["name"], said["oneParty"]["code"]) == ("Commit", 10)
    assert said["privateData"] == "secret"
    assert said["offlineSigning"] == {"successful": True, "sameId": True}
    assert said["deadline"]["status"] == "DEADLINE_EXCEEDED"
    assert said["chaincodeEvents"] == [["put", "1"], ["put", "2"], ["put", "4"]]
    assert said["resumedEvents"] == "2"
    assert said["newEvents"] == "hello"
    assert said["blockEvents"] == {"numbers": [0, 1], "slots": 5}
    assert said["filteredBlockEvents"] == {"channel": "slice", "number": 0}
    assert said["blockAndPrivateDataEvents"] == 1


@pytest.mark.parametrize("toolkit", ["go", "node"], indirect=True)
def test_official_chaincode(toolkit: Toolkit, slice_network: Consortium, tmp_path: Path) -> None:
    """The official runtime behind both peers, and our client in front of them."""
    with ExitStack() as stack:
        name = stack.enter_context(served(toolkit, slice_network, tmp_path)).name
        way = Access(slice_network.layout)
        peer = slice_network.layout.gateway("org-a")
        gateway = stack.enter_context(Gateway(way.endpoint(peer), way.identity("org-a", "user")))
        contract = gateway.network("slice").contract(name)

        def ask(function: str, *arguments: str) -> Any:
            return json.loads(contract.evaluate(function, *arguments))

        for number in range(5):
            contract.submit("put", f"k{number}", f"v{number}")
        contract.submit("remove", "k4")
        assert ask("get", "k3") == "v3"
        assert ask("keys", "k0", "k9") == ["k0", "k1", "k2", "k3"]
        assert ask("page", "k0", "k9", "2", "") == {"keys": ["k0", "k1"], "bookmark": "k2", "count": 2}
        assert ask("page", "k0", "k9", "2", "k2") == {"keys": ["k2", "k3"], "bookmark": "", "count": 2}
        contract.submit("composite", "pair", "a")
        assert ask("composites", "pair", "a") == [["a", "x"], ["a", "y"]]
        assert ask("changes", "k4") == ["deleted", "v4"]
        secret = {"value": b"secret"}
        contract.submit("share", "both", "p", transient=secret, endorsing_organizations=PARTIES)
        assert ask("shared", "both", "p") == "secret"
        assert ask("sharedHash", "both", "p") == hashlib.sha256(b"secret").hexdigest()
        contract.submit("purge", "both", "p", endorsing_organizations=PARTIES)
        assert ask("sharedHash", "both", "p") == ""
        contract.submit("lock", "k0", "org-b")
        alone = contract.propose("put", "k0", "mine", endorsing_organizations=["org-b"]).endorse()
        assert alone.submit().status().successful
        assert ask("who") == {"mspId": "org-a", "role": "clerk", "channel": "slice"}
        gateway.network("slice").contract("records").submit("put", f"{name}-theirs", "theirs")
        assert ask("other", "records", "get", f"{name}-theirs") == "theirs"


@pytest.mark.parametrize("toolkit", ["python"], indirect=True)
def test_official_python_chaincode(toolkit: Toolkit, slice_network: Consortium, tmp_path: Path) -> None:
    """What the official Python runtime can do, behind both peers; it loses its event."""
    with ExitStack() as stack:
        name = stack.enter_context(served(toolkit, slice_network, tmp_path)).name
        way = Access(slice_network.layout)
        peer = slice_network.layout.gateway("org-a")
        gateway = stack.enter_context(Gateway(way.endpoint(peer), way.identity("org-a", "user")))
        contract = gateway.network("slice").contract(name)
        for number in range(3):
            contract.submit("put", f"k{number}", f"v{number}")
        contract.submit("remove", "k2")
        assert json.loads(contract.evaluate("get", "k1")) == "v1"
        assert json.loads(contract.evaluate("keys", "k0", "k9")) == ["k0", "k1"]
        assert json.loads(contract.evaluate("who")) == {"mspId": "org-a", "channel": "slice"}
        with pytest.raises(EvaluateError, match="as asked"):
            contract.evaluate("refuse")


def run_client(
    toolkit: Toolkit, network: Consortium, chaincode: str, organization: str, folder: Path
) -> dict[str, Any]:
    """What the official client saw, step by step."""
    layout = network.layout
    access = Access(layout)
    identity = access.identity(organization, "user")
    endpoint = access.endpoint(layout.gateway(organization))
    way = folder / "client.json"
    way.write_text(
        json.dumps(
            {
                "address": endpoint.address,
                "tlsRoot": endpoint.tls_root_pem.decode(),
                "mspId": identity.msp_id,
                "certificate": identity.certificate.decode(),
                "key": identity.private_key.private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
                ).decode(),
                "channel": "slice",
                "chaincode": chaincode,
                "collection": "org-a_org-b",
                "parties": PARTIES,
                "key_prefix": f"n{os.urandom(6).hex()}-",
            }
        ),
        encoding="utf-8",
    )
    done = subprocess.run(
        [*toolkit.client, str(way)],
        cwd=toolkit.folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said
