"""A session in words: what the rater types, what is said back. Pure; the terminal only reads and prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lending.credit.ahp.matrix import ratio_text
from lending.credit.survey.definition import Language, Question, SurveyError
from lending.credit.survey.judgements import Check
from lending.credit.survey.session import Session
from lending.credit.survey.wording import fit_particles, judgement_text, question_text

_HELP = {
    "ko": "왼쪽이 더 중요하면 {most}까지의 수, 오른쪽이 더 중요하면 -3 또는 1/3처럼; u 되돌리기, "
    "s 나중에, r 다시 답하기, q 저장하고 나가기, d 끝내기",
    "en": "1 to {most} if the left one matters more, -3 or 1/3 if the right one does; u undo, s later, "
    "r answer again, q save and leave, d done",
}


@dataclass(frozen=True)
class Turn:
    """What one line did. lines: what is said back. leaving: q was typed. finished: d was, and may be."""

    session: Session
    lines: tuple[str, ...]
    leaving: bool = False
    finished: bool = False


def take(session: Session, line: str, language: Language) -> Turn:
    """Take one line that the rater typed. A line that is understood by nobody changes nothing."""
    word, _, rest = line.strip().partition(" ")
    question = session.current
    try:
        match word.lower():
            case "" | "?":
                return Turn(session, (_help(session, language),))
            case "q":
                return Turn(session, (), leaving=True)
            case "d":
                return _done(session, language)
            case "u":
                return Turn(session.undo(), ())
            case "s":
                return Turn(session.skip(), ())
            case "r":
                return Turn(session.revisit(rest.strip() or _worst(session)), ())
        judged = f"1/{word[1:]}" if word.startswith("-") else word
        after = session.answer(judged)
    except SurveyError as error:
        told = _either(language, f"받아들일 수 없는 답입니다: {error}", str(error))
        return Turn(session, (told, _help(session, language)))
    return Turn(after, tuple(_feedback(after, question, language)) if question else ())


def ask(session: Session, language: Language) -> tuple[str, ...]:
    """What to show before the next line is read: progress, the question, or that all is answered."""
    done, of = session.progress
    question = session.current
    if question is None:
        lines = [f"[{done}/{of}] " + _either(language, "모두 답하셨습니다.", "Every question is answered.")]
        for one in session.inconsistent(float(session.definition.limit)):
            lines += _told(session, one, language)
        return (
            *lines,
            _either(language, "d 끝내기, r 다시 답하기, u 되돌리기", "d done, r answer again, u undo"),
        )
    lines = [f"[{done}/{of}] {question_text(session.definition, question, language)}"]
    lines += [
        f"    {node.text(language)}: {node.about.text(language)}"
        for node in (question.a, question.b)
        if node.about
    ]
    before = session.answers.get(question.id)
    if before is not None:
        told = judgement_text(session.definition, question, before, language)
        lines.append(_either(language, f"    지금까지의 답: {told}", f"    your answer so far: {told}"))
    return tuple(lines)


def _feedback(session: Session, question: Question, language: Language) -> Iterator[str]:
    """After an answer: how it was understood, the matrix's consistency, conflicts, what to look at again."""
    judged = session.answers[question.id]
    yield f"    {judgement_text(session.definition, question, judged, language)}"
    yield from _told(session, session.check(question.matrix.id), language)


def _told(session: Session, check: Check, language: Language) -> Iterator[str]:
    if check.consistency_ratio is None:
        return
    limit = float(session.definition.limit)
    name = check.matrix.name(language)
    over = check.exceeds(limit)
    verdict = _either(language, "초과" if over else "이내", "above" if over else "within")
    yield _either(
        language,
        f"    {name}: 일관성비율 {check.consistency_ratio:.3f} (기준 {limit:g} {verdict})",
        f"    {name}: consistency ratio {check.consistency_ratio:.3f} ({verdict} the limit {limit:g})",
    )
    for one in check.conflicts:
        yield f"    {one.text(language)}"
    if check.revisit is not None and check.suggested is not None:
        question = session.definition.asked[check.revisit]
        a, b = question.a.text(language), question.b.text(language)
        value = ratio_text(check.suggested)
        told = judgement_text(session.definition, question, value, language)
        yield fit_particles(
            _either(
                language,
                f"    다시 볼 답: {a}와(과) {b}. 다른 답과 맞으려면 {told} (r {question.id})",
                f"    look again at: {a} and {b}. The other answers would fit {told} (r {question.id})",
            )
        )


def _done(session: Session, language: Language) -> Turn:
    open_ = session.unconnected
    if not open_:
        return Turn(session, (), finished=True)
    names = ", ".join(session.definition.matrices[name].name(language) for name in open_)
    told = _either(language, "아직 가중치를 구할 수 없는 곳: ", "No weights can be had yet from: ")
    return Turn(session, (told + names,))


def _worst(session: Session) -> str:
    """The question to answer again when none is named: the hint of the least consistent matrix."""
    checks = [session.check(matrix.id) for matrix in session.definition.screened]
    hinted = [(one.consistency_ratio or 0.0, one.revisit) for one in checks if one.revisit]
    if not hinted:
        raise SurveyError("nothing contradicts; name a question to answer it again: r matrix.a.b")
    return str(max(hinted)[1])


def _help(session: Session, language: Language) -> str:
    return _HELP[language].format(most=session.definition.scale.largest)


def _either(language: Language, ko: str, en: str) -> str:
    return ko if language == "ko" else en
