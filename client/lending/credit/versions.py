"""Versions of the evaluation model off the ledger: made of weights or a survey, compared, kept in files.

Weights become whole millionths by largest remainder, so that base weights that sum to 1 sum to exactly 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from lending_domain.canonical import plain
from lending_domain.form import CompanyClass, Industry
from lending_domain.model import MILLIONTHS, Composition, Model, Origin, Source, model2
from lending_domain.money import split
from lending_domain.values import Value

Number = Decimal | Fraction | float | int
Weights = Mapping[tuple[str, str], Mapping[str, Number]]
"""(company class, industry) -> item id -> global weight, base and bonus items alike."""

SYNTHETIC = "SYNTHETIC, no evidence about real firms or raters"
# How far what should be one weight may differ between combinations: raters' means are binary fractions.
_SAME = Fraction(1, 10**9)


class VersionError(ValueError):
    """A version that cannot be made or read; the message names the item, the combination or the field."""


class Change(NamedTuple):
    """One difference between two versions. path: dotted, as in the file. None: not there."""

    path: str
    before: str | None
    after: str | None


def from_weights(
    weights: Weights,
    *,
    name: str,
    label: str,
    sources: Sequence[Source],
    provenance: str,
    synthetic: bool = False,
    predecessor: str | None = None,
    composition: Composition = Composition.AS_PUBLISHED,
    template: Model | None = None,
) -> Model:
    """A version with these weights; items, grades, grade map and bonus rules are the template's (model 2).

    sources: what the version rests on, the first one foremost. provenance: where the weights come from, said
    of each item. The base of the common model (industry
    `other`) gets exactly its own sum, rounded once to a millionth. VersionError: a combination or an item is
    missing or unknown, or a weight differs where the model has one only.
    """
    base = template or model2()
    table = {
        key: {item: _fraction(value, item) for item, value in row.items()} for key, row in weights.items()
    }
    _whole(table, base)
    judgement = {
        industry: _shares(
            {item: _one(table, item, [(one, industry) for one in CompanyClass]) for item in block}
        )
        for industry, block in base.judgement.items()
    }
    common = sum(judgement[Industry.OTHER].values())
    fixed: dict[str, dict[CompanyClass, int]] = {item: {} for item in base.items}
    for company in CompanyClass:
        keys = [(company, industry) for industry in base.industries]
        items = [item for item, one in base.items.items() if company in one.weight]
        measured = {item: _one(table, item, keys) for item in items if base.items[item].block != "bonus"}
        total = _millionths(
            sum(table[company, Industry.OTHER].get(item, Fraction(0)) for item in _base(base))
        )
        bonus = {item: _one(table, item, keys) for item in items if base.items[item].block == "bonus"}
        for item, share in (_shares(measured, total - common) | _shares(bonus)).items():
            fixed[item][company] = share
    made = base.model_copy(
        update={
            "id": name,
            "source": f"{SYNTHETIC}: {sources[0].citation}" if synthetic else sources[0].citation,
            "composition": composition,
            "joint_guarantee": base.joint_guarantee and composition is Composition.AS_PUBLISHED,
            "items": {
                item: one.model_copy(
                    update={
                        "weight": {company: _decimal(share) for company, share in fixed[item].items()},
                        "provenance": f"{one.provenance.split('; weight: ')[0]}; weight: {provenance}",
                    }
                )
                for item, one in base.items.items()
            },
            "judgement": {
                industry: {item: _decimal(share) for item, share in block.items()}
                for industry, block in judgement.items()
            },
            "origin": Origin(
                label=f"{label} ({SYNTHETIC})" if synthetic else label,
                predecessor=predecessor,
                sources=tuple(sources),
                synthetic=synthetic,
            ),
        }
    )
    return Model.model_validate(made.model_dump())


def from_survey(
    result: bytes,
    *,
    name: str,
    label: str,
    predecessor: str | None = None,
    composition: Composition = Composition.AS_PUBLISHED,
    template: Model | None = None,
) -> Model:
    """A version from the JSON that `dure ahp survey report --json` prints; its digest is named as the source.

    A result of synthetic answers makes a version that says so itself. VersionError as `from_weights`.
    """
    try:
        report: Any = json.loads(result)
        about = report["provenance"]
        weights = {(row["company_class"], row["industry"]): row["items"] for row in report["weights"]}
        synthetic = bool(report["synthetic"])
        survey = (
            f"{'synthetic ' if synthetic else ''}survey {about['survey']} version {about['survey_version']}"
        )
        citation = (
            f"{survey}: {about['accepted']} of {about['raters']} raters accepted at a consistency ratio of "
            f"{about['limit']} or less; {about['method']} weights, aggregated {about['aggregation']}"
        )
    except (ValueError, KeyError, TypeError) as error:
        raise VersionError(f"this is no result of a survey: {error!r}") from error
    return from_weights(
        weights,
        name=name,
        label=label,
        sources=[Source(kind="survey", citation=citation, digest=hashlib.sha256(result).hexdigest())],
        provenance=survey,
        synthetic=synthetic,
        predecessor=predecessor,
        composition=composition,
        template=template,
    )


def differences(new: Model, old: Model) -> tuple[Change, ...]:
    """What the new version changes, in the order of its own fields; where it comes from is no difference."""
    after, before = (dict(_flat(plain(one.model_copy(update={"origin": None})))) for one in (new, old))
    return tuple(
        Change(path, before.get(path), after.get(path))
        for path in dict.fromkeys([*after, *before])
        if not _equal(before.get(path), after.get(path))
    )


def read_version(path: Path) -> Model:
    """The version in a YAML or JSON file. VersionError names the field that does not fit."""
    try:
        # JSON is YAML, but for its numbers' and texts' corner cases.
        text = path.read_text(encoding="utf-8")
        fields = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        return Model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise VersionError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise VersionError(f"{path} cannot be read: {error}") from error


def as_yaml(value: Value) -> str:
    """A version or any other value as YAML; numbers with decimals are text, exactly as on the ledger."""
    return yaml.safe_dump(plain(value), allow_unicode=True, sort_keys=False, width=110)


def _base(model: Model) -> list[str]:
    return [item for item, one in model.items.items() if one.block != "bonus"]


def _whole(table: Mapping[tuple[str, str], Mapping[str, Fraction]], model: Model) -> None:
    """Refuse a table that lacks a combination or names an unknown item."""
    wanted = {(company, industry) for company in CompanyClass for industry in model.industries}
    given = {(str(company), str(industry)) for company, industry in table}
    for company, industry in sorted({(str(a), str(b)) for a, b in wanted} ^ given):
        raise VersionError(f"the weights of {company} firms in {industry} are missing or unknown")
    for key, row in table.items():
        for item in sorted(set(row) - set(model.items)):
            raise VersionError(f"{'/'.join(map(str, key))}: the model has no item {item!r}")


def _one(
    table: Mapping[tuple[str, str], Mapping[str, Fraction]], item: str, keys: Sequence[tuple[str, str]]
) -> Fraction:
    """The one weight that an item has in all these combinations."""
    found = []
    for key in keys:
        if item not in table[key]:
            raise VersionError(f"{'/'.join(key)}: the weight of {item} is missing")
        found.append(table[key][item])
    if max(found) - min(found) > _SAME:
        raise VersionError(f"{item} has several weights where the model has one: {', '.join(map(str, keys))}")
    return found[0]


def _fraction(value: Number, item: str) -> Fraction:
    try:
        exact = Fraction(value)
    except (ValueError, OverflowError, TypeError) as error:
        raise VersionError(f"{item}: {value!r} is no weight") from error
    if not 0 <= exact <= 1:
        raise VersionError(f"{item}: a weight lies between 0 and 1, {value} does not")
    return exact


def _millionths(value: Fraction | int) -> int:
    return round(value * MILLIONTHS)


def _shares(weights: Mapping[str, Fraction], total: int | None = None) -> dict[str, int]:
    """Millionths that sum to `total`, by default to the weights' own rounded sum."""
    if not any(weights.values()):
        raise VersionError(f"the weights of {', '.join(weights)} are all zero")
    unit = lcm(*(value.denominator for value in weights.values()))
    parts = [int(weights[item] * unit) for item in sorted(weights)]
    whole = _millionths(sum(weights.values(), Fraction(0))) if total is None else total
    shares = dict(zip(sorted(weights), split(whole, parts), strict=True))
    return {item: shares[item] for item in weights}


def _decimal(share: int) -> Decimal:
    return Decimal(share) / MILLIONTHS


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        yield path, ", ".join(map(str, value))
    elif value is not None:
        yield path, str(value)


def _equal(before: str | None, after: str | None) -> bool:
    """Whether two leaves say the same; 0.10 and 0.100 do."""
    if before is None or after is None or before == after:
        return before == after
    try:
        return Decimal(before) == Decimal(after)
    except ArithmeticError:  # text
        return False
