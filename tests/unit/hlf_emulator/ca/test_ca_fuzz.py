"""Whatever a body says, a CA answers: with JSON in its envelope, or as Fabric CA does, not at all."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hlf_emulator.ca import requests as ca_requests
from hlf_emulator.ca.api import CaApi
from hlf_emulator.ca.call import Authority
from hlf_emulator.ca.identity import Attribute, Identity, hash_secret
from hlf_emulator.ca.issuing import Issuer
from hlf_emulator.ca.store import Period, Store
from hlf_emulator.ports.rest import Request
from hlf_network.crypto import Authority as KeyAuthority
from tests.conformance.ca_client import Enrolled, basic, signing_request, token

PATHS = {
    "cainfo": "GET POST",
    "enroll": "POST",
    "reenroll": "POST",
    "register": "POST",
    "revoke": "POST",
    "gencrl": "POST",
    "identities": "GET POST",
    "identities/one": "GET PUT DELETE",
    "affiliations": "GET POST",
    "affiliations/org1": "GET PUT DELETE",
    "certificates": "GET DELETE",
}
POWERS = ("hf.Registrar.Roles", "hf.Registrar.Attributes", "hf.Revoker", "hf.GenCRL", "hf.AffiliationMgr")
KEY = ec.generate_private_key(ec.SECP256R1())
WORDS = ["", "admin", "one", "org1", "org1.department1", ".", "*", "hf.Revoker", "true", "tls", "ca", "-1d"]
SHAPED = ["2020-01-01T00:00:00Z", "localhost", "::1", "a@b", "http://x", "1.2.3.4.5.6.7.8.1", "00ff"]
TEXTS = st.sampled_from([*WORDS, *SHAPED, signing_request(KEY, {"CN": "admin", "O": "x"})]) | st.text(
    max_size=80
)
STRUCTS = (ca_requests.ENROLL, ca_requests.REGISTER, ca_requests.REVOKE, ca_requests.GEN_CRL)
INNER = ["names", "name", "value", "ecert", "optional", "CN", "C", "O", "SerialNumber", "critical"]
FIELDS = st.sampled_from(sorted({name for struct in STRUCTS for name in struct.empty()}.union(INNER)))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=8,
)
BODIES = st.one_of(
    st.dictionaries(FIELDS, VALUES, max_size=6).map(lambda it: json.dumps(it).encode()), st.binary()
)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class World:
    """A CA without a port, and its administrator, put back before every request."""

    def __init__(self, folder: Path) -> None:
        keys = KeyAuthority.create("ca.alpha", "alpha", "KR", _now()).credential
        self.store = Store(folder / "ca.db", _now, sync=False)
        self.store.add_affiliations(["org1", "org1.department1"])
        self.api = CaApi(
            Authority("ca.alpha", True, -1, Issuer(keys.certificate, keys.key), self.store, _now)
        )
        powers = tuple(Attribute(name, "*" if "Registrar" in name else "1") for name in POWERS)
        self.admin = Identity("admin", "client", "", powers, -1, hash_secret("secret"))
        self.restore()
        body = json.dumps({"certificate_request": signing_request(KEY, {"CN": "admin"})}).encode()
        answer = self.ask("POST", "enroll", "", body, basic("admin", "secret"))
        pem = self.store.certificates("", {"id": "admin"}, Period(), Period())[0].pem
        assert b'"success":true' in answer
        self.enrolled = Enrolled(pem.encode(), KEY)

    def restore(self) -> None:
        self.store.put(self.admin)

    def ask(self, method: str, path: str, query: str, body: bytes, authorization: str) -> bytes:
        request = Request(method, f"/api/v1/{path}", {"authorization": authorization}, body, query)
        return asyncio.run(self.api.handle(request)).body


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.store.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    call=st.sampled_from([(path, method) for path, methods in PATHS.items() for method in methods.split()]),
    body=BODIES,
    query=st.sampled_from(["", "force=true", "force=x", "ca=x", "id=%ff", "notexpired=1"])
    | st.builds(
        lambda text: f"revoked_start={text}", st.sampled_from(["-1d", "%2B9999999999d", "0001-01-01", "x"])
    ),
)
def test_every_body_is_answered(world: World, call: tuple[str, str], body: bytes, query: str) -> None:
    path, method = call
    world.restore()
    uri = f"/api/v1/{path}" + (f"?{query}" if query else "")
    said = basic("admin", "secret") if path == "enroll" else token(world.enrolled, method, uri, body)
    try:
        answer = world.ask(method, path, query, body, said)
    except ConnectionAbortedError:
        assert (path, method) == ("affiliations/org1", "PUT")
        return
    assert set(json.loads(answer)) == {"result", "errors", "messages", "success"}
