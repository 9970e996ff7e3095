"""Hierarchies of any depth, and local weights composed to global ones at full precision.

Local weights are those of a node's children among themselves, and sum to 1; a global weight is the product
of the local ones on the way from the root (Saaty, The Analytic Hierarchy Process, 1980, principle of
hierarchic composition). Nothing is rounded on the way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lending.credit.ahp.errors import AhpError

LocalWeights = Mapping[str, Mapping[str, float]]
_SUM = 1e-6  # how far a node's local weights may be from 1: six printed decimals


@dataclass(frozen=True)
class Node:
    """One item of a hierarchy; `names` are its wordings by language, for surveys and reports."""

    id: str
    children: tuple[Node, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id.strip():
            raise AhpError(f"a node's id is a text that is not blank, not {self.id!r}")
        object.__setattr__(self, "children", tuple(self.children))

    def walk(self) -> Iterator[Node]:
        """This node and all below it, each before its children."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def leaves(self) -> tuple[Node, ...]:
        """The nodes without children below this one, or the node itself."""
        return tuple(node for node in self.walk() if not node.children)

    def name(self, language: str) -> str:
        """The wording in a language, or the id."""
        return self.names.get(language, self.id)


@dataclass(frozen=True)
class Hierarchy:
    """A goal, criteria of any depth and the leaves that are weighed; ids are unique in the whole of it.

    Raises `AhpError` that names the id when one stands twice.
    """

    root: Node

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for node in self.root.walk():
            if node.id in seen:
                raise AhpError(
                    f"node {node.id!r} stands twice in the hierarchy of {self.root.id!r}: ids are unique"
                )
            seen.add(node.id)
        if not self.root.children:
            raise AhpError(f"hierarchy {self.root.id!r} has no nodes under its root: nothing to compare")

    @cached_property
    def _paths(self) -> dict[str, tuple[Node, ...]]:
        paths: dict[str, tuple[Node, ...]] = {}

        def visit(node: Node, above: tuple[Node, ...]) -> None:
            paths[node.id] = (*above, node)
            for child in node.children:
                visit(child, paths[node.id])

        visit(self.root, ())
        return paths

    @property
    def leaves(self) -> tuple[Node, ...]:
        """The items at the bottom, left to right."""
        return self.root.leaves

    @cached_property
    def parents(self) -> tuple[Node, ...]:
        """The nodes with children, level by level from the root: one comparison matrix each."""
        level, found = [self.root], []
        while level:
            found += [node for node in level if node.children]
            level = [child for node in level for child in node.children]
        return tuple(found)

    def node(self, id: str) -> Node:
        return self.path(id)[-1]

    def path(self, id: str) -> tuple[Node, ...]:
        """The nodes from the root to this one, both included."""
        try:
            return self._paths[id]
        except KeyError:
            raise AhpError(f"the hierarchy of {self.root.id!r} has no node {id!r}") from None

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Hierarchy:
        """Nested mappings and lists, as YAML and JSON give them.

        Short, `{goal: {price: [purchase, fuel], style: }}`, or long, `{id: goal, names: {en: Goal},
        children: [...]}`, or both mixed.  A list's items are ids, short or long nodes.
        """
        if not isinstance(document, Mapping):
            raise AhpError(f"a hierarchy is a mapping with one root, not {type(document).__name__}")
        if "id" in document:
            return cls(_long(document))
        if len(document) != 1:
            raise AhpError(f"a hierarchy has one root, not {len(document)}: {', '.join(map(repr, document))}")
        ((id, children),) = document.items()
        return cls(Node(_id(id), _children(children, _id(id))))

    def to_dict(self) -> dict[str, Any]:
        """The long form that `from_dict` reads: id, names if any, children if any."""
        return _document(self.root)


