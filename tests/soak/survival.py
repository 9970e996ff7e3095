"""Whether an emulator has come through: it lives, it answers, its log tells of no fault of its own."""

from __future__ import annotations

from tests.soak.emulated import CHAINCODE, CHANNEL, ORGANIZATIONS, Chain, Emulated

# What Python, asyncio and gRPC's Python half write for an exception that nobody expected.
_FAULTS = (
    "Traceback",
    "never retrieved",
    "Unexpected [",
    "Exception in callback",
    "Unhandled",
    "stops a channel",
)


def check_survival(emulated: Emulated) -> None:
    """Raises AssertionError."""
    assert emulated.process.pid is not None, emulated.process.tail(40)
    faults = [line for line in emulated.log.splitlines() if any(fault in line for fault in _FAULTS)]
    assert not faults, "\n".join([*faults, emulated.process.tail(60)])
    for organization in ORGANIZATIONS:
        with emulated.gateway(organization) as gateway:
            contract = gateway.network(CHANNEL).contract(CHAINCODE)
            contract.submit("put", f"after-{organization}", "still here", timeout=30)
            assert contract.evaluate("get", f"after-{organization}") == b"still here"
            Chain().follow(gateway)
