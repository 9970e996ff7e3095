"""What the tutorial and the guides show does what they say, on the emulator."""

from __future__ import annotations

import json
import pkgutil
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hlf import Gateway, SigningIdentity, load_profile
from hlf.admin.definition import Collection
from hlf.admin.qscc import Ledger
from hlf_chaincode import Contract
from hlf_network.sample import MEMBERS, SampleOrganization
from hlf_network.testing import Channel, FabricNetwork
from tests.official import toolkits
from tests.scenarios import guides

pytestmark = pytest.mark.xdist_group("product")
HLF = Path(sys.executable).parent / "hlf"


def contract_of(source: str) -> type[Contract]:
    """The contract class that a block of a page defines."""
    space: dict[str, Any] = {"__name__": "guide"}
    exec(source, space)
    (found,) = (
        one
        for one in space.values()
        if isinstance(one, type) and issubclass(one, Contract) and one is not Contract
    )
    return found


@pytest.fixture
def desk(fabric_network: FabricNetwork, tmp_path: Path) -> Iterator[tuple[Path, Channel]]:
    """A folder with `test-network` in it, and its channel `mychannel`."""
    (tmp_path / "test-network").symlink_to(fabric_network.emulated.paths.root)
    channel = fabric_network.create_channel("mychannel")
    yield tmp_path, channel
    channel.drop()


@pytest.mark.parametrize(
    "name",
    ["offline-signing", "events-with-a-database", "retries", "threads-and-fork", "many-in-flight"],
)
def test_a_guide_with_the_tutorial_s_contract(desk: tuple[Path, Channel], name: str) -> None:
    folder, channel = desk
    channel.deploy([contract_of(guides.read("tutorial.md").files["basic.py"])], name="basic")
    guides.run(guides.read(f"guides/{name}.md"), folder)


def test_private_data(desk: tuple[Path, Channel]) -> None:
    folder, channel = desk
    page = guides.read("guides/private-data.md")
    (collection,) = json.loads(page.json[0])
    source, program = page.program.split("import hashlib", 1)
    channel.deploy(
        [contract_of(source)],
        name="offers",
        collections=[
            Collection(
                collection["name"],
                collection["policy"],
                collection["requiredPeerCount"],
                collection["maxPeerCount"],
                member_only_read=collection["memberOnlyRead"],
                member_only_write=collection["memberOnlyWrite"],
                endorsement_policy=collection["endorsementPolicy"]["signaturePolicy"],
            )
        ],
    )
    guides.run(guides.Page("import hashlib" + program, page.says, {}, (), ()), folder)


def test_fastapi(desk: tuple[Path, Channel]) -> None:
    folder, channel = desk
    packages = toolkits.python_packages("fastapi")
    channel.deploy([contract_of(guides.read("tutorial.md").files["basic.py"])], name="basic")
    guides.run(guides.read("guides/fastapi-and-asyncio.md"), folder, (packages,))


@pytest.mark.feature("D8")
@pytest.mark.feature("D6")
def test_leaving_fabric_sdk_py(desk: tuple[Path, Channel]) -> None:
    folder, channel = desk
    channel.deploy([contract_of(guides.read("tutorial.md").files["basic.py"])], name="basic")
    network, paths = channel.network.emulated, channel.network.emulated.paths
    organization = paths.root / "organizations" / "peerOrganizations" / "org1.example.com"
    user = organization / "users" / "User1@org1.example.com" / "msp"
    (folder / "network.json").write_text(
        json.dumps(
            {
                "client": {"organization": "Org1"},
                "organizations": {
                    "org1.example.com": {
                        "mspid": "Org1MSP",
                        "peers": ["peer0.org1.example.com"],
                        "users": {
                            "User1": {
                                "cert": str(next((user / "signcerts").iterdir())),
                                "private_key": str(next((user / "keystore").iterdir())),
                            }
                        },
                    }
                },
                "peers": {
                    "peer0.org1.example.com": {
                        "url": network.endpoint().address,
                        "grpcOptions": {"grpc.ssl_target_name_override": "peer0.org1.example.com"},
                        "tlsCACerts": {"path": str(next((organization / "tlsca").glob("*.pem")))},
                    }
                },
            }
        )
    )
    guides.run(guides.read("guides/from-fabric-sdk-py.md"), folder)


@pytest.mark.feature("D2")
@pytest.mark.parametrize("suffix", ["json", "yaml"])
@pytest.mark.parametrize("organization", MEMBERS, ids=lambda one: one.prefix)
def test_the_test_network_s_profiles_as_they_are(
    desk: tuple[Path, Channel], suffix: str, organization: SampleOrganization
) -> None:
    _, channel = desk
    network = channel.network.emulated
    profile = load_profile(network.paths.connection(organization, suffix))
    assert profile.msp_id == organization.msp_id
    assert list(profile.certificate_authorities) == [f"ca.{organization.domain}"]
    user = SigningIdentity.from_msp_folder(
        organization.msp_id, network.paths.user(organization, "User1") / "msp"
    )
    with Gateway.from_profile(profile, user) as gateway:
        assert Ledger(gateway.network("mychannel")).info().height == 1


@pytest.mark.feature("D2")
def test_the_tutorial_from_its_first_command_to_its_last(tmp_path: Path) -> None:
    """As it stands there, but for ports and for the package id, which is another in each network."""
    page = guides.read("tutorial.md")
    install, up, deploy, serve, down = page.commands
    assert install == "pip install 'dure[network,chaincode]'"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    try:
        command(f"{up} --free-ports", tmp_path)
        package = command(deploy.replace("127.0.0.1:9999", address), tmp_path).strip()
        shown = page.json[0].replace("127.0.0.1:9999", address)
        assert re.fullmatch(r"basic_1\.0:[0-9a-f]{64}", package)
        (tmp_path / "server.json").write_text(re.sub(r"basic_1\.0:[0-9a-f]{64}", package, shown))
        (tmp_path / "basic.py").write_text(page.files["basic.py"])
        words = shlex.split(serve)
        assert words[0] == "python"
        with subprocess.Popen(
            [sys.executable, *words[1:]], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                assert server.stdout is not None
                assert server.stdout.readline().startswith("ready")
                guides.run(page, tmp_path)
            finally:
                server.terminate()
    finally:
        command(down, tmp_path)
    assert not (tmp_path / "test-network").exists()


def command(line: str, folder: Path) -> str:
    """What a command of `hlf` prints."""
    words = shlex.split(line)
    assert words[0] == "hlf"
    done = subprocess.run(
        [str(HLF), *words[1:]], cwd=folder, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_of_hlf_in_the_docs_exists() -> None:
    for path in (guides.DOCS / "tutorial.md", *(guides.DOCS / "guides").glob("*.md")):
        for name in re.findall(r"`(hlf(?:\.\w+)+)", path.read_text(encoding="utf-8")):
            assert pkgutil.resolve_name(name) is not None, f"{path.name}: {name}"


def test_every_guide_is_run_and_every_link_leads_somewhere() -> None:
    ran = set(re.findall(r'"(?:guides/)?([\w-]+)(?:\.md)?"', Path(__file__).read_text(encoding="utf-8")))
    names = {path.stem for path in (guides.DOCS / "guides").glob("*.md")}
    # Run by the tests of their own parts.
    by_others = {"emulator", "chaincode", "from-other-chaincode-apis", "ahp", "revalidation", "survey"}
    by_others |= {"evaluation", "evaluation-models", "review"}
    assert names - by_others <= ran
    for path in (guides.DOCS / "tutorial.md", *(guides.DOCS / "guides").glob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
