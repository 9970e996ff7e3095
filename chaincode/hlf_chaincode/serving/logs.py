"""What is logged of a call: which one, how it ended, how long it took; never what it carried.

Records of the logger ``hlf_chaincode.calls`` have the fields below as attributes (``extra``). No argument,
state, transient data or text of an exception reaches a record: such texts may hold any of these.
"""

from __future__ import annotations

import datetime
import json
import logging

from ..observer import CallFacts, Outcome

CALLS = logging.getLogger("hlf_chaincode.calls")

FIELDS = ("package_id", "channel", "transaction_id", "function", "status", "reason", "seconds", "place")
"""The attributes that a record of this package may have; ``place`` is where a contract function failed."""


def log_call(call: CallFacts, outcome: Outcome) -> None:
    """One record for a call that has ended: INFO, or WARNING where the runtime ended it."""
    level = logging.INFO if outcome.status and outcome.reason not in ("timeout", "busy") else logging.WARNING
    if CALLS.isEnabledFor(level):
        CALLS.log(
            level,
            "%s %s %d %s in %.3f s",
            call.function or "unknown function",
            call.transaction_id[:8],
            outcome.status,
            outcome.reason,
            outcome.seconds,
            extra={
                "package_id": call.package_id,
                "channel": call.channel,
                "transaction_id": call.transaction_id,
                "function": call.function,
                "status": outcome.status,
                "reason": outcome.reason,
                "seconds": outcome.seconds,
            },
        )


class JsonFormatter(logging.Formatter):
    """One line of JSON for a record: time (UTC), level, logger, message, and its fields.

    Tracebacks stay out: the text of an exception may hold what a contract was given.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        return json.dumps(line, ensure_ascii=False)
