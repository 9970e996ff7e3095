"""Hierarchies as text: the notation of BPMSG's AHP-OS, and YAML or JSON files.

The notation (AHP-OS manual, annex 1, "Decision Hierarchy"): a branch is `node: leaf, leaf;`, the first
branch is the goal, every further node is a leaf of another branch, and `leaf = 0.6` gives a local weight.
Where no leaf of a branch has one, AHP-OS takes them as equal; here they are left open, since a comparison
is to find them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import yaml

from lending.credit.ahp.errors import AhpError
from lending.credit.ahp.hierarchy import Hierarchy, LocalWeights, Node

_MARKS = ":;,="


def parse_hierarchy(text: str) -> tuple[Hierarchy, dict[str, dict[str, float]]]:
    """The hierarchy that a text in AHP-OS notation defines, and the local weights that it gives.

    >>> hierarchy, local = parse_hierarchy("Car: cost=0.7, style=0.3; cost: price, fuel;")
    >>> [leaf.id for leaf in hierarchy.leaves], local
    (['price', 'fuel', 'style'], {'Car': {'cost': 0.7, 'style': 0.3}})

    Raises:
        AhpError: names the branch or the leaf that is wrong.
    """
    branches: dict[str, dict[str, float | None]] = {}
    for branch in filter(None, (part.strip() for part in text.split(";"))):
        node, colon, leaves = branch.partition(":")
        node = node.strip()
        if not colon or not node:
            raise AhpError(f"branch {branch!r}: write 'node: leaf, leaf;'")
        if node in branches:
            raise AhpError(f"node {node!r} has two branches: give all its leaves in one")
        branches[node] = _leaves(node, leaves)
    if not branches:
        raise AhpError("the text defines no hierarchy: write 'goal: leaf, leaf;'")
    goal = next(iter(branches))
    parent: dict[str, str] = {}
    for node, leaves_of in branches.items():
        for leaf in leaves_of:
            if leaf in parent or leaf == goal:
                raise AhpError(
                    f"node {leaf!r} stands under {parent.get(leaf, leaf)!r} and {node!r}: ids are unique"
                )
            parent[leaf] = node
    for node in branches:
        if node != goal and node not in parent:
            raise AhpError(f"node {node!r} is not under {goal!r}: it is no leaf of another branch")
    hierarchy = Hierarchy(_tree(goal, branches))
    if lost := [node for node in branches if node not in {one.id for one in hierarchy.root.walk()}]:
        raise AhpError(f"node {lost[0]!r} is its own descendant: no way leads to it from {goal!r}")
    return hierarchy, {
        node: given for node, leaves_of in branches.items() if (given := _given(node, leaves_of))
    }


def format_hierarchy(hierarchy: Hierarchy, local: LocalWeights | None = None) -> str:
    """The text in AHP-OS notation, a line a branch, with local weights where they are given.

    Raises:
        AhpError: an id has a character that the notation uses.
    """
    for node in hierarchy.root.walk():
        if any(mark in node.id for mark in _MARKS):
            raise AhpError(f"node {node.id!r}: the notation uses {' '.join(_MARKS)}, an id cannot have them")
    weights = local or {}
    return "".join(
        f"{parent.id}: "
        + ", ".join(
            child.id + (f"={weights[parent.id][child.id]!r}" if parent.id in weights else "")
            for child in parent.children
        )
        + ";\n"
        for parent in hierarchy.parents
    )


def read_hierarchy(path: Path) -> tuple[Hierarchy, dict[str, dict[str, float]]]:
    """A file's hierarchy and local weights: YAML or JSON as `Hierarchy.from_dict` reads it, else AHP-OS text.

    Raises:
        AhpError: names the file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        match path.suffix.lower():
            case ".yaml" | ".yml":
                return Hierarchy.from_dict(yaml.safe_load(text)), {}
            case ".json":
                return Hierarchy.from_dict(json.loads(text)), {}
            case _:
                return parse_hierarchy(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, json.JSONDecodeError, AhpError) as error:
        raise AhpError(f"{path}: {error}") from error


def _leaves(node: str, text: str) -> dict[str, float | None]:
    leaves: dict[str, float | None] = {}
    for part in text.split(","):
        leaf, equals, weight = (one.strip() for one in part.partition("="))
        if not leaf:
            raise AhpError(f"branch {node!r} has a leaf without a name")
        if leaf in leaves:
            raise AhpError(f"branch {node!r} has the leaf {leaf!r} twice")
        try:
            leaves[leaf] = float(weight) if equals else None
        except ValueError:
            raise AhpError(f"branch {node!r}, leaf {leaf!r}: {weight!r} is not a weight") from None
    return leaves


def _tree(id: str, branches: dict[str, dict[str, float | None]]) -> Node:
    return Node(id, tuple(_tree(leaf, branches) for leaf in branches.get(id, ())))


def _given(node: str, leaves: dict[str, float | None]) -> dict[str, float]:
    """A branch's weights, of all leaves or of none; AHP-OS lets their sum be off by 1e-4: they are scaled."""
    given = {leaf: weight for leaf, weight in leaves.items() if weight is not None}
    if not given:
        return {}
    if lacking := [leaf for leaf in leaves if leaf not in given]:
        raise AhpError(f"branch {node!r}: {lacking[0]!r} has no weight, and other leaves have one")
    total = math.fsum(given.values())
    if not abs(total - 1) <= 1e-4 or min(given.values()) < 0:
        raise AhpError(f"branch {node!r}: the weights sum to {total:g}, not to 1")
    return {leaf: weight / total for leaf, weight in given.items()}
