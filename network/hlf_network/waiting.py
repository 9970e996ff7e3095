"""Waiting for a condition with a deadline; never for a time."""

import time
from collections.abc import Callable
from threading import Event

from hlf_network.errors import NetworkError


def wait_until(
    condition: Callable[[], bool], seconds: float, what: Callable[[], str], *, every: float = 0.05
) -> None:
    """Return once `condition()` holds; NetworkError "<what()> within N s" when the deadline passes first."""
    deadline = time.monotonic() + seconds
    pause = Event()
    while not condition():
        if time.monotonic() >= deadline:
            raise NetworkError(f"{what()} within {seconds:g} s")
        pause.wait(every)
