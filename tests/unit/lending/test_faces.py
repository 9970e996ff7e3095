"""One verb, two faces: with a Gateway it answers, with an AsyncGateway it is awaited."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import lending
from lending.bank import BankClient
from lending.institution import Institution


class _Recorder:
    """A gateway that runs flows by answering every query with the same bytes."""

    def __init__(self) -> None:
        identity = SimpleNamespace(msp_id="bank-a")
        self.session = SimpleNamespace(identity=identity)

    def run(self, flow: Any) -> str:
        flow.close()
        return "answered"


class _AsyncRecorder(_Recorder):
    async def run(self, flow: Any) -> str:  # type: ignore[override]
        flow.close()
        return "answered later"


def test_sync_answers() -> None:
    assert BankClient(_Recorder()).list_guarantees("issued") == "answered"  # type: ignore[type-var,comparison-overlap]


def test_async_is_awaited() -> None:
    client: Any = BankClient(_AsyncRecorder())  # type: ignore[type-var]
    assert asyncio.run(client.list_guarantees("issued")) == "answered later"


def test_every_client_is_exported_and_documented() -> None:
    clients = [getattr(lending, name) for name in lending.__all__ if name.endswith("Client")]
    assert len(clients) == 6
    for client in clients:
        assert issubclass(client, Institution)
        verbs = [value for value in vars(client).values() if hasattr(value, "flow")]
        assert verbs
        assert all(verb.__doc__ for verb in verbs)
