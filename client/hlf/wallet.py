"""Identities by name: in a folder, one JSON file each and readable by its owner only, or in memory."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from hlf.errors import IdentityError
from hlf.identity import SigningIdentity

# Ours, and what fabric-network's FileSystemWalletStore writes.
_SUFFIXES = (".json", ".id")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")


class Wallet:
    """Identities by name, in ``folder``.

    A file ``NAME.json`` is ``{"mspId", "certificate", "key"}``: the certificate and the PKCS#8 key as PEM.
    With a password the key is encrypted, under what scrypt makes of the password: PKCS#8's own derivation is
    quick to guess through. What the Node SDK's wallets hold (``NAME.id``) is read and removed too.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def names(self) -> tuple[str, ...]:
        """Return the names of the stored identities, sorted."""
        return tuple(sorted({path.stem for suffix in _SUFFIXES for path in self.folder.glob(f"*{suffix}")}))

    def put(self, name: str, identity: SigningIdentity, password: str | bytes | None = None) -> None:
        """Store an identity, replacing one of that name; mode 0600, written whole or not at all."""
        key = identity.private_key
        if key is None:
            raise IdentityError("an identity that signs elsewhere has no key to store")
        path = self._path(name)
        content = {"mspId": identity.msp_id, "certificate": identity.certificate.decode()}
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            salt = os.urandom(16)
            content["scryptSalt"] = salt.hex()
            encryption = serialization.BestAvailableEncryption(_stretch(password, salt))
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        content["key"] = pem.decode()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder)  # created 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def get(self, name: str, password: str | bytes | None = None) -> SigningIdentity:
        """Read an identity. IdentityError if there is none, or the password is wrong or missing."""
        ours, theirs = (self._path(name, suffix) for suffix in _SUFFIXES)
        path = theirs if theirs.exists() and not ours.exists() else ours
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            known = ", ".join(self.names()) or "none"
            raise IdentityError(f"no identity {name!r} in {self.folder}", hint=f"known: {known}") from None
        except (OSError, ValueError) as error:
            raise IdentityError(f"{path} cannot be read as a wallet entry") from error
        kind = content.get("type", "X.509") if isinstance(content, dict) else ""
        if kind not in {"X.509", ""}:
            raise IdentityError(
                f"{path} is an entry of type {kind!r}, whose key lies elsewhere",
                hint="make a SigningIdentity of its certificate and a callable that signs",
            )
        try:
            credentials = content.get("credentials", content)
            certificate = credentials["certificate"].encode()
            key = (credentials.get("key") or credentials["privateKey"]).encode()
            msp_id = content["mspId"]
            salt = bytes.fromhex(content.get("scryptSalt", ""))
        except (KeyError, AttributeError, ValueError) as error:
            raise IdentityError(f"{path} is not a wallet entry", hint="mspId, certificate, key") from error
        if password is None:
            return SigningIdentity.from_pem(msp_id, certificate, key)
        secret = _stretch(password, salt) if salt else _bytes(password)
        return SigningIdentity.from_pem(msp_id, certificate, key, secret)

    def remove(self, name: str) -> None:
        """Delete an identity; no error if there is none."""
        for suffix in _SUFFIXES:
            self._path(name, suffix).unlink(missing_ok=True)

    def _path(self, name: str, suffix: str = ".json") -> Path:
        if not _NAME.fullmatch(name):
            raise IdentityError(f"{name!r} is not a wallet name", hint="letters, digits and . _ @ + -")
        return self.folder / f"{name}{suffix}"


class MemoryWallet:
    """Identities by name for as long as the program runs, those that sign elsewhere among them."""

    def __init__(self) -> None:
        self._identities: dict[str, SigningIdentity] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names of the identities, sorted."""
        return tuple(sorted(self._identities))

    def put(self, name: str, identity: SigningIdentity) -> None:
        """Hold an identity, replacing one of that name."""
        self._identities[name] = identity

    def get(self, name: str) -> SigningIdentity:
        """Return an identity. IdentityError if there is none."""
        if name not in self._identities:
            known = ", ".join(self.names()) or "none"
            raise IdentityError(f"no identity {name!r} in this wallet", hint=f"known: {known}")
        return self._identities[name]

    def remove(self, name: str) -> None:
        """Let go of an identity; no error if there is none."""
        self._identities.pop(name, None)


def _bytes(password: str | bytes) -> bytes:
    return password.encode() if isinstance(password, str) else password


def _stretch(password: str | bytes, salt: bytes) -> bytes:
    return Scrypt(salt, length=32, n=2**15, r=8, p=1).derive(_bytes(password)).hex().encode()
