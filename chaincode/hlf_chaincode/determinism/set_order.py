"""Where source code lets the order of a set reach something: read, not run.

Two processes put the same texts into another order in a set, so endorsers differ. No test that runs in one
process can see that; so the source is read. A name counts as a set where all that is assigned to it is one by
its looks: ``{…}``, ``set(…)``, ``a | b``, ``d.keys() - e.keys()``, an annotation. What comes out of
attributes, containers and functions of other modules is not known to be one.
"""

from __future__ import annotations

import ast
import functools
import tokenize
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import NamedTuple

# Their result is the same whatever the order.
_ORDER_FREE = frozenset({"sorted", "set", "frozenset", "sum", "min", "max", "len", "any", "all", "bool"})
_ORDER_KEPT = frozenset(
    {"list", "tuple", "iter", "enumerate", "zip", "map", "filter", "next", "str", "repr", "dict", "bytes"}
)
_SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})
_SET_NAMES = frozenset({"set", "frozenset", "Set", "AbstractSet", "MutableSet", "FrozenSet"})
_OPERATORS = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Place(NamedTuple):
    """A line, and what it does with a set."""

    line: int
    text: str


def set_orders(code: CodeType) -> tuple[Place, ...]:
    """The places in a function, found by its code; none where its source is not to be had."""
    return _places(code.co_filename).get((code.co_name, code.co_firstlineno), ())


@functools.lru_cache(maxsize=256)
def _places(filename: str) -> dict[tuple[str, int], tuple[Place, ...]]:
    try:
        with tokenize.open(filename) as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return {}
    outside = [statement for statement in tree.body if not isinstance(statement, (*_FUNCTIONS, ast.ClassDef))]
    known = _Names(outside, frozenset(_returning_sets(tree)), frozenset())
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            names = _Names([node], known.functions, known.sets)
            found[node.name, first] = tuple(dict.fromkeys(_uses(node, names, False)))
    return found


def _returning_sets(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and node.returns is not None and _annotates_set(node.returns):
            yield node.name


def _annotates_set(annotation: ast.expr) -> bool:
    if isinstance(annotation, ast.Subscript):
        return _annotates_set(annotation.value)
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value.partition("[")[0] in _SET_NAMES
    name = annotation.attr if isinstance(annotation, ast.Attribute) else getattr(annotation, "id", "")
    return name in _SET_NAMES


class _Names:
    """Which names are sets in a scope."""

    def __init__(self, body: Sequence[ast.stmt], functions: frozenset[str], outer: frozenset[str]) -> None:
        self.functions = functions
        self.sets = outer
        assigned: dict[str, list[bool]] = {}
        # Twice: what is assigned from another name is known only when that one is.
        for _ in range(2):
            assigned = {}
            for statement in body:
                self._read(statement, assigned)
            own = {name for name, kinds in assigned.items() if all(kinds)}
            self.sets = frozenset(own | (outer - assigned.keys()))

    def _read(self, scope: ast.AST, assigned: dict[str, list[bool]]) -> None:
        for node in ast.walk(scope):
            if isinstance(node, ast.arg):
                is_set = node.annotation is not None and _annotates_set(node.annotation)
                assigned.setdefault(node.arg, []).append(is_set)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                assigned.setdefault(node.target.id, []).append(_annotates_set(node.annotation))
            elif isinstance(node, (ast.Assign, ast.NamedExpr)):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self._assign(target, self.is_set(node.value), assigned)
            elif isinstance(node, (ast.For, ast.comprehension)):
                self._assign(node.target, False, assigned)

    def _assign(self, target: ast.expr, is_set: bool, assigned: dict[str, list[bool]]) -> None:
        if isinstance(target, ast.Name):
            assigned.setdefault(target.id, []).append(is_set)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                self._assign(part, False, assigned)

    def is_set(self, node: ast.expr) -> bool:
        """Whether an expression is a set by its looks."""
        if isinstance(node, (ast.Set, ast.SetComp)):
            return True
        if isinstance(node, ast.Name):
            return node.id in self.sets
        if isinstance(node, ast.NamedExpr):
            return self.is_set(node.value)
        if isinstance(node, ast.IfExp):
            return self.is_set(node.body) or self.is_set(node.orelse)
        if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
            return self._set_like(node.left) or (
                not isinstance(node.op, ast.Sub) and self._set_like(node.right)
            )
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name):
                return function.id in ("set", "frozenset") or function.id in self.functions
            return (
                isinstance(function, ast.Attribute)
                and function.attr in _SET_METHODS
                and self._set_like(function.value)
            )
        return False

    def _set_like(self, node: ast.expr) -> bool:
        views = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if views and node.func.attr in ("keys", "items") and not node.args:  # type: ignore[attr-defined]
            return True
        return self.is_set(node)


def _uses(node: ast.AST, names: _Names, free: bool) -> Iterator[Place]:
    """The uses below a node; ``free`` where the order does not matter to what takes the node's value."""
    yield from _uses_here(node, names, free)
    inner_free = False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        inner_free = node.func.id in _ORDER_FREE or (free and node.func.id in _ORDER_KEPT)
    elif isinstance(node, (ast.SetComp, ast.Set)):
        inner_free = True
    elif isinstance(node, (ast.GeneratorExp, ast.ListComp, ast.Starred, ast.List, ast.Tuple)):
        inner_free = free
    for child in ast.iter_child_nodes(node):
        yield from _uses(child, names, inner_free)


def _uses_here(node: ast.AST, names: _Names, free: bool) -> Iterator[Place]:
    if isinstance(node, (ast.For, ast.AsyncFor)) and names.is_set(node.iter):
        yield Place(node.lineno, "goes through a set")
    elif isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.DictComp)) and not free:
        if any(names.is_set(generator.iter) for generator in node.generators):
            yield Place(node.lineno, "goes through a set")
    elif isinstance(node, ast.Starred) and not free and names.is_set(node.value):
        yield Place(node.lineno, "unpacks a set")
    elif isinstance(node, ast.FormattedValue) and names.is_set(node.value):
        yield Place(node.lineno, "writes a set into a text")
    elif isinstance(node, ast.Assign) and names.is_set(node.value):
        if any(isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) > 1 for target in node.targets):
            yield Place(node.lineno, "unpacks a set")
    elif isinstance(node, ast.Call) and not free:
        yield from _call(node, names)


def _call(node: ast.Call, names: _Names) -> Iterator[Place]:
    function = node.func
    if isinstance(function, ast.Name) and function.id in _ORDER_KEPT:
        if any(map(names.is_set, node.args)):
            yield Place(node.lineno, f"makes {function.id}() of a set")
    elif isinstance(function, ast.Attribute):
        if function.attr in ("join", "fromkeys", "extend") and any(map(names.is_set, node.args)):
            yield Place(node.lineno, f"gives a set to {function.attr}()")
        if function.attr == "pop" and not node.args and names.is_set(function.value):
            yield Place(node.lineno, "takes any element of a set")
