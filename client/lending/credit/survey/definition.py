"""What a survey asks: a hierarchy in blocks, wording in Korean and English, scale, limit, tables.

A block is a hierarchy of its own, asked in pairs: one matrix per node with children. A block may fill a
leaf of another (`fills`), for some values of the survey's dimensions only (`applies`): P2's judgement items
fill the node `judgement`, for each industry others. A block that fills nothing and is not the first stands
apart from the base, as P2's bonus does. `scale` sets a block's total instead of asking for it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, StringConstraints, ValidationError

from lending_domain.canonical import digest
from lending_domain.values import Value

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Share = Annotated[Decimal, Field(gt=0, le=1)]
Limit = Annotated[Decimal, Field(gt=0, le=10)]
Language = Literal["ko", "en"]
Combination = tuple[str, ...]
"""One value of each of the survey's dimensions, in their order: ("startup", "manufacturing")."""


_MOST = 15
"""Random indices are printed for no more items; Saaty advises nine at most."""


class SurveyError(ValueError):
    """A definition, an answer or a file that cannot be used. The message names the field."""


class Wording(Value):
    """The same in Korean and in English."""

    ko: Text
    en: Text

    def text(self, language: Language) -> str:
        """The wording in one language."""
        return self.ko if language == "ko" else self.en


class Criterion(Wording):
    """A node of the hierarchy. about: a sentence for raters that says what it means."""

    id: Id
    about: Wording | None = None
    children: tuple[Criterion, ...] = ()

    def walk(self) -> Iterator[Criterion]:
        """The node and all below it, top down."""
        yield self
        for child in self.children:
            yield from child.walk()


class Block(Criterion):
    """A hierarchy asked in pairs.

    fills: the leaf of an earlier block that it stands for. applies: dimension -> values for which it does;
    a dimension not named means all. scale: its total, set and not asked. source: where the hierarchy is from.
    """

    children: tuple[Criterion, ...] = Field(min_length=1)
    fills: Id | None = None
    applies: dict[Id, tuple[Id, ...]] = Field(default_factory=dict)
    scale: Share | None = None
    source: str = ""


class Scale(Value):
    """Judgements are 1 to `largest`, or one over it. words: what a number means, for some of them."""

    largest: Annotated[int, Field(ge=2, le=99)] = 9
    words: dict[int, Wording]


class TableForm(Wording):
    """A table of the report: the tree from `root` down, one column of leaf weights per combination."""

    id: Id
    root: Id | None = None
    columns: tuple[dict[Id, Id], ...] = Field(min_length=1)


@dataclass(frozen=True)
class Matrix:
    """Items compared with each other: a node with its children. Two or more items make questions."""

    id: str
    node: Criterion
    block: Block

    @property
    def items(self) -> tuple[str, ...]:
        """The compared nodes' ids."""
        return tuple(child.id for child in self.node.children)

    @property
    def size(self) -> int:
        """How many items are compared."""
        return len(self.node.children)

    def name(self, language: Language) -> str:
        """How a question speaks of it: the block, and the node where that is another."""
        block, node = self.block.text(language), self.node.text(language)
        return block if self.node is self.block else f"{block} · {node}"


@dataclass(frozen=True)
class Question:
    """One pair of one matrix. A judgement above 1 says that `a` matters more."""

    matrix: Matrix
    a: Criterion
    b: Criterion

    @property
    def id(self) -> str:
        """`matrix.a.b`: column of a spreadsheet, key of an answer."""
        return f"{self.matrix.id}.{self.a.id}.{self.b.id}"


