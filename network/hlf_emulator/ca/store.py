"""A Fabric CA's registry on disk: identities, affiliations and certificates, in SQLite as Fabric CA's own.

Every change is one transaction, in a log that is written ahead: killing the process loses none that was
answered, nor does a crash of the machine where ``sync`` has the disk waited for. Names are compared as
fabric-ca's statements do, ``LIKE`` included.
"""

# ruff: noqa: S608 - statements are put together from fixed parts; every value is bound

import datetime
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hlf_emulator.ca.identity import REVOKED, Attribute, Identity, contains_star

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id TEXT NOT NULL PRIMARY KEY, secret BLOB, type TEXT, affiliation TEXT, attributes TEXT,
    state INTEGER, max_enrollments INTEGER, attempts INTEGER
);
CREATE TABLE IF NOT EXISTS affiliations (name TEXT NOT NULL UNIQUE, parent TEXT);
CREATE TABLE IF NOT EXISTS certificates (
    id TEXT, serial TEXT NOT NULL, aki TEXT NOT NULL, revoked INTEGER, reason INTEGER,
    expiry TEXT, revoked_at TEXT, pem TEXT NOT NULL, PRIMARY KEY (serial, aki)
);
CREATE INDEX IF NOT EXISTS certificates_of ON certificates (id);
"""
_NEVER = "0001-01-01T00:00:00.000000"
_COLUMNS = "id, secret, type, affiliation, attributes, state, max_enrollments, attempts"
Clock = Callable[[], datetime.datetime]


@dataclass(frozen=True)
class Certificate:
    """A certificate that was issued; ``serial`` and ``aki`` in hexadecimal without leading zeros."""

    owner: str
    serial: str
    aki: str
    pem: str
    expiry: datetime.datetime
    revoked_at: datetime.datetime | None = None


@dataclass(frozen=True)
class Period:
    """From and until, either open."""

    start: datetime.datetime | None = None
    end: datetime.datetime | None = None


class Store:
    """One CA's registry. For one thread. Raises sqlite3.Error when the disk refuses."""

    def __init__(self, path: Path, now: Clock, *, sync: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._now = now
        self._database = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(f"PRAGMA synchronous = {'FULL' if sync else 'OFF'}")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def refuse_writes(self, refuses: bool) -> None:
        """A fault: sqlite3.OperationalError at every change."""
        self._database.execute(f"PRAGMA query_only = {'ON' if refuses else 'OFF'}")

    # -- identities

    def identity(self, name: str) -> Identity | None:
        """The identity of that name."""
        found = self._rows(f"SELECT {_COLUMNS} FROM users WHERE id = ?", name)
        return _identity(found[0]) if found else None

    def identities(self, affiliation: str, roles: str) -> list[Identity]:
        """All at or below ``affiliation`` of the types in ``roles`` (separated by commas, ``*`` for any)."""
        conditions, values = _below("affiliation", affiliation)
        if not contains_star(roles):
            types = [each.strip() for each in roles.split(",")]
            conditions.append(f"type IN ({', '.join('?' * len(types))})")
            values += types
        return [
            _identity(row) for row in self._rows(f"SELECT {_COLUMNS} FROM users{_where(conditions)}", *values)
        ]

    def put(self, identity: Identity) -> None:
        """Add an identity, or replace the one of its name."""
        marks = ", ".join("?" * 8)
        self._database.execute(
            f"INSERT INTO users ({_COLUMNS}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[1:]),
            (
                identity.name,
                identity.secret,
                identity.type,
                identity.affiliation,
                json.dumps([each.to_json() for each in identity.attributes]),
                identity.state,
                identity.max_enrollments,
                identity.attempts,
            ),
        )

    def remove(self, name: str) -> None:
        """Remove an identity and revoke its certificates."""
        with self._transaction():
            self._database.execute("DELETE FROM users WHERE id = ?", (name,))
            self._revoke_all([name], reason=5)

    # -- affiliations

    def has_affiliation(self, name: str) -> bool:
        """Whether there is one of that name."""
        return bool(self._rows("SELECT 1 FROM affiliations WHERE name = ?", name))

    def affiliations(self, name: str) -> list[str]:
        """An affiliation and all below it; all there are for ``""``."""
        conditions, values = _below("name", name)
        return [row[0] for row in self._rows(f"SELECT name FROM affiliations{_where(conditions)}", *values)]

    def add_affiliations(self, names: Sequence[str]) -> None:
        """Add those that are not there, all or none."""
        with self._transaction():
            for name in names:
                self._database.execute(
                    "INSERT OR IGNORE INTO affiliations VALUES (?, ?)", (name, name.rpartition(".")[0])
                )

    def affiliated(self, name: str) -> list[Identity]:
        """The identities of an affiliation and all below it."""
        return self.identities(name, "*") if name else []

    def remove_affiliation(self, name: str) -> None:
        """Remove an affiliation with all below it, their identities, and revoke those's certificates."""
        conditions, values = _below("name", name)
        gone = [identity.name for identity in self.affiliated(name)]
        with self._transaction():
            self._database.executemany("DELETE FROM users WHERE id = ?", [(each,) for each in gone])
            self._revoke_all(gone, reason=3)
            self._database.execute(f"DELETE FROM affiliations{_where(conditions)}", values)

    def rename_affiliation(self, before: str, after: str, moved: Sequence[Identity]) -> None:
        """Rename an affiliation and all below it; ``moved`` are its identities as they are then."""
        with self._transaction():
            for name in self.affiliations(before):
                new = name.replace(before, after, 1)
                self._database.execute(
                    "UPDATE affiliations SET name = ?, parent = ? WHERE name = ?",
                    (new, new.rpartition(".")[0], name),
                )
            for identity in moved:
                self.put(identity)

    # -- certificates

    def record(self, certificate: Certificate) -> None:
        """Keep a certificate that was issued."""
        self._database.execute(
            "INSERT INTO certificates VALUES (?, ?, ?, 0, 0, ?, ?, ?)",
            (
                certificate.owner,
                certificate.serial,
                certificate.aki,
                _stamp(certificate.expiry),
                _NEVER,
                certificate.pem,
            ),
        )

    def certificate(self, serial: str, aki: str) -> Certificate | None:
        """The certificate of that number and issuer."""
        found = self._certificates(["serial = ?", "aki = ?"], [serial, aki])
        return found[0] if found else None

    def certificates(
        self,
        affiliation: str,
        equal: dict[str, str],
        expired: Period,
        revoked: Period,
        *,
        not_revoked: bool = False,
    ) -> list[Certificate]:
        """Certificates of identities at or below ``affiliation``; ``equal``: id, serial or aki -> value."""
        conditions = [f"certificates.{name} = ?" for name in equal]
        values: list[Any] = list(equal.values())
        if affiliation:
            within, names = _below("affiliation", affiliation)
            conditions.append(f"certificates.id IN (SELECT id FROM users{_where(within)})")
            values += names
        for column, period, least in (("expiry", expired, ">="), ("revoked_at", revoked, ">")):
            if period.start is not None or period.end is not None:
                conditions.append(f"certificates.{column} {'>=' if period.start else least} ?")
                values.append(_stamp(period.start) if period.start else _NEVER)
            if period.end is not None:
                conditions.append(f"certificates.{column} <= ?")
                values.append(_stamp(period.end))
        if not_revoked:
            conditions.append("certificates.revoked_at = ?")
            values.append(_NEVER)
        return self._certificates(conditions, values)

    def revoked(self, expiry: Period, revocation: Period) -> list[Certificate]:
        """Revoked certificates for a list; both periods open at their ends."""
        conditions, values = ["revoked = 1"], []
        for column, period in (("expiry", expiry), ("revoked_at", revocation)):
            for moment, sign in ((period.start, ">"), (period.end, "<")):
                if moment is not None:
                    conditions.append(f"{column} {sign} ?")
                    values.append(_stamp(moment))
        return self._certificates(conditions, values)

    def revoke(self, certificate: Certificate, reason: int) -> None:
        """Mark one certificate revoked."""
        self._database.execute(
            "UPDATE certificates SET revoked = 1, revoked_at = ?, reason = ? WHERE serial = ? AND aki = ?",
            (_stamp(self._now()), reason, certificate.serial, certificate.aki),
        )

    def revoke_identity(self, identity: Identity, reason: int) -> list[Certificate]:
        """Mark an identity and its certificates revoked; those that were not yet."""
        found = self._certificates(["id = ?", "revoked = 0"], [identity.name])
        with self._transaction():
            self._database.execute("UPDATE users SET state = ? WHERE id = ?", (REVOKED, identity.name))
            self._revoke_all([identity.name], reason)
        return found

    def _revoke_all(self, names: Sequence[str], reason: int) -> None:
        moment = _stamp(self._now())
        self._database.executemany(
            "UPDATE certificates SET revoked = 1, revoked_at = ?, reason = ? WHERE id = ? AND revoked = 0",
            [(moment, reason, name) for name in names],
        )

    def _certificates(self, conditions: Sequence[str], values: Sequence[Any]) -> list[Certificate]:
        query = "SELECT id, serial, aki, pem, expiry, revoked_at FROM certificates" + _where(conditions)
        return [
            Certificate(
                owner, serial, aki, pem, _moment(expiry), None if revoked == _NEVER else _moment(revoked)
            )
            for owner, serial, aki, pem, expiry, revoked in self._rows(query, *values)
        ]

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _identity(row: tuple[Any, ...]) -> Identity:
    name, secret, kind, affiliation, attributes, state, max_enrollments, attempts = row
    return Identity(
        name=name,
        type=kind,
        affiliation=affiliation,
        attributes=tuple(Attribute(**each) for each in json.loads(attributes)),
        max_enrollments=max_enrollments,
        secret=secret,
        state=state,
        attempts=attempts,
    )


def _below(column: str, name: str) -> tuple[list[str], list[Any]]:
    if not name:
        return [], []
    return [f"({column} = ? OR {column} LIKE ?)"], [name, f"{name}.%"]


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _stamp(moment: datetime.datetime) -> str:
    plain = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return plain.isoformat(timespec="microseconds")


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