def _id(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise AhpError(f"a node's id is a text, not {value!r}")
    return str(value)


def _long(document: Mapping[str, Any]) -> Node:
    id = _id(document["id"])
    if unknown := set(document) - {"id", "names", "children"}:
        raise AhpError(
            f"node {id!r}: {sorted(map(str, unknown))} are no fields of a node (id, names, children)"
        )
    return Node(id, _children(document.get("children"), id), dict(document.get("names") or {}))


def _children(value: Any, parent: str) -> tuple[Node, ...]:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        if "id" in value:
            return (_long(value),)
        return tuple(Node(_id(id), _children(below, _id(id))) for id, below in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(
            node
            for one in value
            for node in (_children(one, parent) if isinstance(one, Mapping) else (Node(_id(one)),))
        )
    raise AhpError(f"node {parent!r}: its children are a mapping or a list, not {value!r}")


def _document(node: Node) -> dict[str, Any]:
    document: dict[str, Any] = {"id": node.id}
    if node.names:
        document["names"] = dict(node.names)
    if node.children:
        document["children"] = [_document(child) for child in node.children]
    return document


def _locals_of(parent: Node, local: LocalWeights) -> list[float]:
    """The local weights of a parent's children, in their order; a lone child weighs 1 unasked."""
    ids = [child.id for child in parent.children]
    if parent.id not in local:
        if len(ids) == 1:
            return [1.0]
        raise AhpError(f"node {parent.id!r} has no local weights: {', '.join(ids)} are wanted")
    given = local[parent.id]
    if missing := [id for id in ids if id not in given]:
        raise AhpError(f"node {parent.id!r} has no local weight for {', '.join(map(repr, missing))}")
    if unknown := [id for id in given if id not in ids]:
        raise AhpError(f"node {parent.id!r} has no children {', '.join(map(repr, unknown))}")
    values = [float(given[id]) for id in ids]
    for id, value in zip(ids, values, strict=True):
        if not math.isfinite(value) or value < 0:
            raise AhpError(f"node {parent.id!r}, child {id!r}: {value} is not a weight")
    total = math.fsum(values)
    if abs(total - 1) > _SUM:
        raise AhpError(f"node {parent.id!r}: the local weights sum to {total:.9g}, not to 1")
    return values


def global_weights(hierarchy: Hierarchy, local: LocalWeights) -> dict[str, float]:
    """Every node's global weight: the root's is 1, a parent's is what its children's sum to.

    `local` is parent id -> {child id: local weight}; a parent with one child may be left out.  Raises
    `AhpError` that names the node whose local weights are missing, negative or do not sum to 1 (within 1e-6).
    """
    if unknown := [id for id in local if not hierarchy.node(id).children]:
        raise AhpError(f"node {unknown[0]!r} is a leaf: it has no children to weigh")
    weights = {hierarchy.root.id: 1.0}
    for parent in hierarchy.parents:
        for child, value in zip(parent.children, _locals_of(parent, local), strict=True):
            weights[child.id] = weights[parent.id] * value
    return weights


def compose(hierarchy: Hierarchy, local: LocalWeights) -> dict[str, float]:
    """Each leaf's global weight, in the leaves' order; they sum to 1.  Errors as `global_weights`."""
    weights = global_weights(hierarchy, local)
    return {leaf.id: weights[leaf.id] for leaf in hierarchy.leaves}


def compose_many(hierarchy: Hierarchy, local: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """`compose` for many raters or replicates at once.

    `local` is parent id -> (r, number of its children), in the children's order; the answer is (r, leaves).
    Sums are not checked: these weights come from `weigh_many` and aggregation, which normalise.
    """
    rows = {len(one) for one in local.values()}
    if len(rows) != 1:
        raise AhpError(f"the parents' local weights have different numbers of rows: {sorted(rows)}")
    weights = {hierarchy.root.id: np.ones(rows.pop())}
    for parent in hierarchy.parents:
        size = len(parent.children)
        block = local.get(parent.id)
        if block is None and size > 1:
            raise AhpError(f"node {parent.id!r} has no local weights")
        if block is not None and block.shape[1:] != (size,):
            raise AhpError(f"node {parent.id!r} has {size} children, and weights of shape {block.shape}")
        for place, child in enumerate(parent.children):
            mine = weights[parent.id]
            weights[child.id] = mine if block is None else mine * block[:, place]
    return np.stack([weights[leaf.id] for leaf in hierarchy.leaves], axis=1)


def decompose(hierarchy: Hierarchy, leaves: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Local weights from the leaves' global ones: `compose` backwards, parents derived from their leaves.

    For published tables, whose printed parents are rounded by themselves: the leaves are the truth, and need
    not sum to 1.  Raises `AhpError` that names a leaf without a weight, or a parent whose leaves sum to 0.
    """
    if unknown := [id for id in leaves if hierarchy.node(id).children]:
        raise AhpError(f"node {unknown[0]!r} is not a leaf: its weight is what its leaves sum to")
    sums: dict[str, float] = {}
    for node in hierarchy.root.walk():
        below = [leaf.id for leaf in node.leaves]
        for id in below:
            value = leaves.get(id, math.nan)
            if not math.isfinite(value) or value < 0:
                raise AhpError(f"leaf {id!r}: {leaves.get(id)} is not a weight")
        sums[node.id] = math.fsum(leaves[id] for id in below)
        if node.children and not sums[node.id]:
            raise AhpError(f"node {node.id!r}: its leaves sum to 0, so its children have no proportion")
    return {
        parent.id: {child.id: sums[child.id] / sums[parent.id] for child in parent.children}
        for parent in hierarchy.parents
    }
