"""What fabric-sdk-py left behind: its ``network.json``, the users in it, and the enrollments that it stored.

::

    profile = load_network("network.json", organization="org1.example.com")
    wallet = Wallet("wallet")
    for name, identity in load_users("network.json").items():
        wallet.put(name, identity)                       # "Admin@org1.example.com"
    for name, identity in load_enrollments("/tmp/hfc-kvs", "Org1MSP").items():
        wallet.put(name, identity)

As there, paths in ``network.json`` are relative to where the program runs; ``base`` names another folder.
Read against fabric-sdk-py 1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
from pathlib import Path
from typing import Any

from hlf.errors import ConfigurationError, IdentityError
from hlf.identity import SigningIdentity
from hlf.profile import Profile, ProfileReader

_OVERRIDE = "grpc.ssl_target_name_override"


def load_network(
    path: str | Path, *, organization: str | None = None, base: str | Path | None = None
) -> Profile:
    """Read a ``network.json`` as a connection profile. ConfigurationError names the field that is wrong.

    ``organization`` is the client's own; by default the one that ``client.organization`` names, which in many
    of these files is none, or the only one that has peers.
    """
    reader, root = _read(path, base)
    organizations = reader.mapping(root.get("organizations"), "organizations")
    client = dict(reader.mapping(root.get("client"), "client"))
    with_peers = [name for name, one in organizations.items() if isinstance(one, dict) and one.get("peers")]
    if organization is None:
        organization = client.get("organization")
        if organization not in organizations and len(with_peers) == 1:
            organization = with_peers[0]
    if organization not in organizations:
        raise ConfigurationError(
            "which organization the client belongs to cannot be told",
            hint=f"name it with organization=, one of {', '.join(organizations) or 'none'}",
            file=str(path),
            field="client.organization",
        )
    client["organization"] = organization
    document = {**root, "client": client}
    for section in ("peers", "orderers"):
        nodes = reader.mapping(root.get(section), section)
        document[section] = {name: _node(reader, one, f"{section}.{name}") for name, one in nodes.items()}
    authorities = reader.mapping(root.get("certificateAuthorities"), "certificateAuthorities")
    document["certificateAuthorities"] = {
        name: _authority(reader, one, f"certificateAuthorities.{name}") for name, one in authorities.items()
    }
    return reader.profile(document)


def load_users(path: str | Path, *, base: str | Path | None = None) -> dict[str, SigningIdentity]:
    """Return the users of a ``network.json`` as ``name@organization``. IdentityError, ConfigurationError."""
    reader, root = _read(path, base)
    found = {}
    for organization, value in reader.mapping(root.get("organizations"), "organizations").items():
        entry = reader.mapping(value, f"organizations.{organization}")
        place = f"organizations.{organization}.users"
        for name, user in reader.mapping(entry.get("users"), place).items():
            parts = reader.mapping(user, f"{place}.{name}")
            certificate, key = (
                _user_pem(reader, parts.get(part), f"{place}.{name}.{part}")
                for part in ("cert", "private_key")
            )
            found[f"{name}@{organization}"] = SigningIdentity.from_pem(
                str(entry.get("mspid", "")), certificate, key
            )
    return found


def load_enrollments(folder: str | Path, msp_id: str | None = None) -> dict[str, SigningIdentity]:
    """Return the identities that fabric-sdk-py stored in a folder, by name.

    Those of its state store (files ``user.NAME.ORGANIZATION``) say which MSP they belong to and are called
    ``NAME@ORGANIZATION``. Those of its wallet (folders ``NAME`` with ``private_sk`` and
    ``enrollmentCert.pem``) do not: ``msp_id`` says it. IdentityError for what cannot be read.
    """
    found = {}
    for path in sorted(Path(folder).iterdir()):
        if path.is_file() and path.name.startswith("user."):
            state = _state(path)
            if state.get("enrollment"):
                found[f"{state.get('name')}@{state.get('org')}"] = _enrolled(path, state)
        elif (path / "enrollmentCert.pem").is_file():
            if msp_id is None:
                raise IdentityError(f"{path} does not say which MSP it belongs to", hint="give msp_id")
            certificate, key = (path / "enrollmentCert.pem").read_bytes(), (path / "private_sk").read_bytes()
            found[path.name] = SigningIdentity.from_pem(msp_id, certificate, key)
    return found


def _read(path: str | Path, base: str | Path | None) -> tuple[ProfileReader, dict[str, Any]]:
    reader = ProfileReader(Path(path), Path.cwd() if base is None else Path(base))
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot be read: {error}", file=str(path)) from error
    return reader, reader.mapping(document, "")


def _node(reader: ProfileReader, value: Any, place: str) -> dict[str, Any]:
    """The node in the common form: its url has a scheme, its options the names of the other SDKs."""
    entry = dict(reader.mapping(value, place))
    url = str(entry.get("url", ""))
    if "://" not in url:
        entry["url"] = f"{'grpcs' if entry.get('tlsCACerts') else 'grpc'}://{url}"
    options = dict(reader.mapping(entry.get("grpcOptions"), f"{place}.grpcOptions"))
    if _OVERRIDE in options:
        options["ssl-target-name-override"] = options[_OVERRIDE]
    return {**entry, "grpcOptions": options}


def _authority(reader: ProfileReader, value: Any, place: str) -> dict[str, Any]:
    """The authority without a certificate file that is not there: fabric-sdk-py never read it."""
    entry = dict(reader.mapping(value, place))
    file = reader.mapping(entry.get("tlsCACerts"), f"{place}.tlsCACerts").get("path")
    if file is not None and not (reader.base / str(file)).is_file():
        del entry["tlsCACerts"]
    return entry


def _user_pem(reader: ProfileReader, value: Any, place: str) -> bytes:
    """A path, ``{"path"}``, or ``{"pem"}``: PEM in Base64, or PEM as it is."""
    pem = reader.pem({"path": value} if isinstance(value, str) else value, place)
    if pem is None:
        raise reader.fail(place, "a path or a pem is expected")
    if b"-----BEGIN" in pem:
        return pem
    try:
        return base64.b64decode(pem, validate=True)
    except binascii.Error as error:
        raise reader.fail(place, "neither PEM nor PEM in Base64") from error


class _PlainUnpickler(pickle.Unpickler):
    """Reads what fabric-sdk-py pickled, which is dicts, lists, texts and bytes.

    A pickle that names a class or a function could run anything: it is refused.
    """

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a stored user")


def _state(path: Path) -> dict[str, Any]:
    try:
        state = _PlainUnpickler(
            io.BytesIO(binascii.unhexlify(path.read_text(encoding="ascii").strip()))
        ).load()
    except (OSError, ValueError, EOFError, IndexError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise IdentityError(f"{path} is no user that fabric-sdk-py stored") from error
    if not isinstance(state, dict):
        raise IdentityError(f"{path} is no user that fabric-sdk-py stored")
    return state


def _enrolled(path: Path, state: dict[str, Any]) -> SigningIdentity:
    try:
        certificate, key = state["enrollment"]["cert"], state["enrollment"]["private_key"]
    except (KeyError, TypeError) as error:
        raise IdentityError(f"{path} is no user that fabric-sdk-py stored") from error
    parts = (one.encode() if isinstance(one, str) else one for one in (certificate, key))
    return SigningIdentity.from_pem(str(state.get("msp_id") or ""), *parts)
