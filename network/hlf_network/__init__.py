"""From a topology file to a running Fabric network, on Docker or on the emulator.

`Consortium(topology, state_dir, runtime="auto")` is all there is to hold: `up()`, `down()`, `status()`.
"""

from hlf_network.consortium import Consortium
from hlf_network.errors import NetworkError, TopologyChangedError

__all__ = ["Consortium", "NetworkError", "TopologyChangedError"]
