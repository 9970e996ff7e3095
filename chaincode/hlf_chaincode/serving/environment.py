"""What the environment says of a chaincode, in the names that Fabric's builders, peers and samples use.

A peer that dials (chaincode as a service): ``CHAINCODE_SERVER_ADDRESS``, ``CHAINCODE_ID``,
``CHAINCODE_TLS_DISABLED``, ``CHAINCODE_TLS_KEY``, ``CHAINCODE_TLS_CERT``, ``CHAINCODE_CLIENT_CA_CERT``, as
fabric-samples has them, and the ``CORE_CHAINCODE_…`` names of the Node shim.

A peer that is dialed (it launches the chaincode itself, or runs with ``chaincode.mode: dev``):
``CORE_PEER_ADDRESS``, ``CORE_CHAINCODE_ID_NAME``, ``CORE_PEER_TLS_ENABLED``, ``CORE_PEER_TLS_ROOTCERT_FILE``,
``CORE_TLS_CLIENT_KEY_FILE`` and ``CORE_TLS_CLIENT_CERT_FILE`` (PEM) or ``…_PATH`` (the same in Base64), as
Fabric's core/container/dockercontroller sets them. ``CORE_PEER_LOCALMSPID`` names the peer's organization.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .config import ConfigurationError
from .tls import ClientTls, Named, ServerTls, TlsError, read_pem

_KEY = ("CHAINCODE_TLS_KEY", "CORE_CHAINCODE_TLS_KEY_FILE")
_CERTIFICATE = ("CHAINCODE_TLS_CERT", "CORE_CHAINCODE_TLS_CERT_FILE")
_CLIENT_CA = ("CHAINCODE_CLIENT_CA_CERT", "CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE")
# As Go's strconv.ParseBool reads them.
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def package_id(environment: Mapping[str, str]) -> str:
    """The name under which the chaincode registers; ConfigurationError where none is set."""
    return _required(environment, "CHAINCODE_ID", "CORE_CHAINCODE_ID", "CORE_CHAINCODE_ID_NAME")


def peer_msp_id(environment: Mapping[str, str]) -> str:
    """The MSP id of the peer's organization, by the name that the Go and Node shims read; "" if not set."""
    return environment.get("CORE_PEER_LOCALMSPID", "")


def listening_address(environment: Mapping[str, str]) -> str | None:
    """HOST:PORT to listen on; None where the environment asks for no server. No host means every address."""
    address = environment.get("CHAINCODE_SERVER_ADDRESS") or environment.get("CORE_CHAINCODE_ADDRESS")
    if address and address.startswith(":"):
        return f"0.0.0.0{address}"  # noqa: S104 - what Fabric's own shims make of it
    return address or None


def server_tls(environment: Mapping[str, str]) -> ServerTls | None:
    """How to listen; None for plain text.

    Without ``CHAINCODE_TLS_DISABLED``, a key or a certificate asks for TLS.
    """
    named = [name for name in (*_KEY, *_CERTIFICATE) if environment.get(name)]
    if _flag(environment, "CHAINCODE_TLS_DISABLED", default=not named):
        return None
    with_authority = any(environment.get(name) for name in _CLIENT_CA)
    try:
        return ServerTls.checked(
            certificate=_pem(environment, *_CERTIFICATE),
            key=_pem(environment, *_KEY),
            client_ca=_pem(environment, *_CLIENT_CA) if with_authority else None,
        )
    except TlsError as error:
        raise ConfigurationError(str(error)) from error


def client_tls(environment: Mapping[str, str]) -> ClientTls | None:
    """How to dial a peer; None for plain text. ``CORE_PEER_TLS_ENABLED`` must say which."""
    if not _flag(environment, "CORE_PEER_TLS_ENABLED", default=None):
        return None
    try:
        return ClientTls.checked(
            root=_pem(environment, "CORE_PEER_TLS_ROOTCERT_FILE"),
            certificate=_pem_or_encoded(environment, "CORE_TLS_CLIENT_CERT"),
            key=_pem_or_encoded(environment, "CORE_TLS_CLIENT_KEY"),
        )
    except TlsError as error:
        raise ConfigurationError(str(error)) from error


def _required(environment: Mapping[str, str], *names: str) -> str:
    for name in names:
        if value := environment.get(name):
            return value
    raise ConfigurationError(f"{' or '.join(names)} must be set")


def _flag(environment: Mapping[str, str], name: str, *, default: bool | None) -> bool:
    value = environment.get(name) or ""
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    if value or default is None:
        raise ConfigurationError(f"{name} must be true or false")
    return default


def _pem(environment: Mapping[str, str], *names: str) -> Named:
    path = _required(environment, *names)
    where = f"{next(name for name in names if environment.get(name))}: {path}"
    return where, read_pem(Path(path), where)


def _pem_or_encoded(environment: Mapping[str, str], prefix: str) -> Named:
    if environment.get(f"{prefix}_FILE"):
        return _pem(environment, f"{prefix}_FILE")
    path = _required(environment, f"{prefix}_FILE", f"{prefix}_PATH")
    where = f"{prefix}_PATH: {path}"
    return where, read_pem(Path(path), where, encoded=True)
