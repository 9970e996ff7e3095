"""A rater's session: a state machine whose result depends on the answers and not on the way to them."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lending.credit.ahp import ComparisonMatrix, weigh
from lending.credit.survey import conversation
from lending.credit.survey.definition import SurveyError, packaged, parse
from lending.credit.survey.judgements import check, conflicts
from lending.credit.survey.response import respond
from lending.credit.survey.session import Session, resume

SURVEY = packaged()
SMALL = parse(
    """
id: small
version: 1
ko: 작은 설문
en: a small survey
source: this test
scale: {largest: 9, words: {1: {ko: 같음, en: equal}}}
ask: {ko: "{matrix}: {a}와(과) {b}?", en: "{matrix}: {a} or {b}?"}
blocks:
  - id: goal
    ko: 목표
    en: goal
    children:
      - {id: a, ko: 업력, en: Age}
      - {id: b, ko: 차입금, en: Borrowing}
      - {id: c, ko: 매출, en: Sales}
      - id: d
        ko: 담보
        en: Collateral
        children: [{id: d1, ko: 토지, en: Land}, {id: d2, ko: 건물, en: House}]
"""
)
AT = datetime(2026, 3, 2, tzinfo=UTC)
STEPS = [str(n) for n in range(1, 10)] + [f"1/{n}" for n in range(2, 10)]
_steps = st.sampled_from(STEPS)
_moves = st.one_of(
    st.tuples(st.just("answer"), _steps),
    st.just(("undo", "")),
    st.just(("skip", "")),
    st.just(("resume", "")),
    st.tuples(st.just("revisit"), st.sampled_from(sorted(SMALL.asked))),
)


def _respond(session: Session) -> bytes:
    return respond(session.definition, session.answers, AT, rater="R-1").to_bytes()


@settings(max_examples=150, deadline=None)
@given(st.lists(_moves, max_size=30), st.fixed_dictionaries({name: _steps for name in SMALL.asked}))
def test_whatever_is_done_on_the_way_the_same_answers_make_the_same_response(
    moves: list[tuple[str, str]], wanted: dict[str, str]
) -> None:
    session = Session(SMALL, "R-1")
    for move, argument in moves:
        if move == "undo":
            session = session.undo()
        elif move == "resume":
            session = resume(SMALL, session.draft())
        elif move == "revisit":
            session = session.revisit(argument)
        elif session.current is not None:
            session = session.answer(argument) if move == "answer" else session.skip()
    for name in session.answers:  # answered on the way: once more, as wanted
        session = session.revisit(name).answer(wanted[name])
    while session.current is not None:
        session = session.answer(wanted[session.current.id])
    straight = Session(SMALL, "R-1")
    while straight.current is not None:
        straight = straight.answer(wanted[straight.current.id])
    assert session.complete
    assert _respond(session) == _respond(straight)


@settings(max_examples=60, deadline=None)
@given(st.lists(_moves, max_size=20), st.sampled_from(["answer", "skip", "revisit"]))
def test_undo_takes_back_whatever_was_done_last(moves: list[tuple[str, str]], last: str) -> None:
    session = Session(SMALL, "R-1")
    for move, argument in moves:
        if move in {"answer", "skip"} and session.current is not None:
            session = session.answer(argument) if move == "answer" else session.skip()
    if last == "revisit":
        after = session.revisit("goal.b.c")
    elif session.current is None:
        return
    else:
        after = session.answer("2") if last == "answer" else session.skip()
    assert after.undo() == session
    assert after.undo().current == session.current


def test_a_skipped_question_comes_again_after_all_others() -> None:
    session = Session(SMALL, "R-1").skip()
    asked = []
    while session.current is not None:
        asked.append(session.current.id)
        session = session.answer("1")
    assert asked == [*list(SMALL.asked)[1:], next(iter(SMALL.asked))]
    assert session.progress == (7, 7)


def test_undo_at_the_beginning_is_nothing_and_an_answer_at_the_end_is_refused() -> None:
    session = Session(SMALL, "R-1")
    assert session.undo() == session
    while session.current is not None:
        session = session.answer("1")
    with pytest.raises(SurveyError, match="every question is answered"):
        session.answer("1")
    with pytest.raises(SurveyError, match="every question is answered"):
        session.skip()


@pytest.mark.parametrize("judged", ["0", "10", "1/10", "-1", "three", "nan", "inf", "", "1/0"])
def test_a_judgement_off_the_scale_is_refused_and_names_the_question(judged: str) -> None:
    with pytest.raises(SurveyError, match=r"goal\.a\.b: "):
        Session(SMALL, "R-1").answer(judged)


@pytest.mark.parametrize(
    "change",
    [
        lambda draft: draft.update(definition_digest="0" * 64),
        lambda draft: draft["steps"].append(["answer", "no.such.question", "3"]),
        lambda draft: draft["steps"].append(["answer", "goal.a.b", "99"]),
        lambda draft: draft["steps"].append(["forge", "goal.a.b"]),
        lambda draft: draft["steps"].append([]),
        lambda draft: draft.pop("steps"),
    ],
)
def test_a_draft_that_cannot_have_been_is_refused(change: object) -> None:
    draft = json.loads(Session(SMALL, "R-1").answer("3").draft())
    change(draft)  # type: ignore[operator]
    with pytest.raises(SurveyError):
        resume(SMALL, json.dumps(draft))
    with pytest.raises(SurveyError):
        resume(SMALL, "no JSON")


def test_consistency_shows_as_soon_as_a_circle_is_closed_and_equals_the_library_s() -> None:
    session = Session(SMALL, "R-1")
    ratios = []
    for judged in ("2", "3", "4", "5", "1/2", "3"):
        session = session.answer(judged)
        ratios.append(session.check("goal").consistency_ratio)
    assert ratios[:3] == [None, None, None]
    assert all(ratio is not None for ratio in ratios[3:])
    whole = ComparisonMatrix([[1, 2, 3, 4], [None, 1, 5, 1 / 2], [None, None, 1, 3], [None, None, None, 1]])
    assert ratios[-1] == pytest.approx(weigh(whole).consistency_ratio, abs=1e-12)


def test_a_circle_closed_beside_an_item_nothing_connects_yet_is_judged_by_itself() -> None:
    answers = {"goal.a.b": "9", "goal.b.c": "9", "goal.a.c": "1/9"}
    found = check(SMALL.matrices["goal"], answers)
    three = ComparisonMatrix([[1, 9, 1 / 9], [None, 1, 9], [None, None, 1]])
    assert found.consistency_ratio == pytest.approx(weigh(three).consistency_ratio)
    assert found.answered == 3


def test_a_conflict_is_named_in_words_of_both_languages() -> None:
    matrix = SMALL.matrices["goal"]
    (one,) = conflicts(matrix, {"goal.a.b": "3", "goal.b.c": "2", "goal.a.c": "1/2"})
    assert one.text("ko") == (
        "업력을 차입금보다, 차입금을 매출보다 중요하다고 하셨는데 매출을 업력보다 중요하다고 하셨습니다."
    )
    assert one.text("en") == (
        "You said that Age matters more than Borrowing, and Borrowing more than Sales, yet that "
        "Sales matters more than Age."
    )
    (one,) = conflicts(matrix, {"goal.a.b": "3", "goal.b.c": "2", "goal.a.c": "1"})
    assert one.equal
    assert "업력과 매출이 같다고" in one.text("ko")
    assert "Age and Sales matter the same" in one.text("en")
    assert not conflicts(matrix, {"goal.a.b": "3", "goal.b.c": "2"})


@settings(max_examples=80, deadline=None)
@given(st.lists(_steps, min_size=3, max_size=3))
def test_three_answers_conflict_exactly_when_no_order_of_the_items_fits_them(judged: list[str]) -> None:
    """An order with ties fits when each judged pair is ordered as judged; half-equal circles have none."""
    names = ("goal.a.b", "goal.a.c", "goal.b.c")
    signs = [(eval(one) > 1) - (eval(one) < 1) for one in judged]
    fits = any(
        [(a > b) - (a < b), (a > c) - (a < c), (b > c) - (b < c)] == signs
        for a, b, c in itertools.product(range(3), repeat=3)
    )
    found = conflicts(SMALL.matrices["goal"], dict(zip(names, judged, strict=True)))
    # Two ties and one preference are a conflict of ties alone, which nobody needs to be told.
    strict = sum(sign != 0 for sign in signs)
    assert bool(found) is (not fits and strict >= 2)
    assert len(found) <= 1


def test_the_hint_is_to_the_answer_that_mends_most() -> None:
    answers = {"goal.a.b": "2", "goal.a.c": "4", "goal.a.d": "8", "goal.b.c": "2", "goal.b.d": "1/9"}
    answers["goal.c.d"] = "2"
    found = check(SMALL.matrices["goal"], answers)
    assert found.exceeds(0.2)
    assert found.revisit == "goal.b.d"
    assert found.suggested is not None
    mended = check(SMALL.matrices["goal"], answers | {"goal.b.d": str(found.suggested)})
    assert mended.consistency_ratio is not None
    assert mended.consistency_ratio <= 0.2
    assert mended.revisit is None


def test_a_whole_session_in_words() -> None:
    session = Session(SMALL, "R-1")
    said: list[str] = []
    for line in ("3", "-2", "s", "2", "u", "2", "1/2", "3", "4", "r", "2", "d"):
        said += conversation.ask(session, "ko")
        turn = conversation.take(session, line, "ko")
        session = turn.session
        said += turn.lines
    text = "\n".join(said)
    assert "[0/7] 목표: 업력과 차입금?" in text
    assert "일관성비율" in text
    assert "하셨는데" in text
    assert "다시 볼 답" in text
    assert turn.finished


def test_words_that_mean_nothing_change_nothing_and_leaving_is_no_end() -> None:
    session = Session(SMALL, "R-1").answer("2")
    for line in ("", "?", "hello", "99", "r nowhere", "r"):
        turn = conversation.take(session, line, "en")
        assert turn.session == session
        assert turn.lines
        assert not (turn.leaving or turn.finished)
    assert conversation.take(session, "q", "en").leaving
    done = conversation.take(session, "d", "en")
    assert not done.finished
    assert "goal" in done.lines[0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["3", "-5", "s", "u", "r", "r goal.a.b", "d", "x", "1"]), max_size=25))
def test_no_line_breaks_the_session(lines: list[str]) -> None:
    session = Session(SMALL, "R-1")
    for line in lines:
        conversation.ask(session, "en")
        session = conversation.take(session, line, "en").session
    assert resume(SMALL, session.draft()) == session
