import gzip
import hashlib
import io
import json
import tarfile

import pytest

from hlf.admin import package
from hlf.errors import ConfigurationError


def connection(data: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(package.read_package(data).files["connection.json"])
    return found


def test_a_package_is_the_same_bytes_every_time() -> None:
    first = package.ccaas_package("loan_1", "host:9999")
    assert first == package.ccaas_package("loan_1", "host:9999")
    assert package.package_id(first) == f"loan_1:{hashlib.sha256(first).hexdigest()}"
    # No clock and no file name in the gzip header.
    assert first[4:8] == bytes(4)


def test_a_ccaas_package_without_tls() -> None:
    data = package.ccaas_package("loan_1", "host:9999", dial_timeout="3s")
    read = package.read_package(data)
    assert (read.label, read.type) == ("loan_1", "ccaas")
    assert connection(data) == {"address": "host:9999", "dial_timeout": "3s", "tls_required": False}


def test_a_ccaas_package_with_mutual_tls_may_leave_the_key_to_the_peer() -> None:
    data = package.ccaas_package(
        "loan_1", "h:1", tls_root_pem=b"root", client_cert_pem="{{.cert}}", client_key_pem="{{.key}}"
    )
    assert connection(data) == {
        "address": "h:1",
        "dial_timeout": "10s",
        "tls_required": True,
        "client_auth_required": True,
        "root_cert": "root",
        "client_cert": "{{.cert}}",
        "client_key": "{{.key}}",
    }


@pytest.mark.parametrize("label", ["", "-loan", "대출", "a/b", "a b"])
def test_labels_that_fabric_refuses(label: str) -> None:
    with pytest.raises(ConfigurationError, match="label"):
        package.ccaas_package(label, "h:1")


def test_half_a_key_pair_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="client_key_pem"):
        package.ccaas_package("a", "h:1", tls_root_pem="r", client_cert_pem="c")
    with pytest.raises(ConfigurationError, match="tls_root_pem"):
        package.ccaas_package("a", "h:1", client_cert_pem="c", client_key_pem="k")


def archive(entry: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(entry)
    return gzip.compress(buffer.getvalue())


def test_what_is_no_package_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a chaincode package"):
        package.read_package(b"nothing")
    with pytest.raises(ConfigurationError, match=r"metadata\.json is missing"):
        package.read_package(archive(tarfile.TarInfo("other")))
    code = package._tar_gz({})
    with pytest.raises(ConfigurationError, match="not a chaincode package"):
        package.read_package(package._tar_gz({"metadata.json": b"[]", "code.tar.gz": code}))
    link = tarfile.TarInfo("metadata.json")
    link.type = tarfile.SYMTYPE
    with pytest.raises(ConfigurationError, match="not a regular file"):
        package.read_package(archive(link))
    whole = package.ccaas_package("a", "h:1")
    with pytest.raises(ConfigurationError):
        package.read_package(whole[: len(whole) // 2])