class Definition(Wording):
    """A survey, as its file holds it. Raters sign the digest, so a changed survey is another survey."""

    id: Id
    version: Annotated[int, Field(ge=1)]
    source: str
    ours: tuple[str, ...] = ()
    limit: Limit = Decimal("0.2")
    beside: Limit = Decimal("0.1")
    scale: Scale
    ask: Wording
    questions: dict[str, Wording] = Field(default_factory=dict)
    dimensions: dict[Id, dict[Id, Wording]] = Field(default_factory=dict)
    blocks: tuple[Block, ...] = Field(min_length=1)
    tables: tuple[TableForm, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: what a response answers to."""
        plain = self.model_dump(mode="python")
        plain["scale"]["words"] = {str(key): value for key, value in plain["scale"]["words"].items()}
        return digest(plain)

    @cached_property
    def matrices(self) -> dict[str, Matrix]:
        """Matrix id (its node's, the block's own for the top one) -> matrix, in the order of asking."""
        return {
            node.id: Matrix(node.id, node, block)
            for block in self.blocks
            for node in block.walk()
            if node.children
        }

    @cached_property
    def asked(self) -> dict[str, Question]:
        """Question id -> question, matrix by matrix."""
        found = (
            Question(matrix, a, b)
            for matrix in self.matrices.values()
            for a, b in itertools.combinations(matrix.node.children, 2)
        )
        return {question.id: question for question in found}

    @cached_property
    def screened(self) -> tuple[Matrix, ...]:
        """The matrices that can be inconsistent: of three or more items."""
        return tuple(matrix for matrix in self.matrices.values() if matrix.size > 2)

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """Every combination of the dimensions' values; one empty one for a survey without dimensions."""
        return tuple(itertools.product(*self.dimensions.values()))

    def names(self, combination: Combination, language: Language) -> tuple[str, ...]:
        """A combination for people."""
        return tuple(
            values[one].text(language)
            for values, one in zip(self.dimensions.values(), combination, strict=True)
        )

    def combination(self, values: Mapping[str, str]) -> Combination:
        """A combination by its dimensions' names. SurveyError for a value that is missing or unknown."""
        for name, known in self.dimensions.items():
            if values.get(name) not in known:
                raise SurveyError(f"{name}: {values.get(name)!r} is none of {', '.join(known)}")
        return tuple(values[name] for name in self.dimensions)

    def applies(self, block: Block, combination: Combination) -> bool:
        """Whether a block is part of the model of a combination."""
        return all(
            one in block.applies.get(name, (one,))
            for name, one in zip(self.dimensions, combination, strict=True)
        )

    def filling(self, combination: Combination) -> dict[str, Block]:
        """Leaf id -> the block that stands for it in the model of a combination."""
        return {
            block.fills: block
            for block in self.blocks
            if block.fills is not None and self.applies(block, combination)
        }

    def apart(self, combination: Combination) -> tuple[Block, ...]:
        """The blocks over and above the base: P2's bonus."""
        return tuple(
            block for block in self.blocks[1:] if block.fills is None and self.applies(block, combination)
        )

    def trees(self, combination: Combination) -> tuple[Criterion, ...]:
        """The model of a combination: the base with every filled leaf filled, then the blocks apart."""
        filling = self.filling(combination)

        def filled(node: Criterion) -> Criterion:
            children = filling[node.id].children if node.id in filling else node.children
            return node.model_copy(update={"children": tuple(filled(child) for child in children)})

        return filled(self.blocks[0]), *self.apart(combination)

    def question_text(self, question: Question, language: Language) -> str:
        """The question's own wording, or the survey's with the names filled in."""
        own = self.questions.get(question.id)
        template = (own or self.ask).text(language)
        return template.format(
            matrix=question.matrix.name(language), a=question.a.text(language), b=question.b.text(language)
        )


def parse(text: str, name: str = "the definition") -> Definition:
    """A definition from YAML. SurveyError with one line per mistake, each naming the field."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SurveyError(f"{name} is no YAML: {str(error).splitlines()[0]}") from error
    try:
        definition = Definition.model_validate(content)
    except ValidationError as error:
        lines = (f"{_field(one['loc'], content)}: {one['msg']}" for one in error.errors())
        raise SurveyError(f"{name}: " + "; ".join(lines)) from error
    mistakes = list(_mistakes(definition))
    if mistakes:
        raise SurveyError(f"{name}: " + "; ".join(mistakes))
    return definition


def load(path: Path) -> Definition:
    """A definition from a file. SurveyError as `parse`; OSError if it cannot be read."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def packaged(name: str = "p2") -> Definition:
    """A definition of the package: `p2`, the survey behind P2's second model."""
    return parse(packaged_text(name), name)


def packaged_text(name: str = "p2") -> str:
    """The YAML of a definition of the package, to start one's own from."""
    return (files(__package__) / "data" / f"{name}.yaml").read_text(encoding="utf-8")


def _field(location: tuple[int | str, ...], content: object) -> str:
    """The path for people: a list's entry by its id where it has one."""
    words: list[str] = []
    for step in location:
        try:
            content = content[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            content = None
        named = isinstance(step, int) and isinstance(content, dict) and content.get("id")
        words.append(str(named or step))
    return ".".join(words) or "the file"


def _mistakes(definition: Definition) -> Iterator[str]:
    yield from _doubled(definition)
    yield from _combinations(definition)
    for matrix in definition.matrices.values():
        if matrix.size > _MOST:
            yield f"{matrix.id}.children: {matrix.size} items are compared, {_MOST} at most can be"
    if set(definition.scale.words) - set(range(1, definition.scale.largest + 1)):
        yield f"scale.words: a number is not from 1 to {definition.scale.largest}"
    yield from (
        f"questions.{name}: there is no such question"
        for name in definition.questions
        if name not in definition.asked
    )
    templates = {"ask": definition.ask} | {f"questions.{k}": v for k, v in definition.questions.items()}
    for name, wording in templates.items():
        try:
            for text in (wording.ko, wording.en):
                text.format(matrix="", a="", b="")
        except (KeyError, IndexError, ValueError):
            yield f"{name}: only {{matrix}}, {{a}} and {{b}} can be filled in"
    known = {node.id for block in definition.blocks for node in block.walk()}
    for table in definition.tables:
        if table.root is not None and table.root not in known:
            yield f"tables.{table.id}.root: there is no node {table.root!r}"
        for column in table.columns:
            try:
                definition.combination(column)
            except SurveyError as error:
                yield f"tables.{table.id}.columns: {error}"


def _doubled(definition: Definition) -> Iterator[str]:
    parents = Counter(n.id for block in definition.blocks for n in block.walk() if n.children)
    yield from (
        f"blocks: {name!r} is the id of two nodes with children" for name, n in parents.items() if n > 1
    )
    for block in definition.blocks:
        within = Counter(node.id for node in block.walk())
        yield from (f"blocks.{block.id}: {name!r} stands in it twice" for name, n in within.items() if n > 1)


def _combinations(definition: Definition) -> Iterator[str]:
    first, *others = definition.blocks
    if first.fills is not None or first.scale is not None or first.applies:
        yield f"blocks.{first.id}: the first block is the base: no fills, no applies, no scale"
    leaves = {node.id for node in first.walk() if not node.children}
    for block in others:
        if block.fills is not None and block.fills not in leaves:
            yield f"blocks.{block.id}.fills: there is no earlier leaf {block.fills!r}"
        if block.fills is None and block.scale is None:
            yield f"blocks.{block.id}.scale: a block that stands apart needs a total"
        for name, values in block.applies.items():
            unknown = set(values) - set(definition.dimensions.get(name, ()))
            if unknown or name not in definition.dimensions:
                yield f"blocks.{block.id}.applies.{name}: {', '.join(sorted(unknown)) or name} is unknown"
        leaves |= {node.id for node in block.walk() if not node.children}
    for combination in definition.combinations:
        filled = Counter(
            block.fills for block in others if block.fills and definition.applies(block, combination)
        )
        yield from (
            f"blocks: two fill {name!r} for {', '.join(combination)}" for name, n in filled.items() if n > 1
        )
        if not any(n > 1 for n in filled.values()):
            ids = Counter(node.id for tree in definition.trees(combination) for node in tree.walk())
            yield from (
                f"blocks: {name!r} stands twice for {', '.join(combination)}"
                for name, n in ids.items()
                if n > 1
            )
