"""What a contract raises, and what the peer answers.

``ContractError`` is a refusal that the contract meant; ``StreamClosed`` ends whatever still waits for an
answer when the peer's stream is gone. What the peer refuses is a ``PeerError``; its text is the peer's own::

    PeerError             also itself: no answer in time, a message over the limit
    ├ StateError          reading or writing one or several keys, public or private, and their policies
    │ └ QueryError        ranges, rich queries, history, pages, and their iterators
    └ InvokeError         the call of another chaincode
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class ContractError(Exception):
    """A refusal with a stable code, a sentence, and optional fields (never personal data).

    On the wire: response status 500, message ``"{code}: {message}"``, payload the JSON object
    ``{"code", "message", "fields"}``.
    """

    def __init__(self, code: str, message: str, **fields: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = fields

    def payload(self) -> bytes:
        """The refusal as JSON, for the response's payload."""
        body = {"code": self.code, "message": self.message, "fields": self.fields}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode()

    @classmethod
    def from_payload(cls, payload: bytes) -> ContractError | None:
        """The refusal in a response's payload, or None when the payload is something else."""
        try:
            body = json.loads(payload)
            return cls(body["code"], body["message"], **body.get("fields", {}))
        except (ValueError, KeyError, TypeError):
            return None


class Finding(NamedTuple):
    """What the determinism guard caught, in which function, file and line of the contract."""

    text: str
    function: str
    file: str
    line: int

    def __str__(self) -> str:
        file = Path(self.file)
        here = Path.cwd()
        shown = file.relative_to(here) if file.is_relative_to(here) else Path(*file.parts[-2:])
        return f"{self.text} in {self.function} ({shown}:{self.line})"


class NotDeterministic(ContractError):  # noqa: N818 - the field's word
    """A contract did what another endorser's run might do otherwise; each finding once, as they came."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("NOT_DETERMINISTIC", "; ".join(map(str, findings)))
        self.findings = tuple(findings)


class PeerError(Exception):
    """The peer answered ERROR to a request of the chaincode; the text is the peer's own."""


class StateError(PeerError):
    """The peer refused to read or write state. ``collection`` is empty for public state."""

    def __init__(self, message: str, collection: str = "") -> None:
        super().__init__(message)
        self.collection = collection


class QueryError(StateError):
    """The peer refused a range, a rich query, a history or a page of them."""


class InvokeError(PeerError):
    """Another chaincode could not be called, or failed without a refusal of its own.

    ``status`` is its response's, or 0 where the peer refused to call it.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class StreamClosed(Exception):  # noqa: N818 - the field's word
    """The peer's stream ended while a contract waited for an answer."""


class ProtocolError(Exception):
    """The peer sent what the chaincode protocol does not allow in this state."""
