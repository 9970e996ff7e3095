"""The mistakes that are made most often: each is made here, and the error has to say what to do about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import hlf
from hlf_network.access import Access
from tests.conformance.strangers import stranger
from tests.scenarios.conftest import Way

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("scenarios")]

BOTH = ["org-a", "org-b"]


def refused(way: Way, identity: hlf.SigningIdentity) -> list[str]:
    """What a query and a transaction of an identity are answered."""
    contract = way.gateway("org-a", identity).network("trade").contract("assets")
    with pytest.raises(hlf.EvaluateError) as evaluated:
        contract.evaluate("echo", "x")
    with pytest.raises(hlf.EndorseError) as endorsed:
        contract.submit("put", "k", "v")
    return [evaluated.value.hint, endorsed.value.hint]


def through(way: Way, endpoint: hlf.Endpoint, *call: str) -> str:
    """The hint of the error when a call is made through an endpoint."""
    contract = way.connect(endpoint, way.identity()).network("trade").contract("assets")
    with pytest.raises(hlf.GatewayError) as error:
        contract.evaluate(*(call or ("echo", "x")), timeout=10)
    return error.value.hint


def peer_of(way: Way, organization: str = "org-a") -> hlf.Endpoint:
    """How clients dial an organization's peer."""
    return Access(way.network.layout).endpoint(way.network.layout.gateway(organization))


@pytest.mark.parametrize("msp_id", ["Org1MSP", "org-b"])
def test_the_msp_id_is_wrong(way: Way, msp_id: str) -> None:
    mine = way.identity()
    wrong = hlf.SigningIdentity(hlf.Identity(msp_id, mine.certificate), mine.private_key)
    assert all("check the MSP id" in hint for hint in refused(way, wrong))


def test_the_certificate_has_expired(way: Way) -> None:
    expired = stranger(way.network.layout, "expired", "org-a")
    assert all("has expired: enroll again" in hint for hint in refused(way, expired))


def test_the_certificate_is_another_network_s(way: Way) -> None:
    impostor = stranger(way.network.layout, "impostor", "org-a")
    assert all("another network's" in hint for hint in refused(way, impostor))


def test_certificate_and_key_do_not_belong_together(way: Way) -> None:
    mine = way.identity()
    other = hlf.SigningIdentity(mine.identity, ec.generate_private_key(ec.SECP256R1()))
    assert all("not made by the certificate's key" in hint for hint in refused(way, other))


def test_the_name_in_the_tls_certificate_is_another(way: Way) -> None:
    wrong = replace(peer_of(way), override_host="peer0.wrong.example.com")
    assert "override_host" in through(way, wrong)


def test_the_tls_ca_is_another_s(way: Way) -> None:
    wrong = replace(peer_of(way), tls_root_pem=peer_of(way, "org-b").tls_root_pem)
    assert "tls_root_pem" in through(way, wrong)


def test_tls_is_forgotten(way: Way) -> None:
    wrong = replace(peer_of(way), tls_root_pem=None, override_host=None)
    assert "check grpcs or grpc" in through(way, wrong)


def test_nobody_listens_there(way: Way) -> None:
    assert "no node answers there" in through(way, replace(peer_of(way), address="localhost:1"))
    assert "names of containers" in through(way, replace(peer_of(way), address="peer0.invalid:7051"))


def test_the_port_is_an_orderer_s(way: Way) -> None:
    layout = way.network.layout
    orderer = Access(layout).endpoint(layout.orderers("org-a")[0])
    assert "give a peer's address" in through(way, orderer)


@pytest.mark.parametrize(("channel", "chaincode"), [("trade", "nothing"), ("nowhere", "assets")])
def test_the_chaincode_is_not_committed_or_the_channel_is_another(
    way: Way, channel: str, chaincode: str
) -> None:
    contract = way.gateway().network(channel).contract(chaincode)
    with pytest.raises(hlf.EndorseError, match="the definition is committed"):
        contract.submit("put", "a", "b")
    with pytest.raises(
        hlf.EvaluateError, match=r"the definition is committed|has joined no channel"
    ) as error:
        contract.evaluate("get", "a")
    assert error.value.hint


def test_private_data_is_written_by_an_outsider_or_nowhere(way: Way, key: str) -> None:
    secret = {"value": b'"x"'}
    with pytest.raises(hlf.EndorseError, match="only members of that collection may write"):
        way.contract().submit("hide", "org-c", key, transient=secret)
    with pytest.raises(hlf.EvaluateError, match="only members of that collection may read"):
        way.contract().evaluate("reveal", "org-c", key)
    with pytest.raises(hlf.EndorseError, match="has no collection of that name"):
        way.contract().submit("hide", "none", key, transient=secret, endorsing_organizations=BOTH)


def test_transient_data_would_go_to_an_outsider(way: Way, key: str) -> None:
    contract = way.contract(chaincode="unanimous")
    with pytest.raises(hlf.EndorseError, match="name endorsing_organizations"):
        contract.submit("hide_and_put", "org-a_org-b", key, transient={"value": b'"x"'})


def test_private_data_is_sent_as_an_argument_and_not_as_transient_data(way: Way, key: str) -> None:
    with pytest.raises(hlf.EndorseError, match="transient field 'value' is missing"):
        way.contract().submit("hide", "org-a_org-b", key, endorsing_organizations=BOTH)


@pytest.mark.parametrize("way", ["sync"], indirect=True)
def test_a_message_is_too_large(way: Way, key: str) -> None:
    contract = way.contract()
    with pytest.raises(hlf.SubmitError, match="orderers take no larger transaction"):
        contract.submit("put", key, "x" * (6 * 1024 * 1024))
    with pytest.raises(hlf.EvaluateError, match="must fit into 100 MiB"):
        contract.evaluate("echo", "x" * (101 * 1024 * 1024))


def test_the_clock_is_off(way: Way, key: str) -> None:
    late: Callable[[], int] = lambda: time.time_ns() - 20 * 60 * 10**9  # noqa: E731
    gateway = way.gateway(session=hlf.Session(way.identity(), time_ns=late))
    with pytest.raises(hlf.EndorseError, match="differ by more than 15 minutes"):
        gateway.network("trade").contract("assets").submit("put", key, "x")
    with (
        pytest.raises(hlf.EventError, match="clock 15 minutes off"),
        gateway.network("trade").blocks(start=0, stop=0) as blocks,
    ):
        next(iter(blocks))


@pytest.mark.parametrize("way", ["sync"], indirect=True)
@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({}, "let hlf.Endpoint connect, or set grpc.max_receive_message_length"),
        (
            {"grpc.keepalive_time_ms": 500, "grpc.http2.max_pings_without_data": 0},
            "raise grpc.keepalive_time_ms",
        ),
    ],
)
def test_a_connection_of_one_s_own_is_made_with_other_options(
    way: Way, options: dict[str, int], hint: str
) -> None:
    """grpc's own defaults, and pings twice a second, which peers end a connection for."""
    endpoint = peer_of(way)
    settings: list[tuple[str, object]] = list(options.items())
    if endpoint.override_host:
        settings.append(("grpc.ssl_target_name_override", endpoint.override_host))
    with closing(grpc.secure_channel(endpoint.address, endpoint.credentials(), settings)) as channel:
        gateway = hlf.Gateway(channel, way.identity())
        with pytest.raises((hlf.EvaluateError, hlf.EventError)) as error:
            if options:
                with gateway.network("trade").blocks(start="next") as blocks:
                    next(iter(blocks))
            else:
                gateway.network("trade").contract("assets").evaluate("lengthy", "5")
    assert hint in error.value.hint
