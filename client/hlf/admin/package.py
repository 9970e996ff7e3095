"""Chaincode packages, the same bytes for the same contents.

Source: Fabric's persistence/chaincode_package.go (metadata.json and code.tar.gz in a gzipped tar) and the
connection.json of its `ccaas` builder.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hlf.errors import ConfigurationError

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class Package:
    """What a package holds: `files` maps the names in code.tar.gz to their contents."""

    label: str
    type: str
    path: str
    files: Mapping[str, bytes] = field(repr=False)


def _tar_gz(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o100644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def _untar_gz(data: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isfile() else None
            if content is None:
                raise ConfigurationError(f"tar entry {entry.name} is not a regular file", field="package")
            files[entry.name] = content.read()
    return files


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def build_package(label: str, type: str, files: Mapping[str, bytes], *, path: str = "") -> bytes:
    """A package of any type around the files of its code, in the order given.

    Raises ConfigurationError for a label that Fabric refuses.
    """
    if not _LABEL.fullmatch(label):
        raise ConfigurationError(
            f"label {label!r}: letters, digits and . + - _, starting with a letter or digit", field="label"
        )
    metadata = _json({"path": path, "type": type, "label": label})
    return _tar_gz({"metadata.json": metadata, "code.tar.gz": _tar_gz(files)})


def ccaas_package(
    label: str,
    address: str,
    *,
    dial_timeout: str = "10s",
    tls_root_pem: bytes | str | None = None,
    client_cert_pem: bytes | str | None = None,
    client_key_pem: bytes | str | None = None,
) -> bytes:
    """A package for a chaincode that runs as a server at `address` (host:port, as the peer dials it).

    `tls_root_pem` turns TLS on; the client certificate and key make it mutual. All strings may be Go
    templates ("{{.client_key}}"), which the peer fills from CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG: so one
    package serves every organization, and keys stay out of it.
    """
    if (client_cert_pem is None) != (client_key_pem is None):
        raise ConfigurationError("mutual TLS takes a certificate and its key", field="client_key_pem")
    if client_cert_pem is not None and tls_root_pem is None:
        raise ConfigurationError("mutual TLS takes the server's root certificate", field="tls_root_pem")
    connection: dict[str, Any] = {
        "address": address,
        "dial_timeout": dial_timeout,
        "tls_required": tls_root_pem is not None,
    }
    texts = {"root_cert": tls_root_pem, "client_cert": client_cert_pem, "client_key": client_key_pem}
    for name, value in texts.items():
        if value is not None:
            connection[name] = value.decode() if isinstance(value, bytes) else value
    if client_cert_pem is not None:
        connection["client_auth_required"] = True
    return build_package(label, "ccaas", {"connection.json": _json(connection)})


def read_package(package: bytes) -> Package:
    """The contents of a package; ConfigurationError when a peer could not read it either."""
    try:
        outer = _untar_gz(package)
        for name in ("metadata.json", "code.tar.gz"):
            if name not in outer:
                raise ConfigurationError(f"{name} is missing", field="package")
        metadata = json.loads(outer["metadata.json"])
        files = _untar_gz(outer["code.tar.gz"])
        return Package(metadata["label"], metadata["type"], metadata.get("path", ""), files)
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError("not a chaincode package", field="package") from error


def package_id(package: bytes) -> str:
    """The id a peer gives the package: its label and the SHA-256 of its bytes."""
    return f"{read_package(package).label}:{hashlib.sha256(package).hexdigest()}"
