"""Hierarchies, their notations, composition to global weights, and alternatives at the bottom."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lending.credit.ahp import AhpError, ComparisonMatrix, weigh
from lending.credit.ahp.hierarchy import Hierarchy, Node, compose, compose_many, decompose, global_weights
from lending.credit.ahp.hierarchy_text import format_hierarchy, parse_hierarchy, read_hierarchy
from lending.credit.ahp.synthesis import Decision, Synthesis

CAR = Hierarchy.from_dict({"goal": {"cost": ["price", "fuel"], "style": None, "safety": ["crash"]}})


def test_nodes_and_paths() -> None:
    assert [leaf.id for leaf in CAR.leaves] == ["price", "fuel", "style", "crash"]
    assert [parent.id for parent in CAR.parents] == ["goal", "cost", "safety"]
    assert [node.id for node in CAR.path("fuel")] == ["goal", "cost", "fuel"]
    assert CAR.node("cost").children == (Node("price"), Node("fuel"))


def test_parents_are_level_by_level() -> None:
    deep = Hierarchy.from_dict({"g": [{"a": [{"a1": ["x", "y"]}]}, {"b": ["z", "w"]}]})
    assert [parent.id for parent in deep.parents] == ["g", "a", "b", "a1"]


@pytest.mark.parametrize(
    "document",
    [
        {"g": {"a": {"a1": None, "a2": None}, "b": None}},
        {"g": {"a": ["a1", "a2"], "b": []}},
        {"g": [{"a": ["a1", "a2"]}, "b"]},
        {"id": "g", "children": [{"id": "a", "children": ["a1", {"id": "a2"}]}, "b"]},
        {"g": [{"id": "a", "children": {"a1": {}, "a2": {}}}, {"b": None}]},
    ],
)
def test_every_notation_of_a_mapping_is_the_same_hierarchy(document: dict[str, object]) -> None:
    a = Node("a", (Node("a1"), Node("a2")))
    assert Hierarchy.from_dict(document) == Hierarchy(Node("g", (a, Node("b"))))


def test_dict_round_trip_keeps_names() -> None:
    names = {"ko": "임차보증금", "en": "Rent deposit"}
    hierarchy = Hierarchy(Node("g", (Node("rent", names=names), Node("debt"))))
    again = Hierarchy.from_dict(hierarchy.to_dict())
    assert again == hierarchy
    assert again.node("rent").name("ko") == "임차보증금"
    assert again.node("debt").name("ko") == "debt"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"g": {"a": ["x"], "b": ["x"]}}, "node 'x' stands twice"),
        ({"g": {"g": None, "b": None}}, "node 'g' stands twice"),
        ({"a": None, "b": None}, "one root, not 2: 'a', 'b'"),
        ({"g": None}, "'g' has no nodes under its root"),
        ({"g": {"a": 3.5}}, "node 'a': its children are a mapping or a list, not 3.5"),
        ({"id": "g", "childs": ["a"]}, r"node 'g': \['childs'\] are no fields"),
        ({"g": [" ", "b"]}, "not blank"),
        ({"g": [None, "b"]}, "a node's id is a text, not None"),
    ],
)
def test_errors_name_the_node(document: dict[str, object], message: str) -> None:
    with pytest.raises(AhpError, match=message):
        Hierarchy.from_dict(document)


def test_unknown_node() -> None:
    with pytest.raises(AhpError, match="has no node 'colour'"):
        CAR.node("colour")


LOCAL = {"goal": {"cost": 0.5, "style": 0.2, "safety": 0.3}, "cost": {"price": 0.7, "fuel": 0.3}}


def test_compose() -> None:
    weights = global_weights(CAR, LOCAL)
    assert weights["goal"] == 1
    assert compose(CAR, LOCAL) == pytest.approx({"price": 0.35, "fuel": 0.15, "style": 0.2, "crash": 0.3})
    assert weights["safety"] == weights["crash"]  # a lone child has all of it, unasked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost": None}, "node 'cost' has no local weights: price, fuel"),
        ({"cost": {"price": 1.0}}, "node 'cost' has no local weight for 'fuel'"),
        ({"cost": {"price": 0.7, "fuel": 0.3, "oil": 0.0}}, "node 'cost' has no children 'oil'"),
        ({"cost": {"price": 0.7, "fuel": 0.31}}, "node 'cost': the local weights sum to 1.01"),
        ({"cost": {"price": 1.2, "fuel": -0.2}}, "node 'cost', child 'fuel': -0.2 is not a weight"),
        ({"cost": {"price": math.nan, "fuel": 1.0}}, "node 'cost', child 'price': nan"),
        ({"style": {"colour": 1.0}}, "node 'style' is a leaf"),
        ({"engine": {"colour": 1.0}}, "has no node 'engine'"),
    ],
)
def test_compose_names_what_is_wrong(change: dict[str, dict[str, float] | None], message: str) -> None:
    local = {id: value for id, value in {**LOCAL, **change}.items() if value is not None}
    with pytest.raises(AhpError, match=message):
        compose(CAR, local)


@st.composite
def hierarchies(draw: st.DrawFn) -> Hierarchy:
    count = itertools.count()

    def node(depth: int) -> Node:
        width = 0
        if not depth or (depth < 3 and draw(st.booleans())):
            width = draw(st.integers(1 if depth else 2, 4))
        return Node(f"n{next(count)}", tuple(node(depth + 1) for _ in range(width)))

    return Hierarchy(node(0))


@settings(deadline=None)
@given(hierarchies(), st.randoms(use_true_random=False))
def test_composed_weights_sum_to_one_and_decompose_again(hierarchy: Hierarchy, random: object) -> None:
    local = {}
    for parent in hierarchy.parents:
        raw = {child.id: random.uniform(0.1, 9) for child in parent.children}  # type: ignore[attr-defined]
        local[parent.id] = {id: value / math.fsum(raw.values()) for id, value in raw.items()}
    leaves = compose(hierarchy, local)
    assert math.fsum(leaves.values()) == pytest.approx(1, abs=1e-12)
    derived = decompose(hierarchy, leaves)
    for parent, weights in local.items():
        assert derived[parent] == pytest.approx(weights, abs=1e-12)
    stacks = {id: np.array([list(weights.values())] * 2) for id, weights in local.items()}
    assert compose_many(hierarchy, stacks) == pytest.approx(np.array([list(leaves.values())] * 2), abs=1e-15)


def test_compose_many_checks_shapes() -> None:
    goal = np.full((2, 3), 1 / 3)
    with pytest.raises(AhpError, match="node 'cost' has no local weights"):
        compose_many(CAR, {"goal": goal})
    with pytest.raises(AhpError, match=r"node 'cost' has 2 children, and weights of shape \(2, 3\)"):
        compose_many(CAR, {"goal": goal, "cost": goal})
    with pytest.raises(AhpError, match=r"different numbers of rows: \[2, 3\]"):
        compose_many(CAR, {"goal": goal, "cost": np.ones((3, 2))})


def test_decompose_refuses_what_has_no_proportion() -> None:
    leaves = {"price": 0.0, "fuel": 0.0, "style": 0.4, "crash": 0.6}
    with pytest.raises(AhpError, match="node 'cost': its leaves sum to 0"):
        decompose(CAR, leaves)
    with pytest.raises(AhpError, match="leaf 'crash': None is not a weight"):
        decompose(CAR, {"price": 0.1, "fuel": 0.1, "style": 0.4})
    with pytest.raises(AhpError, match="node 'cost' is not a leaf"):
        decompose(CAR, {**leaves, "cost": 1.0})


# The notation of AHP-OS, as its manual (BPMSG, annex 1, "Decision Hierarchy") defines it.
def test_text_notation() -> None:
    text = "Goal: A, B ;\n A : a1 = 0.6, a2=0.4; B: b1, b2;"
    hierarchy, local = parse_hierarchy(text)
    assert hierarchy == Hierarchy.from_dict({"Goal": {"A": ["a1", "a2"], "B": ["b1", "b2"]}})
    assert local == {"A": {"a1": 0.6, "a2": 0.4}}
    assert format_hierarchy(hierarchy, local) == "Goal: A, B;\nA: a1=0.6, a2=0.4;\nB: b1, b2;\n"
    assert parse_hierarchy(format_hierarchy(hierarchy, local)) == (hierarchy, local)


def test_text_branches_may_come_before_their_node() -> None:
    hierarchy, _ = parse_hierarchy("G: A, B; x: x1, x2; A: x, y")
    assert [node.id for node in hierarchy.path("x2")] == ["G", "A", "x", "x2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "defines no hierarchy"),
        ("Goal A, B;", "branch 'Goal A, B': write"),
        ("Goal: A, ,B;", "branch 'Goal' has a leaf without a name"),
        ("Goal: A, A;", "branch 'Goal' has the leaf 'A' twice"),
        ("Goal: A, B; Goal: C, D;", "node 'Goal' has two branches"),
        ("Goal: A, B; A: B, C;", "node 'B' stands under 'Goal' and 'A'"),
        ("Goal: A, B; C: D, E;", "node 'C' is not under 'Goal'"),
        ("Goal: A, B; C: D, E; D: C, F;", "node 'C' is its own descendant"),
        ("Goal: A=0.6, B;", "branch 'Goal': 'B' has no weight"),
        ("Goal: A=0.6, B=0.5;", "branch 'Goal': the weights sum to 1.1"),
        ("Goal: A=much, B=0.5;", "branch 'Goal', leaf 'A': 'much' is not a weight"),
    ],
)
def test_text_errors_name_the_branch(text: str, message: str) -> None:
    with pytest.raises(AhpError, match=message):
        parse_hierarchy(text)


def test_an_id_with_a_mark_of_the_notation_is_not_written() -> None:
    with pytest.raises(AhpError, match="node 'a;b'"):
        format_hierarchy(Hierarchy.from_dict({"g": ["a;b", "c"]}))


def test_files(tmp_path: Path) -> None:
    wanted = Hierarchy.from_dict({"g": {"a": ["x", "y"], "b": None}})
    for name, text in {
        "h.yaml": "g:\n  a: [x, y]\n  b:\n",
        "h.json": '{"g": {"a": ["x", "y"], "b": null}}',
        "h.txt": "g: a, b; a: x, y;",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert read_hierarchy(tmp_path / name) == (wanted, {})
    (tmp_path / "bad.yaml").write_text("g: [x, x]", encoding="utf-8")
    with pytest.raises(AhpError, match=r"bad\.yaml: node 'x' stands twice"):
        read_hierarchy(tmp_path / "bad.yaml")
    with pytest.raises(AhpError, match=r"none\.yaml"):
        read_hierarchy(tmp_path / "none.yaml")


def pairs(labels: tuple[str, ...], values: tuple[float, ...]) -> ComparisonMatrix:
    """A matrix from its upper triangle, row by row."""
    keys = list(itertools.combinations(labels, 2))
    return ComparisonMatrix.from_judgements(labels, dict(zip(keys, values, strict=True)))


# ahpy 2.1's README, "Choosing a leader": figures with precision=3. ahpy rounds before it composes, so that
# its composed figures are off by up to one more unit: Sue is printed .15 and is .1491 at full precision.
LEADERS = ("Moll", "Nell", "Sue")
LEADER = {
    "Experience": pairs(LEADERS, (1 / 4, 4, 9)),
    "Education": pairs(LEADERS, (3, 1 / 5, 1 / 7)),
    "Charisma": pairs(LEADERS, (5, 9, 4)),
    "Age": pairs(LEADERS, (1 / 3, 5, 9)),
}
LEADER_CRITERIA = pairs(("Experience", "Education", "Charisma", "Age"), (4, 3, 7, 1 / 3, 3, 5))


def test_leader_example_of_ahpy() -> None:
    criteria = weigh(LEADER_CRITERIA)
    assert criteria.as_dict() == pytest.approx(
        {"Experience": 0.548, "Charisma": 0.27, "Education": 0.127, "Age": 0.056}, abs=5e-4
    )
    assert criteria.consistency_ratio == pytest.approx(0.044, abs=5e-4)
    decision = Decision.from_comparisons(criteria.as_dict(), LEADER)
    assert decision.scores() == pytest.approx({"Nell": 0.493, "Moll": 0.358, "Sue": 0.15}, abs=1e-3)
    assert decision.ranking() == ("Nell", "Moll", "Sue")
    education = weigh(LEADER["Education"]).as_dict()
    globals_ = {one: criteria.as_dict()["Education"] * value for one, value in education.items()}
    assert globals_ == pytest.approx({"Sue": 0.093, "Moll": 0.024, "Nell": 0.01}, abs=1e-3)


# ahpy 2.1's README, "Purchasing a vehicle": figures with precision=3.
CARS = ("Accord Sedan", "Accord Hybrid", "Pilot", "CR-V", "Element", "Odyssey")
CAR_TABLES = {
    "Price": (9, 9, 1, 1 / 2, 5, 1, 1 / 9, 1 / 9, 1 / 7, 1 / 9, 1 / 9, 1 / 7, 1 / 2, 5, 6),
    "Safety": (1, 5, 7, 9, 1 / 3, 5, 7, 9, 1 / 3, 2, 9, 1 / 8, 2, 1 / 8, 1 / 9),
    "Passenger": (1, 1 / 2, 1, 3, 1 / 2, 1 / 2, 1, 3, 1 / 2, 2, 6, 1, 3, 1 / 2, 1 / 6),
    "Fuel": (
        *(1 / 1.13, 1.41, 1.15, 1.24, 1.19, 1.59, 1.3, 1.4, 1.35, 1 / 1.23),
        *(1 / 1.14, 1 / 1.18, 1.08, 1.04, 1 / 1.04),
    ),
    "Resale": (3, 4, 1 / 2, 2, 2, 2, 1 / 5, 1, 1, 1 / 6, 1 / 2, 1 / 2, 4, 4, 1),
    "Maintenance": (1.5, 4, 4, 4, 5, 4, 4, 4, 5, 1, 1.2, 1, 1, 3, 2),
    "Style": (1, 7, 5, 9, 6, 7, 5, 9, 6, 1 / 6, 3, 1 / 3, 7, 5, 1 / 5),
    "Cargo": (1, 1 / 2, 1 / 2, 1 / 2, 1 / 3, 1 / 2, 1 / 2, 1 / 2, 1 / 3, 1, 1, 1 / 2, 1, 1 / 2, 1 / 2),
}


def vehicles() -> tuple[Hierarchy, dict[str, dict[str, float]]]:
    hierarchy, _ = parse_hierarchy(
        "Criteria: Cost, Safety, Style, Capacity; Cost: Price, Fuel, Maintenance, Resale;"
        "Capacity: Cargo, Passenger;"
    )
    matrices = {
        "Criteria": pairs(("Cost", "Safety", "Style", "Capacity"), (3, 7, 3, 9, 1, 1 / 7)),
        "Cost": pairs(("Price", "Fuel", "Maintenance", "Resale"), (2, 5, 3, 2, 2, 1 / 2)),
        "Capacity": pairs(("Cargo", "Passenger"), (1 / 5,)),
    }
    local = {id: weigh(matrix).as_dict() for id, matrix in matrices.items()}
    return hierarchy, local


def test_vehicle_example_of_ahpy() -> None:
    hierarchy, local = vehicles()
    weights = global_weights(hierarchy, local)
    assert [weights[id] for id in ("Cost", "Safety", "Capacity", "Style")] == pytest.approx(
        [0.51, 0.234, 0.215, 0.041], abs=5e-4
    )
    comparisons = {id: pairs(CARS, values) for id, values in CAR_TABLES.items()}
    decision = Decision.from_comparisons(compose(hierarchy, local), comparisons)
    printed = {
        "Odyssey": 0.219,
        "Accord Sedan": 0.215,
        "CR-V": 0.167,
        "Accord Hybrid": 0.15,
        "Element": 0.144,
        "Pilot": 0.106,
    }
    assert decision.scores() == pytest.approx(printed, abs=1e-3)
    assert decision.ranking() == tuple(printed)
    # "Compose" in the same README: Price's weights.
    price = weigh(comparisons["Price"]).as_dict()
    assert [price[one] for one in ("Element", "Accord Sedan", "CR-V")] == pytest.approx(
        [0.366, 0.246, 0.246], abs=5e-4
    )


# The same README, "Purchasing a vehicle reprised": four criteria measured, and their values taken as they
# are.
def test_vehicles_with_measured_values_of_ahpy() -> None:
    measured = {
        "Passenger": (5, 5, 8, 5, 4, 8),
        "Fuel": (31, 35, 22, 27, 25, 26),
        "Resale": (0.52, 0.46, 0.44, 0.55, 0.48, 0.48),
        "Cargo": (14, 14, 87.6, 72.9, 74.6, 147.4),
    }
    hierarchy, local = vehicles()
    priorities = {id: weigh(pairs(CARS, values)).as_dict() for id, values in CAR_TABLES.items()}
    priorities |= {id: dict(zip(CARS, values, strict=True)) for id, values in measured.items()}
    decision = Decision(compose(hierarchy, local), priorities)
    printed = {
        "Odyssey": 0.218,
        "Accord Sedan": 0.21,
        "Element": 0.161,
        "Accord Hybrid": 0.154,
        "CR-V": 0.149,
        "Pilot": 0.108,
    }
    assert decision.scores() == pytest.approx(printed, abs=1e-3)
    assert decision.ranking() == tuple(printed)


# AHP-OS manual (BPMSG), 6 "Download": an export of a project with three criteria and two alternatives. Its
# weights come from a power iteration that stops early: for three items the eigenvector is the row geometric
# mean, and the first weight is 24^(1/3) over the sum of the three, .652664, not .652631.
def test_example_of_the_ahp_os_manual() -> None:
    printed = {"Crit-1": 0.652631, "Crit-2": 0.285112, "Crit-3": 0.062256}
    assert weigh(pairs(tuple(printed), (3, 8, 6))).as_dict() == pytest.approx(printed, abs=4e-5)
    priorities = {
        "Crit-1": {"Alt-1": 0.9, "Alt-2": 0.1},
        "Crit-2": {"Alt-1": 0.1, "Alt-2": 0.9},
        "Crit-3": {"Alt-1": 0.8, "Alt-2": 0.2},
    }
    decision = Decision(printed, priorities)
    assert decision.scores() == pytest.approx({"Alt-1": 0.665685, "Alt-2": 0.334315}, abs=1.5e-6)


# P2 = Lee, Kim, Ha & Roh 2007, tables 13 (hierarchy) and 15 (global weights of the leaves, three decimals).
P2_COMMON = {
    "credit": {
        "financial": ["rent_deposit", "borrowing", "sales"],
        "nonfinancial": {
            "fact": {
                "property": ["real_estate", "loan_history"],
                "reliability": ["credit_information"],
                "stability": ["business_age", "residence"],
            },
            "judgement": {
                "management": ["manager_ability"],
                "business": ["sales_outlook", "industry_outlook"],
            },
        },
    }
}
P2_GENERAL = {
    "rent_deposit": 0.122,
    "borrowing": 0.336,
    "sales": 0.202,
    "real_estate": 0.052,
    "loan_history": 0.020,
    "credit_information": 0.045,
    "business_age": 0.021,
    "residence": 0.008,
    "manager_ability": 0.105,
    "sales_outlook": 0.065,
    "industry_outlook": 0.025,
}


def test_table_15_of_p2_parents_derived_from_leaves() -> None:
    hierarchy = Hierarchy.from_dict(P2_COMMON)
    local = decompose(hierarchy, P2_GENERAL)
    total = math.fsum(P2_GENERAL.values())
    assert total == pytest.approx(1.001, abs=1e-12)  # the leaves as printed
    weights = {id: value * total for id, value in global_weights(hierarchy, local).items()}
    printed = {
        "financial": 0.660,
        "nonfinancial": 0.340,
        "fact": 0.145,
        "judgement": 0.195,
        "property": 0.072,
        "reliability": 0.045,
        "stability": 0.029,
        "management": 0.105,
        "business": 0.090,
    }
    assert {id: weights[id] for id in printed} == pytest.approx(printed, abs=1.5e-3)
    # fact's children are printed as .072 + .045 + .029, their parent as .145: the leaves are the truth.
    assert weights["fact"] == pytest.approx(0.146, abs=1e-12)
    assert {leaf.id: weights[leaf.id] for leaf in hierarchy.leaves} == pytest.approx(P2_GENERAL, abs=1e-15)


def test_ideal_mode() -> None:
    decision = Decision({"c": 0.6, "d": 0.4}, {"c": {"x": 0.8, "y": 0.2}, "d": {"x": 0.25, "y": 0.75}})
    assert decision.scores() == pytest.approx({"x": 0.58, "y": 0.42})
    ideal = Decision(decision.weights, decision.priorities, Synthesis.IDEAL)
    x, y = Fraction(6, 10) + Fraction(4, 10) / 3, Fraction(6, 10) / 4 + Fraction(4, 10)
    assert ideal.scores() == pytest.approx({"x": float(x / (x + y)), "y": float(y / (x + y))}, abs=1e-15)


@pytest.mark.parametrize(
    ("weights", "priorities", "message"),
    [
        ({"c": 0.5, "d": 0.5}, {"c": {"x": 1}}, "criterion 'd' has no priorities"),
        ({"c": 1.0}, {"c": {"x": 1}, "d": {"x": 1}}, "criterion 'd' has priorities and no weight"),
        ({"c": 0.5, "d": 0.5}, {"c": {"x": 1, "y": 1}, "d": {"x": 1}}, "criterion 'd', alternative 'y'"),
        ({"c": 1.0}, {"c": {"x": 1, "y": -1}}, "criterion 'c', alternative 'y': -1 is not a priority"),
        ({"c": 1.0}, {"c": {"x": 0, "y": 0}}, "criterion 'c': the alternatives' priorities sum to 0"),
        ({"c": -1.0}, {"c": {"x": 1}}, "criterion 'c': -1.0 is not a weight"),
        ({"c": 0.0}, {"c": {"x": 1}}, "weights sum to 0"),
    ],
)
def test_a_decision_names_what_is_wrong(
    weights: dict[str, float], priorities: dict[str, dict[str, float]], message: str
) -> None:
    with pytest.raises(AhpError, match=message):
        Decision(weights, priorities)
