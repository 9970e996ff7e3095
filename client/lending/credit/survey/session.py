"""A rater's session as a pure state machine: a question out, an answer in. No terminal, no clock, no file.

A session is the list of what was done; everything else is derived from it by replaying, so that undo is the
list without its last entry and a draft is the list itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from lending.credit.survey.definition import Definition, Question, SurveyError
from lending.credit.survey.judgements import Check, check, comparison_matrix, read_judgement

Kind = Literal["answer", "skip", "revisit"]
_KINDS = ("answer", "skip", "revisit")


@dataclass(frozen=True)
class Step:
    """One thing a rater did. judged: with `answer` only."""

    kind: Kind
    question: str
    judged: str = ""


@dataclass(frozen=True)
class _State:
    answers: Mapping[str, str]
    later: tuple[str, ...]
    """Skipped questions, which come again after all others, the longest skipped first."""
    focus: str | None
    """A question asked for again, out of order."""


@dataclass(frozen=True)
class Session:
    """A rater's answers to a survey so far. Every operation gives another session.

    rater: pseudonym, kept in the draft. steps: what was done, in order.
    """

    definition: Definition
    rater: str
    steps: tuple[Step, ...] = ()

    @cached_property
    def _state(self) -> _State:
        state = _State({}, (), None)
        for step in self.steps:
            later = tuple(one for one in state.later if one != step.question)
            match step.kind:
                case "answer":
                    state = _State({**state.answers, step.question: step.judged}, later, None)
                case "skip":
                    if step.question not in state.answers:
                        later = (*later, step.question)
                    state = _State(state.answers, later, None)
                case "revisit":
                    state = replace(state, focus=step.question)
        return state

    @property
    def answers(self) -> Mapping[str, str]:
        """Question id -> judgement, in the survey's order: the same however the rater came to it."""
        given = self._state.answers
        return {name: given[name] for name in self.definition.asked if name in given}

    @property
    def current(self) -> Question | None:
        """The question to ask: the one asked for again, else the first open one, else the first skipped."""
        state = self._state
        if state.focus is not None:
            return self.definition.asked[state.focus]
        for name, question in self.definition.asked.items():
            if name not in state.answers and name not in state.later:
                return question
        return self.definition.asked[state.later[0]] if state.later else None

    @property
    def progress(self) -> tuple[int, int]:
        """How many questions are answered, of how many."""
        return len(self._state.answers), len(self.definition.asked)

    @property
    def complete(self) -> bool:
        """Whether every question is answered."""
        return len(self._state.answers) == len(self.definition.asked)

    @property
    def unconnected(self) -> tuple[str, ...]:
        """Matrices whose answers do not connect all items yet: no weights can be had from them."""
        return tuple(
            name
            for name, matrix in self.definition.matrices.items()
            if len(comparison_matrix(matrix, self._state.answers).components) > 1
        )

    def answer(self, judged: str) -> Session:
        """Answer the current question. SurveyError: no number on the scale, or nothing is asked."""
        question = self._asked()
        return self._with(Step("answer", question.id, read_judgement(self.definition, question.id, judged)))

    def skip(self) -> Session:
        """Put the current question off; one asked again keeps its answer. SurveyError: nothing is asked."""
        return self._with(Step("skip", self._asked().id))

    def revisit(self, question: str) -> Session:
        """Ask a question again, next. SurveyError: there is none of that id."""
        if question not in self.definition.asked:
            raise SurveyError(f"{question}: the survey has no such question")
        return self._with(Step("revisit", question))

    def undo(self) -> Session:
        """The session before its last step; at the beginning, itself."""
        return replace(self, steps=self.steps[:-1])

    def check(self, matrix: str) -> Check:
        """The consistency of one matrix so far."""
        return check(self.definition.matrices[matrix], self._state.answers, float(self.definition.limit))

    def inconsistent(self, limit: float) -> tuple[Check, ...]:
        """The matrices that exceed the limit so far."""
        checks = (self.check(matrix.id) for matrix in self.definition.screened)
        return tuple(one for one in checks if one.exceeds(limit))

    def draft(self) -> str:
        """The session as JSON, to be resumed."""
        return json.dumps(
            {
                "definition_digest": self.definition.digest,
                "rater": self.rater,
                "steps": [
                    [step.kind, step.question, *([step.judged] if step.judged else [])] for step in self.steps
                ],
            },
            ensure_ascii=False,
            indent=1,
        )

    def _asked(self) -> Question:
        if self.current is None:
            raise SurveyError("every question is answered; `revisit` asks one again")
        return self.current

    def _with(self, step: Step) -> Session:
        return replace(self, steps=(*self.steps, step))


def resume(definition: Definition, draft: str) -> Session:
    """The session of a draft. SurveyError: no draft, of another survey, or a step that cannot have been."""
    try:
        content = json.loads(draft)
        digest, rater, steps = content["definition_digest"], content["rater"], content["steps"]
        read = [Step(kind, question, *judged) for kind, question, *judged in steps]
    except (ValueError, KeyError, TypeError) as error:
        raise SurveyError("the draft is not one of a survey's session") from error
    if digest != definition.digest:
        raise SurveyError("the draft is of another survey, or of another version of this one")
    for step in read:
        if step.kind not in _KINDS or step.question not in definition.asked:
            raise SurveyError(f"the draft has a step that this survey does not know: {step.question!r}")
        if step.kind == "answer":
            read_judgement(definition, step.question, step.judged)
    return Session(definition, str(rater), tuple(read))
