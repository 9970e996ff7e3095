"""`make bench`: every figure in one run, printed as a table and written to build/bench.json.

`python -m tests.bench NAME…` measures only those named.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

from tests.bench import (
    ahp_cost,
    chaincode_cost,
    chaincode_load,
    client_cost,
    client_events,
    client_faces,
    emulator_cost,
    networks,
    node_comparison,
    sample_network,
    scoring_cost,
    shims,
    throughput,
)
from tests.bench.record import Record, keep, table
from tests.unit.hlf.fake_gateway import make_identity

_OUTPUT = networks.ROOT / "build" / "bench.json"


def _client() -> Iterator[Record]:
    yield from client_cost.measure(make_identity())
    yield from client_events.measure(make_identity())


_MEASUREMENTS: dict[str, Callable[[], Iterator[Record]]] = {
    "up": networks.emulator,
    "sample": sample_network.measure,
    "docker": networks.docker,
    "demo": networks.demo,
    "client": _client,
    "client-memory": lambda: client_events.memory(make_identity()),
    "faces": client_faces.measure,
    "throughput": throughput.throughput,
    "emulator": emulator_cost.measure,
    "chaincode": chaincode_cost.measure,
    "chaincode-load": chaincode_load.measure,
    "shims": shims.measure,
    "node": node_comparison.measure,
    "ahp": ahp_cost.measure,
    "scoring": scoring_cost.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(_MEASUREMENTS)}; default all"
    )
    names = parser.parse_args().names or list(_MEASUREMENTS)
    if unknown := set(names) - set(_MEASUREMENTS):
        parser.error(f"no measurement is called {', '.join(sorted(unknown))}")
    records = []
    for name in names:
        sys.stderr.write(f"measuring {name}\n")
        records += _MEASUREMENTS[name]()
    keep(records, _OUTPUT)
    sys.stdout.write(table(records) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
