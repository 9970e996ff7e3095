"""A pairwise comparison matrix: what was judged, checked once, when it is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lending.credit.ahp.errors import AhpError

TOLERANCE = 1e-9
"""How far a_ij · a_ji may be from 1: what arithmetic in float64 loses, not what a person rounds."""

_RATIO = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")


def parse_ratio(text: str) -> float:
    """A judgement as it is written down: ``3``, ``0.5``, ``1/3``, ``2:5``.

    >>> parse_ratio("1/4")
    0.25

    Raises:
        AhpError: the text is no positive number.
    """
    parts = [part.strip() for part in re.split(r"[/:∕⁄÷]", text.strip())]
    if re.fullmatch(r"-\s*[\d.]+|[-+]?(?i:inf|infinity)", text.strip()):
        raise AhpError(f"{text!r} is not a positive number: write 3, 0.5 or 1/3")
    if len(parts) > 2 or not all(_RATIO.fullmatch(part) for part in parts):
        raise AhpError(f"{text!r} is not a number: write 3, 0.5 or 1/3")
    try:
        numbers = [Fraction(part) for part in parts]
        value = float(numbers[0] / numbers[1] if len(parts) == 2 else numbers[0])
    except (ZeroDivisionError, OverflowError) as error:
        raise AhpError(f"{text!r} is not a finite number: write 3, 0.5 or 1/3") from error
    if not 0 < value < np.inf:
        raise AhpError(f"{text!r} is not a positive number: write 3, 0.5 or 1/3")
    return value


def ratio_text(value: float) -> str:
    """How an analyst writes a judgement: 3, 1/3, 2.5, 1/2.5.

    >>> ratio_text(1 / 3), ratio_text(2.5)
    ('1/3', '2.5')
    """
    if value >= 1:
        return f"{value:.4g}"
    return f"1/{1 / value:.4g}"


class ComparisonMatrix:
    """How many times as much each item counts as each other one, as far as it was judged.

    ``values[i, j]`` says how many times as much item i weighs as item j. The matrix is reciprocal and its
    diagonal is 1; NaN stands for a comparison that was not made.

    >>> matrix = ComparisonMatrix([[1, 3, 5], [None, 1, 2], [None, None, 1]], ["price", "style", "colour"])
    >>> float(matrix.values[2, 0])
    0.2
    >>> matrix.complete
    True

    Args:
        values: (n, n), positive; NaN or None where nothing was judged. Where one cell of a pair is given and
            the other is not, the other becomes its reciprocal; an empty diagonal becomes 1.
        labels: names of the items, all different; by default ``"1"`` to ``"n"``.
        tolerance: how far a_ij · a_ji may be from 1. The cell of the pair that is at least 1 is taken as it
            stands and the other made its exact reciprocal, so that 3 and 0.333 with 0.01 become 3 and 1/3.

    Raises:
        AhpError: names the first cell that is wrong.
    """

    __slots__ = ("_labels", "_values")

    def __init__(
        self, values: ArrayLike, labels: Sequence[str] | None = None, *, tolerance: float = TOLERANCE
    ) -> None:
        try:
            array = np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise AhpError(f"a comparison matrix is a square table of numbers: {error}") from error
        if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
            raise AhpError(
                "a comparison matrix has as many rows as columns, at least one: "
                f"this one is {' by '.join(map(str, array.shape))}"
            )
        self._labels = _check_labels(labels, len(array))
        self._values = _reciprocal(array, self._labels, tolerance)
        self._values.flags.writeable = False

    @classmethod
    def from_judgements(
        cls, labels: Sequence[str], judgements: Mapping[tuple[str, str], float | str]
    ) -> ComparisonMatrix:
        """From pairs: ``{("price", "style"): 3, ("style", "colour"): "1/2"}``.

        >>> ComparisonMatrix.from_judgements(["a", "b", "c"], {("a", "b"): 2, ("b", "c"): "1/3"}).missing
        (('a', 'c'),)

        Raises:
            AhpError: an item that is not among the labels, or a value that is no positive number.
        """
        place = {label: index for index, label in enumerate(_check_labels(labels, len(labels)))}
        values = np.full((len(labels), len(labels)), np.nan)
        for (a, b), judged in judgements.items():
            for label in (a, b):
                if label not in place:
                    raise AhpError(f"{label!r} is compared but is not among the items {_listed(labels)}")
            try:
                values[place[a], place[b]] = parse_ratio(judged) if isinstance(judged, str) else judged
            except AhpError as error:
                raise AhpError(f"{cell(a, b)}: {error}") from error
        return cls(values, labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the items, in the order of the rows."""
        return self._labels

    @property
    def values(self) -> NDArray[np.float64]:
        """(n, n), read-only; NaN where a comparison was not made."""
        return self._values

    @property
    def size(self) -> int:
        """How many items there are."""
        return len(self._labels)

    @property
    def missing(self) -> tuple[tuple[str, str], ...]:
        """Pairs that were not compared, each once, in the order of the rows."""
        rows, columns = np.nonzero(np.triu(np.isnan(self._values)))
        return tuple((self._labels[i], self._labels[j]) for i, j in zip(rows, columns, strict=True))

    @property
    def complete(self) -> bool:
        """Whether every pair was compared."""
        return not bool(np.isnan(self._values).any())

    @property
    def components(self) -> tuple[tuple[str, ...], ...]:
        """Groups of items that comparisons connect; weights exist only when there is one."""
        return tuple(
            tuple(self._labels[index] for index in group) for group in components(~np.isnan(self._values))
        )

    def permuted(self, order: Sequence[str]) -> ComparisonMatrix:
        """The same comparisons with the items in another order."""
        if sorted(order) != sorted(self._labels):
            raise AhpError(f"{_listed(order)} is not an order of the items {_listed(self._labels)}")
        places = [self._labels.index(label) for label in order]
        return ComparisonMatrix(self._values[np.ix_(places, places)], order)

    def replace(self, a: str, b: str, value: float | str | None) -> ComparisonMatrix:
        """The matrix with a judged ``value`` times b, and b its reciprocal; None takes the judgement back."""
        for label in (a, b):
            if label not in self._labels:
                raise AhpError(f"{label!r} is not among the items {_listed(self._labels)}")
        if a == b:
            raise AhpError(f"{cell(a, b)}: an item compared with itself is 1 and cannot be changed")
        i, j = self._labels.index(a), self._labels.index(b)
        values = self._values.copy()
        values[i, j] = np.nan if value is None else parse_ratio(value) if isinstance(value, str) else value
        values[j, i] = np.nan
        return ComparisonMatrix(values, self._labels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ComparisonMatrix):
            return NotImplemented
        return self._labels == other._labels and np.array_equal(self._values, other._values, equal_nan=True)

    def __hash__(self) -> int:
        return hash((self._labels, self._values.tobytes()))

    def __repr__(self) -> str:
        return f"ComparisonMatrix({self._values.tolist()!r}, {list(self._labels)!r})"


