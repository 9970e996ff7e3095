"""From a topology file to a running Fabric network, on Docker or on the emulator.

`Consortium(topology, state_dir, runtime="auto")` is all there is to hold: `up()`, `down()`, `status()`.
"""

from typing import TYPE_CHECKING, Any

from hlf_network.errors import NetworkError, TopologyChangedError

if TYPE_CHECKING:
    from hlf_network.consortium import Consortium

__all__ = ["Consortium", "NetworkError", "TopologyChangedError"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: it costs half a second, and pytest loads this package's plugin in every run.
    if name == "Consortium":
        from hlf_network.consortium import Consortium

        return Consortium
    raise AttributeError(name)
