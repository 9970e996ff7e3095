"""Chaincode as a service, and the command line that serves.

``python -m hlf_chaincode.server --config FILE.json`` serves any number of chaincodes, each on a port of its
own: a peer that connects learns from the port alone which chaincode it has reached.
``python -m hlf_chaincode.server module:Class …`` serves one, by what the environment says
(``hlf_chaincode.serving.environment``).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .serving.command import run
from .serving.config import ChaincodeService, ConfigurationError, Limits
from .serving.listening import ChaincodeServer, serve
from .serving.tls import ServerTls

__all__ = [
    "ChaincodeServer",
    "ChaincodeService",
    "ConfigurationError",
    "Limits",
    "ServerTls",
    "main",
    "serve",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0 after an orderly end, 1 when a dialed peer is lost, 2 for what cannot be served."""
    return run("python -m hlf_chaincode.server", sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
