"""Administration of a Fabric network: channels, peers, chaincode lifecycle, discovery and ledgers.

participation   an orderer's channels
PeerAdmin       a peer's channels and installed chaincodes
package         chaincode packages
Lifecycle       approve, commit and query chaincode definitions on a channel
Discovery       peers, configuration and endorsers of a channel
Ledger          a channel's blocks and transactions
"""

from hlf.admin.definition import (
    ApprovedChaincode,
    ChaincodeDefinition,
    Collection,
    CommittedChaincode,
)
from hlf.admin.discovery import ChaincodeCall, Discovery
from hlf.admin.lifecycle import Lifecycle
from hlf.admin.package import ccaas_package, package_id, read_package
from hlf.admin.participation import ChannelStatus, ClientTls, ParticipationError
from hlf.admin.peer import InstalledChaincode, PeerAdmin
from hlf.admin.qscc import ChainInfo, Ledger

__all__ = [
    "ApprovedChaincode",
    "ChainInfo",
    "ChaincodeCall",
    "ChaincodeDefinition",
    "ChannelStatus",
    "ClientTls",
    "Collection",
    "CommittedChaincode",
    "Discovery",
    "InstalledChaincode",
    "Ledger",
    "Lifecycle",
    "ParticipationError",
    "PeerAdmin",
    "ccaas_package",
    "package_id",
    "read_package",
]
