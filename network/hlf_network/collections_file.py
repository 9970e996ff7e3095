"""Private data collections in the JSON that Fabric's `peer lifecycle chaincode` takes."""

import json
from pathlib import Path
from typing import Any

from hlf.admin.definition import Collection
from hlf.errors import ConfigurationError


def read_collections(path: Path) -> tuple[Collection, ...]:
    """The collections of a file. ConfigurationError names the entry that cannot be read.

    Fields and their defaults: internal/peer/chaincode/common.go, collectionConfigJson.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_collection(entry) for entry in document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"not a list of collections: {error!r}",
            file=str(path),
            hint="see fabric-samples' collections_config.json",
        ) from error


def _collection(entry: dict[str, Any]) -> Collection:
    endorsement = entry.get("endorsementPolicy") or {}
    return Collection(
        name=entry["name"],
        policy=entry["policy"],
        required_peers=entry.get("requiredPeerCount", 0),
        max_peers=entry.get("maxPeerCount", 1),
        block_to_live=entry.get("blockToLive", 0),
        member_only_read=entry.get("memberOnlyRead", False),
        member_only_write=entry.get("memberOnlyWrite", False),
        endorsement_policy=endorsement.get("signaturePolicy") or endorsement.get("channelConfigPolicy"),
    )
