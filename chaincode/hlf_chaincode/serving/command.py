"""The command line of ``hlf_chaincode.server`` and ``hlf_chaincode.dev``."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..contract import Contract, Registry
from ..observer import Observer
from ..session import Functions
from . import environment
from .config import ChaincodeService, ConfigurationError, Limits, find_contract, load_config
from .dialing import DialedPeer, PeerLost, dial
from .listening import GRACE_SECONDS, ending_signal, serve
from .logs import JsonFormatter


@dataclass(frozen=True)
class Named:
    """What the command line's contracts are served by, and the contracts where they stay as they are."""

    functions: Functions
    contracts: tuple[type[Contract], ...] = ()


def run(program: str, arguments: Sequence[str], named: Callable[[Sequence[str]], Named] | None = None) -> int:
    """Serve what the arguments and the environment say until SIGTERM or SIGINT; the exit status.

    ``named`` makes what is served of the names ``module:Class``.
    """
    parser = _parser(program)
    options = parser.parse_args(arguments)
    if bool(options.config) == bool(options.contracts):
        parser.error("give either --config FILE.json or module:Class …")
    # From where contracts are named, as `python -m` does for the modules that it finds there.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    if options.log:
        _log(options.log)
    # Contracts are loaded once and stay: the collector is not to look for what could go of them.
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=_event_loop()) as runner:
            runner.run(_run(options, named or partial(_named, guard=options.guard)))
    except PeerLost as error:
        sys.stderr.write(f"hlf_chaincode: {error}\n")
        return 1
    except (ConfigurationError, TypeError, ValueError) as error:
        sys.stderr.write(f"hlf_chaincode: {error}\n")
        return 2
    finally:
        gc.enable()
    return 0


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, a tenth of the runtime's CPU cheaper; Python's own where it is not to be had (Windows)."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Serve chaincode: several by a file, or one by what the environment says.",
        epilog="CHAINCODE_SERVER_ADDRESS and CHAINCODE_ID: listen there. CORE_PEER_ADDRESS or "
        "--peer.address, and CORE_CHAINCODE_ID_NAME: dial that peer.",
    )
    parser.add_argument("contracts", nargs="*", metavar="module:Class", help="the first is the default")
    parser.add_argument("--config", type=Path, metavar="FILE.json", help="what to serve, and where")
    parser.add_argument("--address", metavar="HOST:PORT", help="listen here (CHAINCODE_SERVER_ADDRESS)")
    parser.add_argument("--package-id", metavar="ID", help="known to the peer by this (CHAINCODE_ID)")
    parser.add_argument("--peer.address", dest="peer", metavar="HOST:PORT", help="dial this peer")
    parser.add_argument(
        "--time-limit", type=float, default=Limits.time_limit, metavar="SECONDS", help="of a call; 0: none"
    )
    parser.add_argument("--workers", type=int, default=Limits.workers, help="calls that run at once")
    parser.add_argument(
        "--guard", action="store_true", help="refuse calls that are not deterministic (slower)"
    )
    parser.add_argument("--log", choices=("text", "json"), help="log every call to stderr")
    parser.add_argument("--metrics", metavar="HOST:PORT", help="serve Prometheus metrics there")
    parser.add_argument("--tracing", action="store_true", help="OpenTelemetry spans, by its environment")
    return parser


def _named(names: Sequence[str], *, guard: bool) -> Named:
    contracts = tuple(find_contract(name, "contract") for name in names)
    return Named(Registry(contracts, guard=guard), contracts)


async def _run(options: argparse.Namespace, named: Callable[[Sequence[str]], Named]) -> None:
    observers = _observers(options)
    if options.config:
        return await serve(load_config(options.config), ready=_say_ready, observers=observers)
    found = named(options.contracts)
    limits = Limits(time_limit=options.time_limit, workers=options.workers)
    package_id = options.package_id or environment.package_id(os.environ)
    msp_id = environment.peer_msp_id(os.environ)
    # A peer that is named on the command line is meant, whatever the environment also says.
    address = None if options.peer else options.address or environment.listening_address(os.environ)
    if address:
        tls = environment.server_tls(os.environ)
        service = ChaincodeService(package_id, found.contracts, address, tls, limits, msp_id=msp_id)
        return await serve([service], functions=found.functions, ready=_say_ready, observers=observers)
    peer_address = options.peer or os.environ.get("CORE_PEER_ADDRESS")
    if not peer_address:
        raise ConfigurationError(
            "set CHAINCODE_SERVER_ADDRESS (or --address) to listen, or CORE_PEER_ADDRESS (or --peer.address) "
            "to dial a peer"
        )
    peer = DialedPeer(peer_address, package_id, environment.client_tls(os.environ), limits, msp_id)
    return await dial(
        peer,
        found.functions,
        stop=ending_signal(),
        grace=GRACE_SECONDS,
        ready=lambda: _say_ready([peer_address]),
        observers=observers,
    )


def _observers(options: argparse.Namespace) -> list[Observer]:
    observers: list[Observer] = []
    if options.metrics:
        from ..metrics import serve_metrics

        observers.append(serve_metrics(options.metrics))
    if options.tracing:
        from ..tracing import CallSpans

        observers.append(CallSpans())
    return observers


def _log(style: str) -> None:
    handler = logging.StreamHandler()
    if style == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    # An application, unlike the library, may say where logs go.
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _say_ready(addresses: list[str]) -> None:
    gc.freeze()
    gc.enable()
    sys.stdout.write("ready " + " ".join(addresses) + "\n")
    sys.stdout.flush()
