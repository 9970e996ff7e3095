"""Whom the sample network's CA enrolls is somebody on its channels."""

from __future__ import annotations

import base64
import http.client
import json
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import hlf
from hlf_network.sample import ORG1, REGISTRAR_SECRET
from hlf_network.testing import Channel
from tests.unit.hlf_emulator.product.assets import Assets

pytestmark = pytest.mark.xdist_group("product")


def test_who_is_enrolled_with_the_profile_s_ca_may_call_contracts(channel: Channel) -> None:
    emulated = channel.network.emulated
    profile = json.loads(emulated.paths.connection(ORG1, "json").read_text())
    (authority,) = profile["certificateAuthorities"].values()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    body = {
        "certificate_request": request.public_bytes(serialization.Encoding.PEM).decode(),
        "caname": authority["caName"],
    }
    trust = ssl.create_default_context(cadata=authority["tlsCACerts"]["pem"][0])
    address = authority["url"].removeprefix("https://")
    connection = http.client.HTTPSConnection(address, context=trust, timeout=10)
    try:
        secret = base64.b64encode(f"admin:{REGISTRAR_SECRET}".encode()).decode()
        connection.request("POST", "/api/v1/enroll", json.dumps(body), {"Authorization": f"Basic {secret}"})
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    assert answer["success"], answer
    certificate = base64.b64decode(answer["result"]["Cert"])
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    enrolled = hlf.SigningIdentity.from_pem(ORG1.msp_id, certificate, pem)
    chaincode = channel.deploy([Assets])
    with hlf.Gateway(emulated.endpoint(), enrolled) as gateway:
        contract = gateway.network(channel.name).contract(chaincode)
        contract.submit("put", "a", "1")
        assert contract.evaluate("get", "a") == b"1"
