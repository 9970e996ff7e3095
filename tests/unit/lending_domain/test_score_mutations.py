"""Whatever number or comparison of the scoring core is changed, the golden answers notice.

Each mutant is one change: a number of score.py or form.py one up or down, a flag turned, a comparison
replaced, or one weight, scale or bound of data/model2.yaml moved. None may survive.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from lending_domain import form, score
from lending_domain.model import Model, model2
from tests.unit.lending_domain.score_goldens import check_all, check_form

_OPERATORS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}


def source_mutants(path: str) -> Iterator[tuple[str, ast.Module]]:
    """Every change of one number, flag or comparison, with the line that says where."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            kept = node.value
            for value in (not kept,) if isinstance(kept, bool) else (kept + 1, kept - 1):
                node.value = value
                yield f"{Path(path).name}:{node.lineno}: {kept} -> {value}", tree
            node.value = kept
        elif isinstance(node, ast.Compare):
            for index, operator in enumerate(node.ops):
                for other in _OPERATORS[type(operator)]:
                    node.ops[index] = other()
                    names = f"{type(operator).__name__} -> {other.__name__}"
                    yield f"{Path(path).name}:{node.lineno}: {names}", tree
                node.ops[index] = operator


def run(tree: ast.Module, name: str) -> ModuleType:
    """The mutant as a module; nothing else sees it."""
    module = ModuleType(name)
    exec(compile(tree, name, "exec", dont_inherit=True), module.__dict__)
    return module


def noticed(check: Callable[[], object]) -> bool:
    """Whether the golden answers refuse the mutant, or it cannot even run."""
    try:
        check()
    except Exception:  # noqa: BLE001 - whatever a mutant raises, it is noticed
        return True
    return False


def survivors(mutants: Iterator[tuple[str, ast.Module]], check: Callable[[ast.Module], object]) -> list[str]:
    found, count = [], 0
    for place, tree in mutants:
        count += 1
        if not noticed(lambda tree=tree: check(tree)):  # type: ignore[misc]
            found.append(place)
    assert count > 40
    return found


def model_mutants(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every weight a thousandth up or down, every scale, grade and bound one up or down."""
    for path, value in _leaves({name: document[name] for name in ("items", "judgement", "grade_map")}):
        changed: tuple[Any, ...] = ()
        if isinstance(value, int):
            changed = (value + 1, value - 1)
        elif path[-2] == "weight" or path[0] == "judgement":
            changed = tuple(str(Decimal(value) + step) for step in (Decimal("0.001"), Decimal("-0.001")))
        for one in changed:
            mutant = copy.deepcopy(document)
            place = mutant
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = one
            yield f"{'.'.join(map(str, path))}: {value} -> {one}", mutant


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        for name, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(child, (*path, name))
    else:
        yield path, value


def test_control_the_golden_answers_hold_unchanged() -> None:
    sources = [ast.parse(Path(str(one.__file__)).read_text(encoding="utf-8")) for one in (score, form)]
    check_all(model2(), *(run(tree, "lending_domain.unchanged") for tree in sources))


def test_no_change_of_the_score_survives() -> None:
    model = model2()
    mutants = source_mutants(str(score.__file__))
    assert survivors(mutants, lambda tree: check_all(model, run(tree, "lending_domain.score"))) == []


def test_no_change_of_the_forms_rules_survives() -> None:
    mutants = source_mutants(str(form.__file__))
    assert survivors(mutants, lambda tree: check_form(run(tree, "lending_domain.form"))) == []


def test_no_change_of_a_weight_or_a_bound_survives() -> None:
    text = (files("lending_domain") / "data" / "model2.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    mutants = list(model_mutants(document))
    assert len(mutants) > 200
    survived = [
        place
        for place, mutant in mutants
        if not noticed(lambda mutant=mutant: check_all(Model.model_validate(mutant)))  # type: ignore[misc]
    ]
    assert survived == []
