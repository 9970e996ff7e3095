"""Refusals as values: a code for programs, a sentence in Korean and in English for people, the field."""

from collections.abc import Iterable

from lending_domain.values import Value


class Violation(Value):
    """One rule that does not hold.

    code: upper-case words, stable. ko, en: one sentence each, never with a person's or a firm's data.
    field: dotted path of the offending input, empty when the rule concerns the whole.
    """

    code: str
    ko: str
    en: str
    field: str = ""


Violations = tuple[Violation, ...]


class Refused(ValueError):  # noqa: N818 - a refusal is an answer, not a fault
    """Raised where a function cannot answer with values. `violations` is never empty."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations: Violations = tuple(violations)
        if not self.violations:
            raise ValueError("a refusal needs at least one violation")
        super().__init__("; ".join(f"{one.code}: {one.en}" for one in self.violations))

    @property
    def code(self) -> str:
        """The first violation's code."""
        return self.violations[0].code


def refuse(code: str, ko: str, en: str, field: str = "") -> Refused:
    """A refusal for one reason."""
    return Refused((Violation(code=code, ko=ko, en=en, field=field),))


def require(violations: Iterable[Violation]) -> None:
    """Raise `Refused` unless there are no violations."""
    found = tuple(violations)
    if found:
        raise Refused(found)
