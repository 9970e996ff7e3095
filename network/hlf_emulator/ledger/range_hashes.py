"""How a read set states a range query of many results: as a Merkle summary instead of the reads themselves.

Source: core/ledger/kvledger/txmgmt/rwsetutil/query_results_helper.go. More than `DEGREE` reads become leaves
of `DEGREE` + 1 reads each; a level that grows beyond `DEGREE` nodes becomes one node of the level above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2

DEGREE = 50
"""maxDegreeQueryReadsHashing of query_executor.go."""


def summarize(
    reads: Sequence[kv_rwset_pb2.KVRead], degree: int = DEGREE
) -> kv_rwset_pb2.QueryReadsMerkleSummary | None:
    """The summary of a query's reads, None when there are so few that they are stated one by one.

    Also None for a degree below 2, of which no tree is built.
    """
    if len(reads) <= degree or degree < 2:
        return None
    levels: list[list[bytes]] = [[]]
    for start in range(0, len(reads), degree + 1):
        leaf = kv_rwset_pb2.QueryReads(kv_reads=reads[start : start + degree + 1])
        levels[0].append(_digest(leaf.SerializeToString()))
        _grow(levels, degree)
    for level in range(len(levels) - 1):
        # A lone node moves up as it is; several become one.
        nodes = levels[level]
        if nodes:
            levels[level + 1].append(nodes[0] if len(nodes) == 1 else _digest(b"".join(nodes)))
    if len(levels[-1]) > degree:
        levels.append([_digest(b"".join(levels[-1]))])
    return kv_rwset_pb2.QueryReadsMerkleSummary(
        max_degree=degree, max_level=len(levels), max_level_hashes=levels[-1]
    )


def _grow(levels: list[list[bytes]], degree: int) -> None:
    level = 0
    while len(levels[level]) > degree:
        node = _digest(b"".join(levels[level]))
        levels[level] = []
        level += 1
        if level == len(levels):
            levels.append([])
        levels[level].append(node)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