def cell(a: str, b: str) -> str:
    """How a cell is named in every message."""
    return f"row {a!r}, column {b!r}"


def components(compared: NDArray[np.bool_]) -> list[list[int]]:
    """Connected groups of a symmetric (n, n) relation, each in ascending order."""
    groups: list[list[int]] = []
    left = set(range(len(compared)))
    while left:
        group = {min(left)}
        frontier = group
        while frontier:
            frontier = set(np.nonzero(compared[sorted(frontier)].any(axis=0))[0].tolist()) - group
            group |= frontier
        groups.append(sorted(group))
        left -= group
    return groups


def refuse_disconnected(matrix: ComparisonMatrix) -> None:
    """Raise AhpError naming the groups between which nothing was compared."""
    groups = matrix.components
    if len(groups) > 1:
        raise AhpError(
            f"no comparison connects {' with '.join(f'({_listed(group)})' for group in groups)}: "
            f"compare {groups[0][0]!r} with {groups[1][0]!r}, or any other pair across them"
        )


def _check_labels(labels: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if labels is None:
        return tuple(str(index + 1) for index in range(count))
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise AhpError("labels are a sequence of strings")
    if len(labels) != count:
        raise AhpError(f"{count} items have {len(labels)} labels: {_listed(labels)}")
    seen: set[str] = set()
    for label in labels:
        if not label.strip():
            raise AhpError("a label is empty: every item needs a name")
        if label in seen:
            raise AhpError(f"the label {label!r} is there twice: every item needs a name of its own")
        seen.add(label)
    return tuple(labels)


def _reciprocal(
    values: NDArray[np.float64], labels: tuple[str, ...], tolerance: float
) -> NDArray[np.float64]:
    """The values checked, empty halves filled, and exactly reciprocal."""
    given = ~np.isnan(values)
    wrong = np.argwhere(given & ~((values > 0) & np.isfinite(values)))
    if len(wrong):
        i, j = wrong[0]
        raise AhpError(f"{cell(labels[i], labels[j])}: {values[i, j]:g} is not a positive number")
    off = np.argwhere(np.diagonal(given) & (np.abs(np.diagonal(values) - 1) > tolerance))
    if len(off):
        label, value = labels[off[0][0]], values[off[0][0], off[0][0]]
        raise AhpError(f"{cell(label, label)}: an item compared with itself is 1, not {value:g}")
    with np.errstate(invalid="ignore"):
        broken = np.argwhere(given & given.T & (np.abs(values * values.T - 1) > tolerance))
    if len(broken):
        i, j = broken[0]
        raise AhpError(
            f"{cell(labels[j], labels[i])}: {values[j, i]:g} is not the reciprocal of {values[i, j]:g} in "
            f"{cell(labels[i], labels[j])}: correct one of the two, or leave one empty"
        )
    filled = reciprocal_fill(values)
    np.fill_diagonal(filled, 1.0)
    return filled


def reciprocal_fill(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, n, n) with each pair set by its judgement of 1 or more, or by the only one there is."""
    mirrored = np.swapaxes(values, -1, -2)
    with np.errstate(invalid="ignore"):
        keep = np.isnan(mirrored) | (values >= 1)
        # Exactly reciprocal either way: of a pair, the one below 1 is made from the other.
        return np.where(keep & ~np.isnan(values), values, 1 / mirrored)


def check_stack(stack: ArrayLike) -> NDArray[np.float64]:
    """(raters, n, n) checked as `ComparisonMatrix` checks one, and connected; a copy, half pairs filled.

    Raises:
        AhpError: names the first rater, counted from 1, and the cell.
    """
    try:
        array = np.array(stack, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AhpError(f"a batch is an array of raters by rows by columns: {error}") from error
    if array.ndim != 3 or array.shape[1] != array.shape[2] or not array.shape[1]:
        raise AhpError(f"a batch is raters by n by n: this one is {' by '.join(map(str, array.shape))}")
    mirrored = np.swapaxes(array, 1, 2)
    given = ~np.isnan(array)
    with np.errstate(invalid="ignore"):
        sound = ~given | ((array > 0) & np.isfinite(array))
        sound &= ~(given & np.swapaxes(given, 1, 2)) | (np.abs(array * mirrored - 1) <= TOLERANCE)
    for rater in np.nonzero(~sound.all(axis=(1, 2)))[0].tolist():
        _of_rater(rater, array[rater])
    filled = reciprocal_fill(array)
    diagonal = np.arange(array.shape[1])
    filled[:, diagonal, diagonal] = 1.0
    compared = ~np.isnan(filled)
    incomplete = np.nonzero(~compared.all(axis=(1, 2)))[0]
    for pattern in np.unique(compared[incomplete], axis=0):
        if len(components(pattern)) > 1:
            rater = next(one for one in incomplete.tolist() if np.array_equal(compared[one], pattern))
            _of_rater(rater, filled[rater])
    return filled


def _of_rater(rater: int, values: NDArray[np.float64]) -> None:
    try:
        refuse_disconnected(ComparisonMatrix(values))
    except AhpError as error:
        raise AhpError(f"rater {rater + 1}: {error}") from error


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(map(str, labels))
