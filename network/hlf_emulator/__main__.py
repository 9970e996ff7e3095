"""``python -m hlf_emulator --config FILE.json``: run a network until SIGTERM or SIGINT."""

import argparse
import asyncio
import contextlib
import gc
import resource
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from hlf.errors import FabricError
from hlf_emulator.config import EmulatorConfig, load
from hlf_emulator.ledger.disk import DiskError
from hlf_emulator.server import Emulator


async def _run(config: EmulatorConfig, *, until_eof: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if until_eof:
        loop.add_reader(sys.stdin.fileno(), stopping.set)
    emulator = Emulator(config)
    try:
        await emulator.start()
        # What stands now stays: the collector need not look at it again, nor so often at what a call leaves.
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stopping.wait()
    finally:
        await emulator.stop()
        if config.ephemeral:
            shutil.rmtree(config.state, ignore_errors=True)


def _allow_open_files() -> None:
    """Raise the limit as far as the system lets us: every channel of every peer takes a handful."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses what it calls unlimited
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints ``ready`` when every port listens; 2 for a configuration that cannot be used."""
    parser = argparse.ArgumentParser(prog="hlf_emulator", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the file the network tool writes")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    options = parser.parse_args(arguments)
    _allow_open_files()
    try:
        uvloop.run(_run(load(options.config), until_eof=options.until_eof))
    except (FabricError, OSError, RuntimeError, DiskError) as error:
        sys.stderr.write(f"hlf_emulator: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
