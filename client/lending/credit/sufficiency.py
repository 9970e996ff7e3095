"""What would bring a firm to the threshold: for evaluators only, since each answer tells of the threshold."""

from collections.abc import Iterable

from lending.credit.explanation import Explainer, better_grades, gain
from lending.credit.reason_codes import Change, reason_code
from lending_domain.model import Model, Threshold, model2
from lending_domain.score import Evaluation, ItemScore, guaranteeable
from lending_domain.values import Value


class Step(Value):
    """One item at a better grade, and the points it would add in 1/60,000,000."""

    item: str
    ko: str
    en: str
    grade: int
    better: int
    gain: int
    change: Change


class Sufficiency(Value):
    """What would suffice. missing: units to the threshold, 0 when it is reached.

    singles: each item that suffices alone, at the first grade that does. smallest: the fewest items that do
    together, of those the fewest grades, of those the most points; None when nothing does.
    smallest_by_applicant: the same among the items that the applicant can change.
    """

    missing: int
    singles: tuple[Step, ...]
    smallest: tuple[Step, ...] | None
    smallest_by_applicant: tuple[Step, ...] | None


def sufficiency(evaluation: Evaluation, threshold: Threshold, model: Model | None = None) -> Sufficiency:
    """What would bring this evaluation to the threshold.

    Raises `Refused` THRESHOLD_OF_ANOTHER_MODEL, and ValueError where another model made the evaluation.
    """
    model = model or model2()
    if evaluation.model_digest != model.digest:
        raise ValueError("the evaluation was made by another version of the model")
    if guaranteeable(evaluation, threshold):
        return Sufficiency(missing=0, singles=(), smallest=(), smallest_by_applicant=())
    missing = threshold.units - evaluation.total
    room = missing if model.bonus_cap_units is None else max(0, model.bonus_cap_units - evaluation.bonus)
    steps = _steps(evaluation, model)
    bonus = {row.item for row in evaluation.items if row.block == "bonus"}

    def fewest(items: Iterable[str]) -> tuple[Step, ...] | None:
        chosen = list(items)
        return _fewest(
            [steps[name] for name in chosen if name in bonus],
            [steps[name] for name in chosen if name not in bonus],
            missing,
            room,
        )

    singles = [
        next((one for one in choices if min(one.gain, room if name in bonus else one.gain) >= missing), None)
        for name, choices in steps.items()
    ]
    return Sufficiency(
        missing=missing,
        singles=tuple(one for one in singles if one is not None),
        smallest=fewest(steps),
        smallest_by_applicant=fewest(
            name for name, choices in steps.items() if choices[0].change is Change.APPLICANT
        ),
    )


def _steps(evaluation: Evaluation, model: Model) -> dict[str, list[Step]]:
    """Item -> the better grades it could reach, the next one first; items without any are left out."""
    known = Explainer(model).criteria(evaluation.company_class, evaluation.industry)
    found = {}
    for row in evaluation.items:
        grades = better_grades(row, known[row.item], evaluation.company_class)
        if grades:
            found[row.item] = [_step(row, grade) for grade in grades]
    return found


def _step(row: ItemScore, grade: int) -> Step:
    return Step(
        item=row.item,
        ko=row.ko,
        en=row.en,
        grade=row.grade,
        better=grade,
        gain=gain(row, grade),
        change=reason_code(row.item, row.ko, row.en).change,
    )


# How many items, how many grades -> the most points so many can add, and by which steps.
_Best = dict[tuple[int, int], tuple[int, tuple[Step, ...]]]


def _fewest(
    bonus: list[list[Step]], base: list[list[Step]], missing: int, room: int
) -> tuple[Step, ...] | None:
    best: _Best = {(0, 0): (0, ())}
    for choices in bonus:
        best = _with(best, choices)
    # The cap is on all bonuses together, so they come first and are cut before anything is added.
    best = {key: (min(points, room), steps) for key, (points, steps) in best.items()}
    for choices in base:
        best = _with(best, choices)
    reaching = [key for key, (points, _) in best.items() if points >= missing]
    return best[min(reaching)][1] if reaching else None


def _with(best: _Best, choices: list[Step]) -> _Best:
    found = dict(best)
    for (items, grades), (points, steps) in best.items():
        for step in choices:
            key = (items + 1, grades + step.grade - step.better)
            if points + step.gain > found.get(key, (-1, ()))[0]:
                found[key] = (points + step.gain, (*steps, step))
    return found
