"""What a peer offers with READY: write batches and reads of several keys (Fabric 3.1)."""

from __future__ import annotations

from typing import NamedTuple

from fabric_protos.peer import chaincode_pb2

# Like the Go shim: a peer that offers a feature takes at least a hundred at a time.
_SMALLEST_LIMIT = 100


class Abilities(NamedTuple):
    """How many writes and keys go into one message; zero means the plain calls of Fabric 2.5."""

    write_batch: int = 0
    multiple_keys: int = 0

    @classmethod
    def from_payload(cls, payload: bytes) -> Abilities:
        """Read a READY message's payload, a ChaincodeAdditionalParams (empty from a 2.5 peer)."""
        offered = chaincode_pb2.ChaincodeAdditionalParams.FromString(payload)
        return cls(
            max(offered.max_size_write_batch, _SMALLEST_LIMIT) if offered.use_write_batch else 0,
            max(offered.max_size_get_multiple_keys, _SMALLEST_LIMIT) if offered.use_get_multiple_keys else 0,
        )

    def to_payload(self) -> bytes:
        """The payload a peer with these abilities sends."""
        return chaincode_pb2.ChaincodeAdditionalParams(
            use_write_batch=self.write_batch > 0,
            max_size_write_batch=self.write_batch,
            use_get_multiple_keys=self.multiple_keys > 0,
            max_size_get_multiple_keys=self.multiple_keys,
        ).SerializeToString()
