"""Every error that hlf raises, in one tree.

::

    FabricError(message, *, hint)             .retryable
    ├ ConfigurationError                      .file .field; raised before any I/O
    ├ IdentityError
    ├ CertificateAuthorityError               .status .codes
    ├ GatewayError                            .code .transaction_id .details
    │ ├ EvaluateError
    │ ├ EndorseError
    │ ├ SubmitError                           the transaction was refused before ordering
    │ └ CommitStatusError                     the outcome is unknown; .transaction resumes it
    ├ CommitError                             .validation_code .block_number .transaction_id
    └ EventError                              .code .status

``str(error)`` says what failed, which peer said so and with the chaincode's own message. ``retryable``
answers one question: may the *whole call* (``contract.submit(...)``, ``contract.evaluate(...)``) be made
again without the risk that its effect happens twice? All errors can be pickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_CHAINCODE_PREFIX = "chaincode response "
# What the Gateway reports under ABORTED and FAILED_PRECONDITION although it passes: a peer that restarts or
# lags behind, members that do not know of each other yet.
_PASSING = (
    "rpc error: code = Unavailable",
    "ProposalResponsePayloads do not match",
    "chaincode stream terminated",
    "due to unavailability of peers",
    "no combination of peers can be derived",
)
# How streams end whose peer goes down, restarts or serves too many clients.
_INTERRUPTED = frozenset({"UNAVAILABLE", "ABORTED", "CANCELLED", "UNKNOWN", "INTERNAL", "RESOURCE_EXHAUSTED"})
_NO_EFFECT_CODES = frozenset({"MVCC_READ_CONFLICT", "PHANTOM_READ_CONFLICT"})


@dataclass(frozen=True, slots=True)
class PeerDetail:
    """What one node answered (gateway.ErrorDetail): a node's address, its member's MSP id, its message."""

    address: str
    msp_id: str
    message: str


class FabricError(Exception):
    """Root of all errors of this package.

    ``hint`` says in a sentence what the caller can do about it; it is part of ``str(error)``.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def retryable(self) -> bool:
        """Whether the whole call may be made again without the risk of doing it twice."""
        return False

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigurationError(FabricError):
    """A file or an argument is wrong: ``file`` and ``field`` name the place; nothing has been sent yet."""

    def __init__(self, message: str, *, hint: str = "", file: str = "", field: str = "") -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.field = field

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.file, self.field) if part)
        text = super().__str__()
        return f"{place}: {text}" if place else text


class IdentityError(FabricError):
    """A certificate, a private key or a wallet entry cannot be used."""


class CertificateAuthorityError(FabricError):
    """Fabric CA refused: ``status`` is the HTTP status, ``codes`` the CA's own error codes."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0, codes: Sequence[int] = ()) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.codes = tuple(codes)


class GatewayError(FabricError):
    """An RPC failed. ``code`` is the gRPC status by name, e.g. ``"ABORTED"``."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "UNKNOWN",
        transaction_id: str = "",
        details: tuple[PeerDetail, ...] = (),
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.transaction_id = transaction_id
        self.details = details

    @property
    def chaincode_message(self) -> str:
        """The chaincode's own message, or "" if it was not the chaincode that refused."""
        for text in (*(detail.message for detail in self.details), self.message):
            start = text.find(_CHAINCODE_PREFIX)
            if start >= 0:
                _status, separator, message = text[start + len(_CHAINCODE_PREFIX) :].partition(", ")
                if separator:
                    return message
        return ""

    def __str__(self) -> str:
        text = f"{self.message} [{self.code}]"
        by_message: dict[str, list[str]] = {}
        for detail in self.details:
            by_message.setdefault(detail.message, []).append(f"{detail.address} ({detail.msp_id})")
        for message, peers in by_message.items():
            text += f"; {', '.join(peers)}"
            # The Gateway repeats a single peer's answer in its own text.
            if message not in self.message:
                text += f": {message}"
        if self.transaction_id:
            text += f"; transaction {self.transaction_id}"
        return f"{text} ({self.hint})" if self.hint else text


class EvaluateError(GatewayError):
    """A query failed; nothing was written, and nothing would have been."""

    @property
    def retryable(self) -> bool:
        """A query has no effect; only an answer that can change is worth asking again."""
        return self.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "RESOURCE_EXHAUSTED"}


class EndorseError(GatewayError):
    """Peers did not endorse; nothing was ordered."""

    @property
    def retryable(self) -> bool:
        """Nothing was ordered, so a new proposal cannot double anything; does it stand a chance?"""
        if self.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}:
            return True
        texts = [detail.message for detail in self.details] or [self.message]
        return all(any(passing in text for passing in _PASSING) for text in texts)


class _TransactionError(GatewayError):
    """A step after endorsement failed. ``transaction`` is the signed transaction for ``Gateway.resume``."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "UNKNOWN",
        transaction_id: str = "",
        details: tuple[PeerDetail, ...] = (),
        hint: str = "",
        transaction: bytes = b"",
    ) -> None:
        super().__init__(message, code=code, transaction_id=transaction_id, details=details, hint=hint)
        self.transaction = transaction


class SubmitError(_TransactionError):
    """The transaction was refused before any orderer took it.

    The very same signed transaction may be sent again (``Gateway.resume(error.transaction)``).
    """


class CommitStatusError(_TransactionError):
    """The outcome is unknown: the transaction may or may not commit later.

    Never make the whole call again on this error. ``Gateway.resume(error.transaction)``, in this process or
    in another one, sends the same transaction and asks for its outcome: that cannot double it.
    """


class CommitError(FabricError):
    """The transaction stands in a block as invalid: it had no effect on the ledger.

    ``validation_code`` is the name in peer.TxValidationCode, e.g. ``"MVCC_READ_CONFLICT"``.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        validation_code: str = "",
        block_number: int = 0,
        transaction_id: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.validation_code = validation_code
        self.block_number = block_number
        self.transaction_id = transaction_id

    @property
    def retryable(self) -> bool:
        """A read conflict is the one validation failure that a new proposal can overcome."""
        return self.validation_code in _NO_EFFECT_CODES


class EventError(FabricError):
    """An event stream ended. ``code`` is the gRPC status, ``status`` the DeliverResponse status, by name."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str = "",
        status: str = "",
        details: tuple[PeerDetail, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status
        self.details = details

    @property
    def retryable(self) -> bool:
        """Listening again from the last block seen loses nothing."""
        return self.code in _INTERRUPTED or self.status == "SERVICE_UNAVAILABLE"
